package redact

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func upper(s string) string { return hexed(s) }

// swap puts § where the text for a secret stands, in hex too.
func swap(s string) string {
	for at := strings.Index(s, markOpen); at >= 0; at = strings.Index(s, markOpen) {
		s = s[:at] + "§" + s[at+markSize:]
	}
	for open := upper(markOpen); ; {
		at := strings.Index(s, open)
		if at < 0 {
			return s
		}
		s = s[:at] + "§" + s[at+2*markSize:]
	}
}

// TestRecords: audit records keep their form, and everything but the secret.
func TestRecords(t *testing.T) {
	tr := build(t, nil)
	const head = "msg=audit(1.000:7): "
	for _, c := range []struct{ name, in, want string }{
		{"quoted", `type=EXECVE ` + head + `argc=3 a0="mysql" a1="-psecret" a2="db"`, `type=EXECVE ` + head + `argc=3 a0="mysql" a1="-p§" a2="db"`},
		{"hex", `type=EXECVE ` + head + `argc=2 a0="x" a1=` + upper("--password=a b"), `type=EXECVE ` + head + `argc=2 a0="x" a1=` + upper("--password=") + "§"},
		{"next", `type=EXECVE ` + head + `argc=4 a0="x" a1="--token" a2="abc" a3="y"`, `type=EXECVE ` + head + `argc=4 a0="x" a1="--token" a2="§" a3="y"`},
		{"next is hex", `type=EXECVE ` + head + `argc=3 a0="x" a1="--token" a2=` + upper("a b"), `type=EXECVE ` + head + `argc=3 a0="x" a1="--token" a2=§`},
		{"two records", "type=EXECVE " + head + `argc=3 a0="x" a1="--token"` + "\n" + "type=EXECVE " + head + `a2="abc"`,
			"type=EXECVE " + head + `argc=3 a0="x" a1="--token"` + "\n" + "type=EXECVE " + head + `a2="§"`},
		{"another event between", "type=EXECVE " + head + `argc=3 a0="x" a1="--token"` + "\n" + `type=EXECVE msg=audit(1.000:8): argc=1 a0="y"` + "\n" + "type=EXECVE " + head + `a2="abc"`,
			"type=EXECVE " + head + `argc=3 a0="x" a1="--token"` + "\n" + `type=EXECVE msg=audit(1.000:8): argc=1 a0="y"` + "\n" + "type=EXECVE " + head + `a2="§"`},
		{"title", "type=PROCTITLE " + head + "proctitle=" + upper("mysql\x00-psecret\x00db"), "type=PROCTITLE " + head + "proctitle=" + upper("mysql\x00-p") + "§" + upper("\x00db")},
		{"short program", "type=PROCTITLE " + head + "proctitle=" + upper("zip\x00-P\x00secret"), "type=PROCTITLE " + head + "proctitle=" + upper("zip\x00-P\x00") + "§"},
		{"sudo", "type=USER_CMD " + head + `pid=1 msg='cwd="/" cmd=` + upper("mysql -psecret db") + ` terminal=pts/0 res=success'`,
			"type=USER_CMD " + head + `pid=1 msg='cwd="/" cmd=` + upper("mysql -p") + "§" + upper(" db") + ` terminal=pts/0 res=success'`},
		{"typed", "type=TTY " + head + "data=" + upper("mysql -u root --password=secret\r"), "type=TTY " + head + "data=" + upper("mysql -u root --password=") + "§" + upper("\r")},
		{"enriched", "type=EXECVE " + head + "argc=2 a0=\"mysql\" a1=\"-psecret\"\x1dKEY=\"x\"", "type=EXECVE " + head + "argc=2 a0=\"mysql\" a1=\"-p§\"\x1dKEY=\"x\""},
		{"node", `node=web type=EXECVE ` + head + `argc=2 a0="mysql" a1="-psecret"`, `node=web type=EXECVE ` + head + `argc=2 a0="mysql" a1="-p§"`},
		{"kernel form", `audit: type=1309 audit(1.000:7): argc=2 a0="mysql" a1="-psecret"`, `audit: type=1309 audit(1.000:7): argc=2 a0="mysql" a1="-p§"`},
		{"a record of a program", "type=USER_AUTH " + head + `msg='op=login password=abc res=failed'`, "type=USER_AUTH " + head + `msg='op=login password=§ res=failed'`},
		{"no record", "<86>Nov 25 sudo: ana : COMMAND=/usr/bin/mysql -psecret", "<86>Nov 25 sudo: ana : COMMAND=/usr/bin/mysql -p§"},
		{"nothing", `type=EXECVE ` + head + `argc=3 a0="mkdir" a1="-p" a2="/srv/secret"`, ""},
		{"numbers that are hex", "type=SYSCALL " + head + `a0=5532005E7E697C7B a1=70617373 exe="/usr/bin/passwd" key="token"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				c.want = c.in
			}
			e := event.Event{Records: 1, Raw: c.in}
			e.Fields.AddString(schema.EventHash, "of the secret")
			got := one(t, tr, e)
			if swap(got.Raw) != c.want {
				t.Errorf("it became\n%q, want\n%q", swap(got.Raw), c.want)
			}
			sum := sha256.Sum256([]byte(got.Raw))
			if h := got.Fields.Get(schema.EventHash).Str(); (h == hex.EncodeToString(sum[:])) != (got.Raw != c.in) {
				t.Errorf("event.hash is %s", h)
			}
			if again := one(t, tr, event.Event{Raw: got.Raw}); again.Raw != got.Raw {
				t.Errorf("done twice it is %q", again.Raw)
			}
		})
	}
}

// TestSplitArguments: a secret over the pieces of an argument is found; no piece
// goes, and the length is right.
func TestSplitArguments(t *testing.T) {
	tr := build(t, nil)
	text := strings.Repeat("x", 10) + " --password=" + strings.Repeat("S3cr3t", 20) + " " + strings.Repeat("y", 10)
	for size := 1; size <= len(text); size++ {
		var pieces []string
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		if len(text)-121+markSize < len(pieces) {
			continue // more pieces than bytes
		}
		lines := []string{`type=EXECVE msg=audit(1.000:7): argc=2 a0="sh" a1_len=` + itoa(2*len(text))}
		for i, p := range pieces {
			lines = append(lines, `type=EXECVE msg=audit(1.000:7): a1[`+itoa(i)+`]=`+upper(p))
		}
		got := strings.Split(one(t, tr, event.Event{Raw: strings.Join(lines, "\n")}).Raw, "\n")
		if len(got) != len(lines) {
			t.Fatalf("%d records became %d", len(lines), len(got))
		}
		var whole strings.Builder
		for i, l := range got[1:] {
			_, v, ok := strings.Cut(l, `a1[`+itoa(i)+`]=`)
			if !ok || v == "" || len(v)%2 != 0 {
				t.Fatalf("size %d: piece %d is %q", size, i, l)
			}
			whole.WriteString(string(unhex(v)))
		}
		if s := swap(whole.String()); s != strings.Repeat("x", 10)+" --password=§ "+strings.Repeat("y", 10) {
			t.Fatalf("size %d: the argument is %q", size, s)
		}
		if want := "a1_len=" + itoa(2*whole.Len()); !strings.HasSuffix(got[0], want) {
			t.Fatalf("size %d: %q, want %s", size, got[0], want)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// TestCutTitle: the kernel cuts a title at 128 bytes, also in a token, whose start
// is no less a secret.
func TestCutTitle(t *testing.T) {
	tr := build(t, nil)
	title := strings.Repeat("x", 100) + "\x00ghp_" + noise(36)
	e := event.Event{Records: 1, Raw: "type=PROCTITLE msg=audit(1.000:7): proctitle=" + upper(title[:128])}
	e.Fields.AddString(schema.ProcessTitle, strings.ReplaceAll(title[:128], "\x00", " "))
	for a := range strings.SplitSeq(title[:128], "\x00") {
		e.Fields.AddString(schema.ProcessArgs, a)
	}
	got := one(t, tr, e)
	for _, s := range []string{got.Raw, got.Fields.Get(schema.ProcessTitle).Str(), strings.Join(argsOf(got), " ")} {
		if strings.Contains(s, "Zq83") || strings.Contains(s, upper("Zq83")) {
			t.Errorf("the start of the token is there: %s", s)
		}
	}
}

// TestManyArguments: 70,000 arguments, each with a sign of a secret, and texts
// made to be read again and again.
func TestManyArguments(t *testing.T) {
	tr := build(t, nil)
	var args []string
	for range 35_000 {
		args = append(args, "--password", "secret")
	}
	got := argsOf(one(t, tr, exec(args...)))
	if len(got) != len(args) || got[0] != "--password" || got[69_999] == "secret" {
		t.Errorf("%d arguments, the last is %q", len(got), got[len(got)-1])
	}
	var raw strings.Builder
	for i, a := range args {
		if i%1000 == 0 {
			raw.WriteString("\ntype=EXECVE msg=audit(1.000:7):")
		}
		raw.WriteString(" a" + itoa(i) + `="` + a + `"`)
	}
	if out := one(t, tr, event.Event{Raw: raw.String()}); strings.Contains(out.Raw, `"secret"`) {
		t.Error("a secret is left in the records")
	}
	for _, part := range []string{"pwd=/", "password=", "password=<", "pass=id=", "token=$", "eyJ", "eyJa.", "cookie:", "-----BEGIN PRIVATE KEY-----", "a://b:", "glpat-", "ghp_",
		`--password"`, `'--password `, `\"token\":`, "@tcp(", "mysql -p'", "Authorization: Digest ", "basic ", "bearer ", `sh -c "`, `"'`, "--from-literal=", "AKIA",
		"passwd|", "passwd<", "echo ", "echo a|passwd;", "<<<", "db.auth(", "db.auth('", "--secret=", "<password>", "{\"a\":[\"", "\",\"", "config set a.token ", "sqlplus a/b@c ", "a.token ",
		"redis-cli auth ", "7z ", "sudo -S <<<", "printf '\\n'|passwd;", "login x password "} {
		e := event.Event{Records: 1}
		e.Fields.AddString(schema.ProcessCommandLine, strings.Repeat(part, 1<<18/len(part)))
		e.Fields.AddString(schema.Message, strings.Repeat(part, 1<<18/len(part)))
		one(t, tr, e)
	}
}

// TestConcealGrows: an event that waits gets another record, which tells what the
// one before it asked for.
func TestConcealGrows(t *testing.T) {
	tr := build(t, nil)
	held := []event.Event{{Decode: "audit", Raw: `type=EXECVE msg=audit(1.000:7): argc=3 a0="x" a1="--token"`}}
	for range 2 {
		given := append([]event.Event(nil), held...)
		tr.Conceal(given)
		if given[0].Raw != held[0].Raw {
			t.Errorf("%q became %q", held[0].Raw, given[0].Raw)
		}
	}
	held = append(held, event.Event{Decode: "audit", Raw: `type=EXECVE msg=audit(1.000:7): a2="abc"`})
	for range 2 {
		given := append([]event.Event(nil), held...)
		tr.Conceal(given)
		if swap(given[1].Raw) != `type=EXECVE msg=audit(1.000:7): a2="§"` {
			t.Errorf("the secret is %q", given[1].Raw)
		}
	}
}

// TestConcealKeepsNoView: who looks at records as they are read gives those of a chunk, which
// is read into again. What is remembered of them is a copy.
func TestConcealKeepsNoView(t *testing.T) {
	tr := build(t, nil)
	var loan plugintest.Loan
	for _, raw := range []string{`type=CWD msg=audit(1.000:7): cwd="/tmp"`, `type=EXECVE msg=audit(1.000:8): argc=2 a0="x" a1="--token=abcdefgh"`} {
		tr.Conceal(loan.Lend([]event.Event{{Decode: "audit", Raw: raw}}))
		loan.Back()
	}
	if len(tr.concealer.memo) != 2 {
		t.Fatalf("%d lines are remembered", len(tr.concealer.memo))
	}
	for line, out := range tr.concealer.memo {
		if !strings.HasPrefix(line, "type=") || !strings.HasPrefix(out, "type=") {
			t.Errorf("%q is remembered as %q", line, out)
		}
	}
}

// TestConcealEvents: an event that waits, such as for what tells of its process, is stored without
// its secrets, and the stage that has it keeps it as it is.
func TestConcealEvents(t *testing.T) {
	tr := build(t, nil)
	e := exec("mysql", "--password=hunter2x")
	e.Fields.AddString(schema.ProcessCommandLine, "mysql --password=hunter2x")
	for range 2 {
		given := []event.Event{e, {Decode: "audit", Raw: `type=EXECVE msg=audit(1.000:8): argc=2 a0="x" a1="--token=abcdefgh"`}}
		tr.Conceal(given)
		want := one(t, tr, e)
		if !given[0].Fields.Equal(want.Fields) || strings.Contains(given[1].Raw, "abcdefgh") {
			t.Errorf("it became %v and %q, want %v", given[0].Fields, given[1].Raw, want.Fields)
		}
		if got := e.Get(schema.ProcessCommandLine).Str(); got != "mysql --password=hunter2x" {
			t.Errorf("the event that waits became %q", got)
		}
	}
}
