package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tallyman/pipeline/journal"
)

const lookConfig = `journal: {dir: journal, segment_size: 64KiB, max_size: 8MiB, commit_interval: 0s, commit_bytes: 1KiB, min_free: 0B}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
outputs:
  json: {type: file, path: json.json, format: json}
  late: {type: file, path: late.json, format: json, when: 'event.outcome == "failure"'}
`

// acting is a record whose fields would act on a terminal.
const acting = `type=USER_CMD msg=audit(1795231999.001:99001): pid=7 uid=0 auid=1000 ses=1 subj=unconfined msg='cwd="/" ` +
	`cmd=1B5D303B70776E6564071B5B33316D9B324A0A7F20C285 terminal=pts/0 res=failed'` + "\n"

// journalled returns a folder with a configuration and a journal. Its frames are
// those of a run over some lines of the captured log; output json has all of
// them, as json.json says, and output late has none.
func journalled(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	without, _, _ := strings.Cut(lookConfig, "  late:")
	path = conf(t, dir, strings.Replace(without, "dir: journal", "dir: first", 1))
	write(t, filepath.Join(dir, "audit.log"), strings.Join(demoLines(t)[:3000], "\n")+"\n"+acting)
	if code, text := said(t, "", "run", "--once", "--config", path); code != exitOK {
		t.Fatalf("exit %d: %s", code, text)
	}
	again(t, filepath.Join(dir, "first"), filepath.Join(dir, "journal"))
	return dir, conf(t, dir, lookConfig)
}

// again writes the frames of a journal into another one, which output json then
// reads.
func again(t *testing.T, from, to string) {
	t.Helper()
	v, err := journal.Look(journal.Options{Dir: from})
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: to, SegmentSize: 64 << 10, Owner: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := j.Cursor("json")
	if err == nil {
		_, err = j.Cursor("late")
	}
	if err != nil {
		t.Fatal(err)
	}
	err = v.Walk(t.Context(), 0, func(f *journal.Seen) error {
		_, err := j.Append(t.Context(), journal.Frame{Payload: f.Payload, Records: f.Records, Generated: f.Generated})
		return errors.Join(err, j.Sync(t.Context()))
	}, func(d journal.Damage) { t.Error(d) })
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, ok, err := got.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if err := got.Done(e.Seq, journal.Tally{Records: journal.Counts{Delivered: uint64(e.Records)}, Generated: journal.Counts{Delivered: uint64(e.Generated)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// spoke runs a verb in this process and returns what it wrote where.
func spoke(args ...string) (code int, out, talk string) {
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// expect runs a verb and checks its exit code.
func expect(t *testing.T, code int, args ...string) (out, talk string) {
	t.Helper()
	got, out, talk := spoke(args...)
	if got != code {
		t.Fatalf("%v: exit %d, want %d: %s%s", args, got, code, out, talk)
	}
	return out, talk
}

func segmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*.seg"))
	if err != nil || len(names) < 3 {
		t.Fatalf("segments %v, %v", names, err)
	}
	return names
}

// spoil changes bytes of a file.
func spoil(t *testing.T, name string, change func(b []byte)) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	change(b)
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// state is what a folder holds: names, sizes, modes, times and bytes.
func state(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := uint32(0)
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			sum = crc32.ChecksumIEEE(text)
		}
		fmt.Fprintln(&b, p, info.Size(), info.Mode(), info.ModTime().UnixNano(), sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJournalLs(t *testing.T) {
	dir, path := journalled(t)
	before := state(t, filepath.Join(dir, "journal"))
	out, talk := expect(t, exitOK, "journal", "ls", "--config", path)
	for _, name := range segmentsOf(t, dir) {
		if !strings.Contains(out, filepath.Base(name)) {
			t.Errorf("it does not list %s", name)
		}
	}
	if talk != "" || !strings.Contains(out, "json") || !strings.Contains(out, "late") {
		t.Errorf("it said %s%s", out, talk)
	}
	out, _ = expect(t, exitOK, "journal", "ls", "--json", "--config", path)
	var l struct {
		OK       bool
		Segments []struct {
			First  uint64 `json:"first_sequence"`
			Last   uint64 `json:"last_sequence"`
			Frames uint64
			Bytes  int64
		}
		Outputs []struct {
			Output string
			Waits  struct{ Records, Generated uint64 }
			Frames uint64
			Bytes  int64
			Since  time.Time
		}
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	if !l.OK || len(l.Outputs) != 2 || l.Outputs[0].Waits.Records != 0 || l.Outputs[0].Bytes != 0 || !l.Outputs[0].Since.IsZero() {
		t.Errorf("the output that has all: %+v", l.Outputs)
	}
	late := l.Outputs[1]
	if late.Output != "late" || late.Waits.Records != 3001 || late.Frames < 3 || late.Bytes < 1000 || time.Since(late.Since) > time.Hour {
		t.Errorf("the output that has nothing: %+v", late)
	}
	next := uint64(1)
	for _, s := range l.Segments {
		if s.First != next || s.Last-s.First+1 != s.Frames || s.Bytes == 0 {
			t.Errorf("segment %+v", s)
		}
		next = s.Last + 1
	}
	expect(t, exitOK, "journal", "verify", "--config", path)
	expect(t, exitOK, "ledger", "--config", path)
	expect(t, exitOK, "query", "true", "--config", path)
	if after := state(t, filepath.Join(dir, "journal")); after != before {
		t.Errorf("looking changed the folder:\n%s\n%s", before, after)
	}
}

func TestJournalDump(t *testing.T) {
	dir, path := journalled(t)
	out, _ := expect(t, exitOK, "journal", "dump", "--config", path)
	delivered, err := os.ReadFile(filepath.Join(dir, "json.json"))
	if err != nil {
		t.Fatal(err)
	}
	if out != string(delivered) {
		t.Errorf("the journal holds %d bytes of events, and the output got %d", len(out), len(delivered))
	}
	all := strings.Count(out, "\n")
	failures := strings.Count(out, `"outcome":"failure"`)
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"limit", []string{"--limit", "3"}, 3},
		{"what an output still has to get", []string{"--output", "late"}, failures},
		{"what an output has", []string{"--output", "json"}, 0},
		{"beyond the end", []string{"--from", "100000"}, 0},
		{"cef", []string{"--format", "cef"}, all},
		{"rfc5424", []string{"--format", "rfc5424"}, all},
		{"text", []string{"--format", "text"}, all},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, talk := expect(t, exitOK, append([]string{"journal", "dump", "--config", path}, c.args...)...)
			if n := strings.Count(out, "\n"); n != c.want || talk != "" {
				t.Errorf("%d lines, want %d; it said %s", n, c.want, talk)
			}
		})
	}
	if failures == 0 || failures == all {
		t.Errorf("%d failures of %d events", failures, all)
	}
	out, _ = expect(t, exitOK, "journal", "dump", "--journal-dir", filepath.Join(dir, "journal"), "--from", "2")
	if !strings.HasSuffix(string(delivered), out) || len(out) >= len(delivered) || out == "" {
		t.Errorf("from the second frame on there are %d bytes of %d", len(out), len(delivered))
	}
	_, talk := expect(t, exitUsage, "journal", "dump", "--config", path, "--output", "jsn")
	if !strings.Contains(talk, "jsn") || !strings.Contains(talk, "json, late") {
		t.Errorf("an output that is not known: %s", talk)
	}
	_, talk = expect(t, exitUsage, "journal", "dump", "--config", path, "--format", "smoke")
	if !strings.Contains(talk, "smoke") {
		t.Errorf("a format that is not known: %s", talk)
	}
}

// TestInert: nothing that a log brings along acts on a terminal.
func TestInert(t *testing.T) {
	_, path := journalled(t)
	acts := func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }
	for _, as := range formats() {
		for _, args := range [][]string{{"journal", "dump"}, {"query", "true"}} {
			out, _ := expect(t, exitOK, append(args, "--config", path, "--format", as)...)
			if i := strings.IndexFunc(out, acts); i >= 0 || !utf8.ValidString(out) {
				t.Errorf("%v as %s: byte %d of %d acts: %q", args, as, i, len(out), out[max(i-20, 0):max(i, 0)+20])
			}
			if !strings.Contains(out, "pwned") && as != "text" {
				t.Errorf("%v as %s: the record that would act is not there", args, as)
			}
		}
	}
	if got := inertString("a\x1b[31m\u009bé\xff\x9b\t漢"); got != `a\x1b[31m\xc2\x9bé\xff\x9b`+"\t漢" {
		t.Errorf("made inert: %q", got)
	}
}

func TestJournalVerify(t *testing.T) {
	dir, path := journalled(t)
	out, talk := expect(t, exitOK, "journal", "verify", "--config", path)
	if !strings.HasPrefix(out, "ok: ") || strings.Count(out, "\n") != 1 || talk != "" {
		t.Errorf("a whole journal: %s%s", out, talk)
	}
	name := segmentsOf(t, dir)[1]
	spoil(t, name, func(b []byte) { b[len(b)/2] ^= 4 })
	out, talk = expect(t, exitCheck, "journal", "verify", "--config", path)
	for _, w := range []string{"damage: " + filepath.Base(name), " at byte ", "sequence", "records", "which an output still waits for", "NOT OK"} {
		if !strings.Contains(out, w) {
			t.Errorf("it does not say %q: %s", w, out)
		}
	}
	if !strings.Contains(talk, "1 damaged place") {
		t.Errorf("it said %s", talk)
	}
	out, _ = expect(t, exitCheck, "journal", "verify", "--json", "--config", path)
	var r struct {
		OK     bool
		Damage []struct {
			Segment string
			Records int
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || r.OK || len(r.Damage) != 1 || r.Damage[0].Records == 0 || r.Damage[0].Segment != filepath.Base(name) {
		t.Errorf("%v: %s", err, out)
	}
	for _, args := range [][]string{{"journal", "dump"}, {"query", "true"}, {"journal", "export", filepath.Join(dir, "x")}} {
		_, out, talk := spoke(append(args, "--config", path)...)
		if code, _, _ := spoke(append(args, "--config", path)...); code != exitCheck && args[1] != "export" {
			t.Errorf("%v over damage: exit %d", args, code)
		}
		if !strings.Contains(talk, filepath.Base(name)) || !strings.Contains(talk, "journal verify") || out == "" && args[1] != "export" {
			t.Errorf("%v over damage: %s", args, talk)
		}
	}
}

func TestJournalExport(t *testing.T) {
	dir, path := journalled(t)
	file := filepath.Join(dir, "events.jsonl")
	out, talk := expect(t, exitOK, "journal", "export", file, "--config", path)
	if out != "" || !strings.Contains(talk, file) {
		t.Errorf("it said %s%s", out, talk)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dumped, _ := expect(t, exitOK, "journal", "dump", "--config", path)
	if string(got) != dumped || dumped == "" {
		t.Errorf("%d bytes, and dump gives %d", len(got), len(dumped))
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link} {
		if _, talk := expect(t, exitFailure, "journal", "export", name, "--config", path); !strings.Contains(talk, "exists") {
			t.Errorf("what is there: %s", talk)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "target")); err == nil {
		t.Error("it wrote through a link")
	}
}

func TestLookMessages(t *testing.T) {
	dir, path := journalled(t)
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"folder missing", []string{"--journal-dir", "/nowhere/journal"}, exitFailure, []string{"/nowhere/journal", "no such file", "--journal-dir"}},
		{"no journal in it", []string{"--journal-dir", empty}, exitFailure, []string{empty, "there is no journal"}},
		{"a file", []string{"--journal-dir", path}, exitFailure, []string{path, "not a directory"}},
		{"empty flag", []string{"--journal-dir", ""}, exitUsage, []string{"--journal-dir", "no folder"}},
		{"configuration missing", []string{"--config", "/nowhere.yaml"}, exitConfig, []string{"/nowhere.yaml", "--journal-dir"}},
		{"configuration not valid", []string{"--config", conf(t, t.TempDir(), strings.Replace(good, "format: json", "fromat: json", 1))}, exitConfig, []string{"fromat", "^", "--journal-dir"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, verb := range [][]string{{"ledger"}, {"journal", "ls"}, {"journal", "dump"}, {"journal", "verify"}, {"journal", "export", filepath.Join(dir, "never")}, {"query", "true"}} {
				out, talk := expect(t, c.code, append(verb, c.args...)...)
				for _, w := range c.want {
					if !strings.Contains(talk, w) {
						t.Errorf("%v does not say %q: %s", verb, w, talk)
					}
				}
				if out != "" {
					t.Errorf("%v writes to standard output: %s", verb, out)
				}
			}
		})
	}
	if list, err := os.ReadDir(empty); err != nil || len(list) != 0 {
		t.Errorf("looking made %v", list)
	}
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
		t.Error("an export that failed left a file")
	}
}

// examples calls fn with every example of the verbs below cmd.
func examples(cmd *cobra.Command, fn func(cmd *cobra.Command, line string)) {
	for line := range strings.Lines(cmd.Example) {
		fn(cmd, strings.TrimSpace(line))
	}
	for _, sub := range cmd.Commands() {
		examples(sub, fn)
	}
}

// words splits a line as a shell does, as far as examples need it.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// TestLookExamples runs every example of the verbs that look at a journal.
func TestLookExamples(t *testing.T) {
	dir, path := journalled(t)
	t.Setenv("TALLYMAN_CONFIG", path)
	t.Chdir(dir)
	n := 0
	for _, cmd := range newRoot(streams{}).Commands() {
		switch cmd.Name() {
		case "ledger", "journal", "query":
		default:
			continue
		}
		examples(cmd, func(cmd *cobra.Command, line string) {
			n++
			args := words(strings.ReplaceAll(line, "/var/lib/tallyman", filepath.Join(dir, "journal")))
			if args[0] != "tallyman" {
				t.Errorf("%s: the example %q is of another program", cmd.CommandPath(), line)
				return
			}
			if code, out, talk := spoke(args[1:]...); code != exitOK {
				t.Errorf("%s: exit %d: %s%s", line, code, out, talk)
			}
		})
	}
	if n < 10 {
		t.Errorf("%d examples", n)
	}
}

func TestLedger(t *testing.T) {
	dir, path := journalled(t)
	out, talk := expect(t, exitOK, "ledger", "--config", path)
	if talk != "" {
		t.Errorf("it said %s", talk)
	}
	for _, w := range []string{"json", "late", "received", "delivered", "buffered", "3001", "balance"} {
		if !strings.Contains(out, w) {
			t.Errorf("the table has no %q: %s", w, out)
		}
	}
	spoil(t, path, func(b []byte) { copy(b[bytes.Index(b, []byte("  late:")):], "  lane:") })
	if out, _ := expect(t, exitOK, "ledger", "--config", path); !strings.Contains(out, "late (in no configuration)") {
		t.Errorf("an orphan: %s", out)
	}
	falsify(t, filepath.Join(dir, "journal", "state"), "json")
	out, talk = expect(t, exitFailure, "ledger", "--config", path)
	if !strings.Contains(out, "DOES NOT BALANCE") || !strings.Contains(talk, "the book of json does not balance") {
		t.Errorf("a false book: %s%s", out, talk)
	}
	out, _ = expect(t, exitFailure, "ledger", "--json", "--config", path)
	var l struct {
		Balanced bool
		Outputs  []struct {
			Output   string
			Balanced bool
			Orphan   bool
			States   map[string]struct{ Records, Generated uint64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	if l.Balanced || len(l.Outputs) != 2 || l.Outputs[0].Balanced || !l.Outputs[1].Balanced || !l.Outputs[1].Orphan ||
		l.Outputs[0].States["received"].Records != 3001 || l.Outputs[1].States["buffered"].Records != 3001 {
		t.Errorf("as JSON: %s", out)
	}
	out, _ = expect(t, exitCheck, "journal", "verify", "--config", path)
	if !strings.Contains(out, `the book of output "json" does not balance`) {
		t.Errorf("verify: %s", out)
	}
}

// falsify adds one to what an output delivered, in both slots of a state, under
// a right sum.
func falsify(t *testing.T, name, output string) {
	t.Helper()
	spoil(t, name, func(b []byte) {
		for at := 0; at < len(b); at += 64 << 10 {
			slot := b[at:min(at+64<<10, len(b))]
			i := bytes.Index(slot, []byte(output))
			if i < 0 {
				continue
			}
			i += len(output)
			for range 5 { // seq, base and at
				_, n := binary.Uvarint(slot[i:])
				i += n
			}
			slot[i]++
			length := binary.LittleEndian.Uint32(slot[16:])
			copy(slot[20:24], []byte{0, 0, 0, 0})
			binary.LittleEndian.PutUint32(slot[20:], crc32.Checksum(slot[:32+length], crc32.MakeTable(crc32.Castagnoli)))
		}
	})
}
