package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
	"tallyman/transforms/audit"
	"tallyman/transforms/redact"
)

// redactConfig writes everywhere that a secret could go. The journal does not
// compress, so that its bytes are what was given to it.
const redactConfig = `
journal: {dir: journal, compress: none}
admin: {listen: off}
log: {level: debug}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit, keep_original: always}
  - {type: container}
  - {type: rules, files: [%q]}
  - {type: redact}
outputs:
  json: {type: file, path: out.json, format: json}
  cef:  {type: file, path: out.cef, format: cef}
  rfc:  {type: file, path: out.rfc5424, format: rfc5424}
  text: {type: file, path: out.text, format: text}
  gram: {type: syslog, address: "unixgram://%s", format: json, max_bytes: 8MiB}
`

// places are the secrets of secretLog, each in another place.
var places = map[string]string{
	"option": "opt10n-Zq83xKw", "next": "n3xt-Zq83xKw", "short": "sh0rt-Zq83xKw", "shell": "sh3ll-Zq83xKw", "url": "ur1-Zq83xKw", "env": "3nv-Zq83xKw",
	"sudo": "sud0-Zq83xKw", "blank": "b1ank Zq83xKw more", "split": "spl1t-Zq83xKw", "unparsed": "unp4rsed-Zq83xKw", "header": "h34der-Zq83xKw12",
	"large": "l4rge-Zq83xKw", "held": "h3ld-Zq83xKw", "bytes": "byt3s-\xff\xfe-Zq83xKw", "title": "t1tle-Zq83xKw", "failed": "f4iled-Zq83xKw",
}

// auditArg writes an argument as the kernel does.
func auditArg(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' }) < 0 {
		return `"` + s + `"`
	}
	return strings.ToUpper(hex.EncodeToString([]byte(s)))
}

// execution is the records of an execution.
func execution(serial int, args ...string) string {
	stamp := fmt.Sprintf("msg=audit(1795232000.%03d:%d)", serial%1000, serial)
	var b strings.Builder
	fmt.Fprintf(&b, `type=SYSCALL %s: arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=1 pid=%d auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm="x" exe="/usr/bin/x" key="tm_exec"`+"\n", stamp, 1000+serial)
	fmt.Fprintf(&b, "type=EXECVE %s: argc=%d", stamp, len(args))
	for i, a := range args {
		if len(a) > 7500 { // in pieces, each in a record of its own
			fmt.Fprintf(&b, "\ntype=EXECVE %s: a%d_len=%d", stamp, i, 2*len(a))
			for j := 0; len(a) > 0; j++ {
				n := min(len(a), 3750)
				fmt.Fprintf(&b, "\ntype=EXECVE %s: a%d[%d]=%s", stamp, i, j, strings.ToUpper(hex.EncodeToString([]byte(a[:n]))))
				a = a[n:]
			}
			continue
		}
		fmt.Fprintf(&b, " a%d=%s", i, auditArg(a))
	}
	title := strings.Join(args, "\x00")
	fmt.Fprintf(&b, "\ntype=CWD %s: cwd=\"/\"\ntype=PROCTITLE %s: proctitle=%s\n", stamp, stamp, auditArg(title[:min(len(title), 128)]))
	return b.String()
}

// secretLog is an audit log in which every place of a secret is used. The last
// event is held at its end: nothing says that it is whole.
func secretLog() string {
	p := places
	var b strings.Builder
	for i, args := range [][]string{
		{"prog", "--password=" + p["option"]}, {"prog", "--token", p["next"]}, {"mysql", "-p" + p["short"], "db"},
		{"sh", "-c", "mysql -u root -p'" + p["shell"] + "' < x"}, {"psql", "postgres://ana:" + p["url"] + "@db/x"}, {"env", "DB_PASSWORD=" + p["env"], "prog"},
		{"prog", "--password=" + p["blank"]}, {"curl", "-H", "Authorization: Bearer " + p["header"], "x"}, {"prog", "--password=" + p["bytes"]},
		{"prog", strings.Repeat("x", 3743) + " --password=" + p["split"] + " " + strings.Repeat("y", 9000)},
		{"prog", "--password=" + p["large"], strings.Repeat("z", 700000)},
	} {
		b.WriteString(execution(100+i, args...))
	}
	fmt.Fprintf(&b, "type=USER_CMD msg=audit(1795232001.001:200): pid=7 uid=0 auid=1000 ses=1 msg='cwd=\"/\" cmd=%s terminal=pts/0 res=failed'\n",
		strings.ToUpper(hex.EncodeToString([]byte("mysql -p"+p["sudo"]+" db"))))
	fmt.Fprintf(&b, "type=SYSCALL msg=audit(1795232001.002:201): arch=c000003e syscall=2 success=no exit=-13 a0=1 a1=2 a2=3 a3=4 items=0 ppid=1 pid=9 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=\"x\" exe=\"/usr/bin/x\" key=\"k\"\n"+
		"type=PROCTITLE msg=audit(1795232001.002:201): proctitle=%s\n", strings.ToUpper(hex.EncodeToString([]byte("prog\x00--password\x00"+p["title"]))))
	fmt.Fprintf(&b, "this is no record, password=%s\n", p["unparsed"])
	fmt.Fprintf(&b, "type=USER_AUTH msg=audit(1795232001.003:202): pid=7 uid=0 auid=1000 ses=1 msg='op=login password=%s acct=\"ana\" exe=\"/usr/bin/login\" res=failed'\n", p["failed"])
	last := execution(300, "prog", "--password="+p["held"])
	held, _, _ := strings.Cut(last, "type=CWD")
	return b.String() + held
}

// secretRun runs the program to the end of the log and returns its folder and all
// that it said. The receiver of datagrams takes none that is large.
func secretRun(t *testing.T, config string) (dir, talk string) {
	t.Helper()
	dir = t.TempDir()
	gram := filepath.Join(dir, "gram")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: gram, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for buf := make([]byte, 1<<20); ; {
			if _, err := l.Read(buf); err != nil {
				return
			}
		}
	}()
	rules, err := filepath.Abs("../../configs/rules/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := conf(t, dir, fmt.Sprintf(config, rules, gram))
	write(t, filepath.Join(dir, "audit.log"), secretLog())
	code, text := said(t, "", "run", "--once", "--config", path)
	if code != exitFailure || !strings.Contains(text, "output gram refused events for good") {
		t.Fatalf("exit %d: %s", code, text)
	}
	return dir, text
}

// seen says in which of texts a secret can be read, in which form.
func seen(texts map[string][]byte, secret string) (where []string) {
	forms := map[string]string{"plain": secret, "hex": hex.EncodeToString([]byte(secret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for shift := range 3 { // where it stands in base64 depends on what is before
		s := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", shift) + secret))
		forms[fmt.Sprint("base64 ", shift)] = s[4*((shift+2)/3) : len(s)-4]
	}
	for name, b := range texts {
		for form, s := range forms {
			if bytes.Contains(b, []byte(s)) {
				where = append(where, name+" ("+form+")")
			}
		}
	}
	return where
}

// filesOf reads every file below a folder but the log and the configuration.
func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "audit.log" || d.Name() == "tallyman.yaml" {
			return err
		}
		texts[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// everything is all that a run leaves behind and says.
func everything(t *testing.T, config string) (texts map[string][]byte, dir string) {
	t.Helper()
	dir, talk := secretRun(t, config)
	texts = filesOf(t, dir)
	texts["the program's log"] = []byte(talk)
	for _, verb := range [][]string{{"query", "true", "--format", "json"}, {"journal", "dump"}, {"journal", "export"}} {
		_, out, talk := spoke(append(verb, "--config", filepath.Join(dir, "tallyman.yaml"))...)
		texts[strings.Join(verb, " ")] = []byte(out + talk)
	}
	return texts, dir
}

// TestNoSecretIsStored: with redact in the list no byte of what is stored or said
// tells a secret; without it the same places tell all of them, so the search finds
// what it looks for.
func TestNoSecretIsStored(t *testing.T) {
	// It is on where nothing is said, and where it is listed.
	texts, dir := everything(t, strings.Replace(redactConfig, "  - {type: redact}\n", "", 1))
	if n := bytes.Count(texts[filepath.Join(dir, "out.json")], []byte("[redacted:")); n < len(places) {
		t.Errorf("by default only %d texts are replaced", n)
	}
	texts, dir = everything(t, redactConfig)
	for _, must := range []string{"out.json", "out.cef", "out.rfc5424", "out.text", "journal/deadletter/gram.jsonl"} {
		if len(texts[filepath.Join(dir, must)]) == 0 {
			t.Errorf("%s is empty, or not there", must)
		}
	}
	for place, secret := range places {
		for _, where := range seen(texts, secret) {
			t.Errorf("the secret of %q is in %s", place, strings.TrimPrefix(where, dir))
		}
	}
	for _, where := range seen(texts, "Zq83xKw") { // the end of each
		t.Errorf("a part of a secret is in %s", strings.TrimPrefix(where, dir))
	}
	if n := bytes.Count(texts[filepath.Join(dir, "out.json")], []byte("[redacted:")); n < len(places) {
		t.Errorf("only %d secrets were replaced", n)
	}
	if !strings.Contains(string(texts["query true --format json"]), "[redacted:") {
		t.Error("query shows no event with a secret that was replaced")
	}
	without, dir := everything(t, "redact: off\n"+strings.Replace(redactConfig, "  - {type: redact}\n", "", 1))
	if exact := `"args":["prog","--password=` + places["option"] + `"]`; !bytes.Contains(without[filepath.Join(dir, "out.json")], []byte(exact)) {
		t.Errorf("without redact there is no %s", exact)
	}
	for place, secret := range places {
		found := strings.Join(seen(without, secret), "\n")
		for _, must := range []string{"/journal/", "query true", "dump"} {
			if !strings.Contains(strings.ReplaceAll(found, dir, ""), must) && place != "bytes" && place != "large" {
				t.Errorf("without redact the secret of %q is not in %s:\n%s", place, must, found)
			}
		}
	}
}

// TestKeyApartFromTheJournal: whoever copies the folder of the journal gets no key.
func TestKeyApartFromTheJournal(t *testing.T) {
	text := strings.Replace(good, "- {type: audit}\n", "- {type: audit}\n  - {type: redact, key_file: journal/key}\n", 1)
	code, out := said(t, "", "validate", "--config", conf(t, t.TempDir(), text))
	if code != exitConfig || !strings.Contains(out, "writes into the folder of the journal") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// TestConcealedRecordsDecode: records that were held, and so were stored without
// their secrets, give the same events as before but for these.
func TestConcealedRecordsDecode(t *testing.T) {
	settings := redact.Default()
	settings.KeyFile.Value = ""
	tr, err := redact.New(&settings, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(secretLog()), "\n")
	records := func() (list []event.Event) {
		for i, l := range lines {
			list = append(list, event.Event{Decode: "audit", Raw: l, Records: 1, Offset: int64(i), Seen: time.Unix(1795232100, 0)})
		}
		return list
	}
	plain, held := records(), records()
	tr.(plugin.Concealer).Conceal(held)
	if slices.EqualFunc(plain, held, func(a, b event.Event) bool { return a.Raw == b.Raw }) {
		t.Fatal("nothing was concealed")
	}
	again := slices.Clone(held)
	tr.(plugin.Concealer).Conceal(again)
	for i := range held {
		if again[i].Raw != held[i].Raw {
			t.Errorf("concealed twice it is another:\n%.200s\n%.200s", held[i].Raw, again[i].Raw)
		}
	}
	want, got := auditEvents(t, plain), auditEvents(t, held)
	if len(want) != len(got) {
		t.Fatalf("%d events became %d", len(want), len(got))
	}
	for i := range want {
		a, b := &want[i], &got[i]
		if len(a.Fields) != len(b.Fields) {
			t.Errorf("%s has %d fields instead of %d", a.Fields.Get(schema.Message).Append(nil), len(b.Fields), len(a.Fields))
			continue
		}
		for j := range a.Fields {
			x, y := string(a.Fields[j].Value().Append(nil)), string(b.Fields[j].Value().Append(nil))
			if x != y && !strings.Contains(y, "[redacted:") && a.Fields[j].Key != schema.EventHash {
				t.Errorf("%s: %.100q became %.100q", a.Fields[j].Key, x, y)
			}
			for place, secret := range places {
				if strings.Contains(y, secret) {
					t.Errorf("%s tells the secret of %q", a.Fields[j].Key, place)
				}
			}
		}
	}
}

// auditEvents decodes records and copies what comes of them.
func auditEvents(t *testing.T, records []event.Event) (events []event.Event) {
	t.Helper()
	s := audit.Default()
	s.Passwd, s.Group = "", ""
	tr, err := audit.New(&s, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	stage := tr.Lane("a").(plugin.Holder)
	for _, flush := range []bool{false, true} {
		out := &event.Batch{}
		if flush {
			stage.Flush(out)
		} else if err := stage.Apply(t.Context(), &event.Batch{Events: records}, out); err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			e.Fields = slices.Clone(e.Fields)
			events = append(events, e)
		}
	}
	return events
}
