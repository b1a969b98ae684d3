package redact

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestCopies: what one text of an event tells is in none of it, wherever it stands.
func TestCopies(t *testing.T) {
	const head = "msg=audit(1.000:7): "
	e := exec("mysql", "-p"+plainSecret, "db")
	f := &e.Fields
	f.AddString(schema.ProcessCommandLine, "mysql -p"+plainSecret+" db")
	f.AddString(schema.ProcessTitle, "mysql -p"+plainSecret+" db")
	f.AddString(schema.Message, "ana ran mysql -p"+plainSecret+" db with "+plainSecret)
	f.AddString(schema.UserName, plainSecret)
	f.AddString(schema.UserID, "1000")
	f.AddString(schema.RelatedUser, plainSecret)
	f.AddString(schema.FilePath, "/tmp/"+plainSecret+"/x")
	f.AddString(schema.URLOriginal, "https://h/"+plainSecret)
	f.AddNamed(schema.Labels, "x", event.String(plainSecret))
	f.AddNamed(schema.ContainerLabels, "x", event.String("a "+plainSecret+" b"))
	f.AddNamed(schema.AuditdData, "data", event.String(plainSecret))
	f.AddNamed(schema.AuditdPaths, "0.name", event.String("/tmp/"+plainSecret))
	f.AddString(schema.EventHash, "of the secret")
	e.Raw = "type=EXECVE " + head + `argc=3 a0="mysql" a1="-p` + plainSecret + `" a2="db"` + "\ntype=PATH " + head + `item=0 name="/tmp/` + plainSecret +
		"\"\ntype=TTY " + head + "data=" + upper("x "+plainSecret)
	got := one(t, build(t, nil), e)
	hash := ""
	for i := range got.Fields {
		x := &got.Fields[i]
		s := x.Str()
		if strings.Contains(s, plainSecret) {
			t.Errorf("%s %s is %q", x.Key.Info().Name, x.Name(), s)
		}
		if at := strings.Index(s, markOpen); at >= 0 {
			if hash == "" {
				hash = s[at : at+markSize]
			}
			if s[at:at+markSize] != hash {
				t.Errorf("%s has another hash: %s", x.Key.Info().Name, s)
			}
		}
	}
	if strings.Contains(got.Raw, plainSecret) || strings.Contains(got.Raw, upper(plainSecret)) {
		t.Errorf("the source text is %s", got.Raw)
	}
	if again := one(t, build(t, nil), *got); again.Raw != got.Raw {
		t.Errorf("done twice it is %s", again.Raw)
	}
}

// TestNoCopies: a secret that may be something else by accident is replaced only where it
// is told.
func TestNoCopies(t *testing.T) {
	for _, secret := range []string{"postgres", "root", "12345678", "/srv/x123", "x1"} {
		e := exec("psql", "postgres://"+"u:"+strings.TrimPrefix(secret, "/")+"@h/db")
		e.Fields.AddString(schema.UserName, secret)
		e.Fields.AddString(schema.FilePath, "/usr/lib/"+secret+"/bin")
		got := one(t, build(t, nil), e)
		if got.Fields.Get(schema.UserName).Str() != secret || got.Fields.Get(schema.FilePath).Str() != "/usr/lib/"+secret+"/bin" {
			t.Errorf("%s was replaced: %v", secret, got.Fields)
		}
	}
	e := exec("mysql", "-ppassword1")
	e.Fields.AddString(schema.FilePath, "/srv/password12/xpassword1/password1.txt")
	if got := swap(one(t, build(t, nil), e).Fields.Get(schema.FilePath).Str()); got != "/srv/password12/xpassword1/§.txt" {
		t.Errorf("the path is %s", got)
	}
}
