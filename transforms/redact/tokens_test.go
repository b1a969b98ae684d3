package redact

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// noise is n bytes of a token; no test holds one that could be real.
func noise(n int) string { return strings.Repeat("Zq83xKwT", n/8+1)[:n] }

// TestTokens: each kind of token is found wherever it stands, whole and only it.
func TestTokens(t *testing.T) {
	tr := build(t, nil)
	jwt := "eyJhbGciOiJIUzI1NiJ9." + noise(30) + "." + noise(20)
	list := map[string]string{"jwt": jwt, "github_pat": "github_pat_" + noise(40), "slack hook": "hooks.slack.com/services/T0000/B0000/" + noise(24)}
	for _, k := range tokens {
		if k.set != setPath {
			body := noise(k.least)
			if k.set == setHex {
				body = strings.Repeat("0a1b", k.least/4)
			}
			list[k.prefix] = k.prefix + body
		}
	}
	for name, secret := range list {
		for _, around := range []string{"§", "x §", "x=§ y", "\"§\"", "'§'", "https://h/?a=§&b=c", "(§)", "{\"k\":\"§\"}", "a\n§\nb", "§, and more"} {
			s := strings.ReplaceAll(around, "§", secret)
			e := event.Event{Records: 1}
			e.Fields.AddString(schema.Message, s)
			got := one(t, tr, e).Fields.Get(schema.Message).Str()
			mark := got[max(0, strings.Index(got, markOpen)):]
			if want := strings.ReplaceAll(around, "§", mark[:min(len(mark), markSize)]); got != want {
				t.Errorf("%s: %q became %q", name, s, got)
			}
		}
	}
}

// TestTokenNearMisses: what begins like a token and is none.
func TestTokenNearMisses(t *testing.T) {
	tr := build(t, nil)
	for _, s := range []string{"ghp_" + noise(35), "npm_config_registry_of_the_company_and_more", "npm_lifecycle_event=build", "AIza" + noise(20), "eyJhbGciOiJIUzI1NiJ9",
		"eyJ.x.y", "sk_live_x", "xoxb-1", "pypi-server", "glpat-short", "hf_transfer", "hvs.x", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
		"AKIAIOSFODNN7EXAMPLE", "sha256:" + strings.Repeat("0a1b2c3d", 8), strings.Repeat("0a1b2c3d", 5), "user@host:/path", "http://host:80/a@b", "a://b@c",
		"password check failed for user (root)", "Failed password for ana from 10.0.0.1 port 22 ssh2", "changed the password of bob", "op=PAM:authentication acct=\"ana\"",
		"token bucket filter", "a secret santa", "the bearer of this", "Basic settings apply", "key=\"tm_passwd\"", "--password-file=/x", "CONFIG_KEYS=y",
		"sh -c 'echo $TOKEN | docker login --password-stdin'", "echo x | docker login", "drop user x; grep password y", "was identified by the police",
	} {
		e := event.Event{Records: 1}
		e.Fields.AddString(schema.Message, s)
		if got := one(t, tr, e).Fields.Get(schema.Message).Str(); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// TestEqualSecretsAreEqual: the hash of a secret is the same wherever it stands
// and whatever told it, and another with another key.
func TestEqualSecretsAreEqual(t *testing.T) {
	tr := build(t, nil)
	secret := "ghp_" + noise(36)
	seen := map[string]bool{}
	for _, s := range []string{secret, "--token=" + secret, "--token " + secret, "--token '" + secret + "'", `{"token":"` + secret + `"}`, "https://a:" + secret + "@h/", "Authorization: Bearer " + secret} {
		e := event.Event{Records: 1}
		e.Fields.AddString(schema.Message, s)
		got := one(t, tr, e).Fields.Get(schema.Message).Str()
		at := strings.Index(got, markOpen)
		if at < 0 || strings.Count(got, markOpen) != 1 {
			t.Fatalf("%q became %q", s, got)
		}
		seen[got[at:at+markSize]] = true
	}
	if len(seen) != 1 {
		t.Errorf("one secret has %d hashes", len(seen))
	}
	other := build(t, nil)
	other.key.text = []byte("another key")
	e := event.Event{Records: 1}
	e.Fields.AddString(schema.Message, secret)
	if got := one(t, other, e).Fields.Get(schema.Message).Str(); seen[got] {
		t.Error("another key gives the same hash")
	}
}

// TestTexts: what stays around a secret, in texts of every kind.
func TestTexts(t *testing.T) {
	tr := build(t, nil)
	for _, c := range []struct{ in, want string }{
		{"mysql -pSECRET db", "mysql -p§ db"},
		{"mysql '-pSE CR' db", "mysql '-p§' db"},
		{`sh -c 'mysql -p'\''SE CR'\'' db; rm -rf /x'`, `sh -c 'mysql -p'\''§'\'' db; rm -rf /x'`},
		{`x --password="SE CR" --next`, `x --password="§" --next`},
		{"uid 1000 ran mysql -pSECRET db", "uid 1000 ran mysql -p§ db"},
		{"ana ran curl -u ana:SECRET https://x (EACCES)", "ana ran curl -u ana:§ https://x (EACCES)"},
		{"PASSWORD=SECRET make -j4; ls", "PASSWORD=§ make -j4; ls"},
		{"COMMAND=/usr/bin/mysql -pSECRET db", "COMMAND=/usr/bin/mysql -p§ db"},
		{`{"user":"ana","password":"SECRET","x":1}`, `{"user":"ana","password":"§","x":1}`},
		{`{"cmd":["x","--password","SECRET","y"]}`, `{"cmd":["x","--password","§","y"]}`},
		{`{\"password\":\"SECRET\"}`, `{\"password\":\"§\"}`},
		{"password: SECRET\nuser: ana", "password: §\nuser: ana"},
		{"https://ana:SECRET@h/p?x=y", "https://ana:§@h/p?x=y"},
		{"/login?user=ana&password=SECRET&next=/", "/login?user=ana&password=§&next=/"},
		{"-----BEGIN RSA PRIVATE KEY-----\nSECRET\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----§-----END RSA PRIVATE KEY-----"},
		{"AKIAIOSFODNN7EXAMPLE:" + noise(40), "AKIAIOSFODNN7EXAMPLE:§"},
		{"Authorization: Basic YW5hOlNFQ1JFVA== x", "Authorization: Basic § x"},
		{`{"auths":{"h":{"auth":"YW5hOlNFQ1JFVA=="}}}`, `{"auths":{"h":{"auth":"§"}}}`},
		{`{\"auth\": \"YW5hOlNFQ1JFVA==\"}`, `{\"auth\": \"§\"}`},
		{`{"auth":"none","authority":"x"}`, `{"auth":"none","authority":"x"}`},
		{"curl https://x.blob.example/c?sv=1&sig=" + noise(43) + "%3D&se=2", "curl https://x.blob.example/c?sv=1&sig=§&se=2"},
		{"curl https://h/?design=" + noise(43), "curl https://h/?design=" + noise(43)},
		{"<settings><password>SECRET</password></settings>", "<settings><password>§</password></settings>"},
		{"Authorization: GenieKey SECRET x", "Authorization: GenieKey § x"},
		{"Authorization: Unknown Zq83xKwT9 x", "Authorization: § § x"},
		{"https://" + noise(24) + "@h/x https://ana@h/x", "https://§@h/x https://ana@h/x"},
		{"machine h login ana password SECRET", "machine h login ana password §"},
		{"Bearer " + noise(24) + " x", "Bearer § x"},
		{"psql -c \"ALTER USER ana WITH PASSWORD 'SECRET';\"", "psql -c \"ALTER USER ana WITH PASSWORD '§';\""},
		{`psql -c 'create role x password '\''SE CR'\'' login'`, `psql -c 'create role x password '\''§'\'' login'`},
		{"mysql -e \"CREATE USER a IDENTIFIED WITH caching_sha2_password BY 'SECRET'\"", "mysql -e \"CREATE USER a IDENTIFIED WITH caching_sha2_password BY '§'\""},
		{"sh -c 'echo SECRET | docker login -u a --password-stdin'", "sh -c 'echo § | docker login -u a --password-stdin'"},
		{"sh -c 'echo -n \"SE CR\" | docker login --password-stdin'", "sh -c 'echo -n \"§\" | docker login --password-stdin'"},
		{"ssh-keygen -t rsa -N SECRET -f x", "ssh-keygen -t rsa -N § -f x"},
		{"x --password SECRET --token=SECRET", "x --password § --token=§"},
		{"x=\xff\xfe --password=SE\xff\xfeCR y\xff", "x=\xff\xfe --password=§ y\xff"},
	} {
		for _, k := range []schema.Key{schema.Message, schema.JenkinsScript, schema.URLOriginal} {
			e := event.Event{Records: 1}
			e.Fields.AddString(k, c.in)
			got := one(t, tr, e).Fields.Get(k).Str()
			plain := got
			for at := strings.Index(plain, markOpen); at >= 0; at = strings.Index(plain, markOpen) {
				plain = plain[:at] + "§" + plain[at+markSize:]
			}
			if plain != c.want {
				t.Errorf("%s: %q became %q", k, c.in, got)
			}
		}
	}
}

// TestNamedValues: a value whose name says that it is a secret, and a name that
// is one.
func TestNamedValues(t *testing.T) {
	tr := build(t, nil)
	e := event.Event{Records: 1}
	e.Fields.AddNamed(schema.AuditdData, "password", event.String("x"))
	e.Fields.AddNamed(schema.ContainerLabels, "com.example.db-password", event.String("plain words"))
	e.Fields.AddNamed(schema.JenkinsBuildParameters, "API_KEY", event.String("abc"))
	e.Fields.AddNamed(schema.AuditdData, "ghp_"+noise(36), event.String("kept"))
	e.Fields.AddNamed(schema.ContainerLabels, "com.example.secret-name", event.String("kept"))
	e.Fields.AddNamed(schema.AuditdData, "key", event.String("kept"))
	e.Fields.AddNamed(schema.Labels, "cmd", event.String("mysql -psecret"))
	e.Fields.AddNamed(schema.Labels, "DB_PWD", event.String("x"))
	got := one(t, tr, e)
	for i, want := range []bool{true, true, true, false, false, false, true, true} {
		f := got.Fields[i]
		if strings.Contains(f.Str(), markOpen) != want {
			t.Errorf("%s is %q", f.Name(), f.Str())
		}
		if strings.Contains(f.Name(), "ghp_") {
			t.Errorf("the name %s is a token", f.Name())
		}
	}
}

// TestSharedFields: an alert that shares the memory of what it judges loses its
// secrets too, and says so.
func TestSharedFields(t *testing.T) {
	var in, out event.Batch
	e := exec("mysql", "-psecret")
	in.Add(e)
	alert := e
	alert.Records = 0
	in.Add(alert)
	if err := build(t, nil).Lane("a").Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	for i := range out.Events {
		if got := out.Events[i].Fields; strings.Contains(argsOf(&out.Events[i])[1], "secret") || got.Get(schema.Tags).Str() != Tag {
			t.Errorf("event %d: %v", i, got)
		}
	}
	if argsOf(&in.Events[0])[1] != "-psecret" {
		t.Error("the memory of another event was changed")
	}
}
