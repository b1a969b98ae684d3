package redact

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestRecordsOutOfTurn: an option in one EXECVE record and what it takes in another are
// read in the order of the arguments, and each record stays where it is.
func TestRecordsOutOfTurn(t *testing.T) {
	const head = "type=EXECVE msg=audit(1.000:7): "
	for name, c := range map[string]struct{ in, want []string }{
		"two":       {[]string{`a2="S3cr3tS3cr3t"`, `argc=4 a0="app" a1="--password"`}, []string{`a2="§"`, `argc=4 a0="app" a1="--password"`}},
		"of three":  {[]string{`a10="S3cr3tS3cr3t" a11="x"`, `a9="--password"`, `argc=12 a0="app" a1="b"`}, []string{`a10="§" a11="x"`, `a9="--password"`, `argc=12 a0="app" a1="b"`}},
		"one twice": {[]string{`argc=3 a0="app" a1="--password" a2="S3cr3tS3cr3t"`, `argc=3 a0="app" a1="--password" a2="S3cr3tS3cr3t"`}, []string{`argc=3 a0="app" a1="--password" a2="§"`, `argc=3 a0="app" a1="--password" a2="§"`}},
	} {
		t.Run(name, func(t *testing.T) {
			e := one(t, build(t, nil), event.Event{Raw: head + strings.Join(c.in, "\n"+head)})
			if got, want := swap(e.Raw), head+strings.Join(c.want, "\n"+head); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
	// A split argument: the pieces change their length with what they hold.
	e := one(t, build(t, nil), event.Event{Raw: head + `a1[1]="cr3tS3cr3tzzzz"` + "\n" + head + `argc=3 a0="app" a1_len=27 a1[0]="--password=S3"`})
	if strings.Contains(e.Raw, "cr3t") || !strings.Contains(e.Raw, "a1_len="+itoa(len("--password=")+markSize)) {
		t.Errorf("it became %s", e.Raw)
	}
}

// TestHalfAByte: what was cut in the middle of a byte is read as far as it goes: in the
// source text, and in the fields of an event that says that something is wrong.
func TestHalfAByte(t *testing.T) {
	cut := func(s string) string { return upper(s) + "5" }
	for text, want := range map[string]string{
		"mysql -pS3cr3tS3cr3t":            "mysql -p§",
		"app --password=S3cr3tS3cr3t":     "app --password=§",
		"psql postgres://u:S3cr3tS3@h/db": "psql postgres://u:§@h/db",
		"ls -l /tmp /password":            "",
	} {
		plain := cut(text)
		hidden := plain
		if want != "" {
			before, after, _ := strings.Cut(want, "§")
			hidden = upper(before) + "§" + upper(after)
		}
		for _, line := range []string{
			"type=USER_CMD msg=audit(1.000:8): pid=1 msg='cwd=\"/\" cmd=", "type=EXECVE msg=audit(1.000:8): argc=3 a0=\"sh\" a1=",
		} {
			if got := swap(one(t, build(t, nil), event.Event{Raw: line + plain}).Raw); got != line+hidden {
				t.Errorf("\n got %s\nwant %s", got, line+hidden)
			}
		}
		for _, wrong := range []string{"", "it is not clear where a value ends"} {
			e := event.Event{}
			e.Fields.AddString(schema.ProcessCommandLine, plain)
			e.Fields.AddString(schema.Message, "ana ran "+plain+" (EACCES)")
			e.Fields = append(e.Fields, event.NewField(schema.AuditdData, "data", event.String(plain)))
			e.Fields.AddString(schema.ErrorMessage, wrong)
			got := one(t, build(t, nil), e)
			want := hidden
			if wrong == "" { // hex of a whole event is what somebody wrote
				want = plain
			}
			for _, s := range []string{got.Fields.Get(schema.ProcessCommandLine).Str(), strings.TrimSuffix(strings.TrimPrefix(got.Fields.Get(schema.Message).Str(), "ana ran "), " (EACCES)"),
				got.Fields.GetNamed(schema.AuditdData, "data").Str()} {
				if swap(s) != want {
					t.Errorf("%q: %s became %s, want %s", wrong, plain, swap(s), want)
				}
			}
		}
	}
}
