package redact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// What stands for a secret in testdata/commands, made of nothing that would tell it, and
// for one that has a shape: 40 letters and digits.
const (
	plainSecret = "Zq9Vb7XyWm"
	shapeSecret = "Zq83xKwTZq83xKwTZq83xKwTZq83xKwTZq83xKwT"
)

// commands returns the lines of a file of testdata/commands.
func commands(t testing.TB, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "commands", name))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.SplitSeq(string(text), "\n") {
		if l != "" && l[0] != '#' {
			lines = append(lines, l)
		}
	}
	return lines
}

// unveil puts secrets into a line.
func unveil(line string) string {
	for _, name := range []string{"AWS_SECRET", "SECRET_KEY="} { // names that hold the word
		line = strings.ReplaceAll(line, name, strings.ReplaceAll(name, "SECRET", "§"))
	}
	line = strings.ReplaceAll(strings.ReplaceAll(line, "https://TOKEN", "https://"+shapeSecret), "SECRET", plainSecret)
	return strings.ReplaceAll(line, "§", "SECRET")
}

// form is an event, or several, that a command makes.
type form struct {
	name   string
	events []event.Event
}

// forms returns what arguments become: each alone, so that none tells of another.
func forms(args []string) []form {
	const head = "msg=audit(1.000:7): "
	line := quoted(args)
	text := func(name string, k schema.Key, s string) form {
		e := event.Event{Records: 1}
		e.Fields.AddString(k, s)
		return form{name, []event.Event{e}}
	}
	raw := func(name, s string) form { return form{name, []event.Event{{Records: 1, Raw: s}}} }
	whole := exec(args...)
	whole.Fields.AddString(schema.ProcessCommandLine, line)
	whole.Fields.AddString(schema.ProcessTitle, strings.Join(args, " "))
	whole.Fields.AddString(schema.Message, "ana ran "+line)
	named := event.Event{Records: 1}
	named.Fields.AddNamed(schema.AuditdData, "cmd", event.String(line))
	named.Fields.AddNamed(schema.Labels, "ran", event.String(line))
	list := []form{
		{"arguments", []event.Event{exec(args...)}},
		{"whole", []event.Event{whole}},
		{"named", []event.Event{named}},
		text("line", schema.ProcessCommandLine, line),
		text("message", schema.Message, "ana ran "+line),
		text("sudo's line", schema.Message, "sudo: ana : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/"+line),
		raw("USER_CMD", "type=USER_CMD "+head+`pid=1 msg='cwd="/" cmd=`+upper(line)+` terminal=pts/0 res=success'`),
		raw("PROCTITLE", "type=PROCTITLE "+head+"proctitle="+upper(strings.Join(args, "\x00"))),
		raw("syslog", "<86>Nov 25 10:00:00 web sudo: ana : COMMAND=/usr/bin/"+line),
	}
	plain, hidden, split := "type=EXECVE "+head+"argc="+itoa(len(args)), "type=EXECVE "+head+"argc="+itoa(len(args)), "type=EXECVE "+head+"argc="+itoa(len(args))
	for i, a := range args {
		value := `"` + a + `"`
		if strings.ContainsAny(a, " \"\n") || a == "" {
			value = upper(a)
		}
		plain += " a" + itoa(i) + "=" + value
		hidden += " a" + itoa(i) + "=" + upper(a)
		half := len(a) / 2
		split += " a" + itoa(i) + "_len=" + itoa(len(a)) + " a" + itoa(i) + "[0]=" + upper(a[:half]) + "\ntype=EXECVE " + head + "a" + itoa(i) + "[1]=" + upper(a[half:])
		if len(a) < 2 {
			split = strings.TrimSuffix(split, " a"+itoa(i)+"_len="+itoa(len(a))+" a"+itoa(i)+"[0]="+upper(a[:half])+"\ntype=EXECVE "+head+"a"+itoa(i)+"[1]="+upper(a[half:]))
			split += " a" + itoa(i) + "=" + upper(a)
		}
	}
	return append(list, raw("EXECVE", plain), raw("EXECVE in hex", hidden), raw("EXECVE in pieces", split))
}

// told returns all texts of events as one, hex read.
func texts(list []event.Event) string {
	var b strings.Builder
	for i := range list {
		for _, f := range list[i].Fields {
			b.WriteString(f.Str() + "\n")
		}
		b.WriteString(list[i].Raw + "\n")
		if list[i].Raw != "" {
			joined := ""
			for w := range strings.FieldsSeq(list[i].Raw) {
				if _, v, ok := strings.Cut(w, "="); ok && strings.Trim(v, "0123456789ABCDEF") == "" && len(v)%2 == 0 {
					joined += string(unhex(v))
				}
			}
			b.WriteString(joined)
		}
	}
	return b.String()
}

// through takes events through the transform, in one batch.
func through(t testing.TB, tr *Transform, list []event.Event) []event.Event {
	t.Helper()
	var in, out event.Batch
	for _, e := range list {
		in.Add(e)
	}
	if err := tr.Lane("a").Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return out.Events
}

// shown returns the forms in which the secret of arguments is still there.
func shown(t testing.TB, tr *Transform, args []string) (names []string) {
	for _, f := range forms(args) {
		got := texts(through(t, tr, f.events))
		for _, s := range []string{plainSecret, "Vb7X", upper(plainSecret), shapeSecret[8:20]} {
			if strings.Contains(got, s) {
				names = append(names, f.name)
				if testing.Verbose() {
					t.Log(got)
				}
				break
			}
		}
	}
	return names
}

// TestCommands: the secret of a command is in no form of it: alone, behind sudo, in a
// shell, in a shell of a container.
func TestCommands(t *testing.T) {
	tr := build(t, nil)
	for _, line := range commands(t, "secret.txt") {
		args := strings.Split(unveil(line), "|")
		for name, list := range map[string][]string{"": args, "in a shell: ": {"sh", "-c", quoted(args)}, "in a container: ": {"docker", "exec", "c", "bash", "-lc", "cd /x && " + quoted(args)}} {
			if names := shown(t, tr, list); len(names) > 0 {
				t.Errorf("%s%s: shown in %s", name, line, strings.Join(names, ", "))
			}
		}
	}
}

// TestShellLines: what a shell is given, and what its history keeps.
func TestShellLines(t *testing.T) {
	tr := build(t, nil)
	for _, line := range commands(t, "shell.txt") {
		line = unveil(line)
		names := shown(t, tr, []string{"sh", "-c", line})
		for _, s := range []string{line, ": 1764000000:0;" + line, "  501  " + line} {
			e := event.Event{Records: 1, Raw: s}
			e.Fields.AddString(schema.Message, s)
			if got := texts(through(t, tr, []event.Event{e})); strings.Contains(got, plainSecret) || strings.Contains(got, shapeSecret[8:20]) {
				names = append(names, "history: "+got)
			}
		}
		if len(names) > 0 {
			t.Errorf("%s: shown in %s", line, strings.Join(names, ", "))
		}
	}
}

// TestCommandsWithoutSecrets: nothing of a command without a secret is touched.
func TestCommandsWithoutSecrets(t *testing.T) {
	tr := build(t, nil)
	for _, line := range commands(t, "kept.txt") {
		args := strings.Split(line, "|")
		for _, list := range [][]string{args, {"sh", "-c", quoted(args)}} {
			for _, f := range forms(list) {
				before := texts(f.events)
				if got := texts(through(t, tr, f.events)); got != before {
					t.Errorf("%s: %s\n%s\nbecame\n%s", line, f.name, before, got)
				}
			}
		}
	}
}

// TestListsInJSON: arguments in a list, and in a list in a text of a list.
func TestListsInJSON(t *testing.T) {
	tr := build(t, nil)
	for _, c := range []struct{ in, want string }{
		{`{"command":["mysql","-uroot","-pSECRET"],"x":1}`, `{"command":["mysql","-uroot","-p§"],"x":1}`},
		{`{"cmd": ["docker", "login", "-u", "ana", "-p", "SECRET"]}`, `{"cmd": ["docker", "login", "-u", "ana", "-p", "§"]}`},
		{`["sqlplus","scott/SECRET@db"]`, `["sqlplus","scott/§@db"]`},
		{`{"a":["sh","-c","mysql -pSECRET db"]}`, `{"a":["sh","-c","mysql -p§ db"]}`},
		{`{"log":"{\"command\":[\"mysql\",\"-pSECRET\"]}"}`, `{"log":"{\"command\":[\"mysql\",\"-p§\"]}"}`},
		{`{"args":["redis-cli","auth","ana","SECRET"]}`, `{"args":["redis-cli","auth","§","§"]}`},
		{`{"command":["mysql","-p","db"]}`, `{"command":["mysql","-p","db"]}`},
	} {
		e := event.Event{Records: 1, Raw: unveil(c.in)}
		e.Fields.AddString(schema.Message, unveil(c.in))
		got := one(t, tr, e)
		for _, s := range []string{got.Fields.Get(schema.Message).Str(), got.Raw} {
			if swap(s) != c.want {
				t.Errorf("%s became %s", c.in, s)
			}
		}
	}
}

// TestTextsWithoutSecrets: nothing of what programs and people write is touched.
func TestTextsWithoutSecrets(t *testing.T) {
	tr := build(t, nil)
	for _, line := range commands(t, "texts.txt") {
		e := event.Event{Records: 1, Raw: line}
		e.Fields.AddString(schema.Message, line)
		e.Fields.AddNamed(schema.Labels, "text", event.String(line))
		list := []event.Event{e}
		before := texts(list)
		if got := texts(through(t, tr, list)); got != before {
			t.Errorf("%s\nbecame\n%s", before, got)
		}
	}
}
