package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// The outputs that others published beside their inputs are compared with ours,
// name by name. Where they differ, a row of differences says why ours is right;
// docs/decisions/0002-differences-from-go-libaudit.md says it at length.

type values map[string][]string

// ours returns an event as names and values.
func ours(e *event.Event) values {
	v := values{}
	for _, f := range e.Fields {
		name := f.Key.String()
		if f.Name() != "" {
			name += "." + f.Name()
		}
		v[name] = append(v[name], string(f.Value().Append(nil)))
	}
	return v
}

// flatten returns a JSON object as dotted names and values.
func flatten(out values, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			flatten(out, prefix+"."+k, in)
		}
	case []any:
		for _, in := range v {
			if m, ok := in.(map[string]any); ok {
				flatten(out, fmt.Sprintf("%s.%d", prefix, len(out)), m)
				continue
			}
			flatten(out, prefix, in)
		}
	case nil:
	default:
		name := strings.TrimPrefix(prefix, ".")
		out[name] = append(out[name], fmt.Sprint(v))
	}
}

func readJSON(t *testing.T, name string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var out []map[string]any
	if err := d.Decode(&out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// libraryNames are the names of the audit library's event and ours for the same.
var libraryNames = map[string]string{
	"summary.action": "event.action", "record_type": "auditd.message_type", "result": "auditd.result", "session": "auditd.session",
	"process.pid": "process.pid", "process.ppid": "process.parent.pid", "process.name": "process.name", "process.exe": "process.executable",
	"process.cwd": "process.working_directory", "process.args": "process.args", "process.title": "process.title",
	"user.ids.auid": "user.audit.id", "user.ids.uid": "user.id", "user.ids.euid": "user.effective.id", "user.ids.suid": "user.saved.id",
	"user.ids.fsuid": "user.filesystem.id", "user.ids.gid": "user.group.id",
	"file.path": "file.path", "file.inode": "file.inode", "file.mode": "file.mode", "file.uid": "file.uid", "file.gid": "file.gid", "file.device": "file.device",
	"source.ip": "source.ip", "source.port": "source.port", "destination.ip": "destination.ip", "destination.port": "destination.port",
	"destination.path": "destination.address", "network.direction": "network.direction",
	"ecs.event.category": "event.category", "ecs.event.type": "event.type", "tags": "tags",
}

// libraryData are the names of what the library leaves in data, where ours differ.
var libraryData = map[string]string{
	"acct": "", "addr": "", "hostname": "", "terminal": "process.tty.name", "tty": "process.tty.name", "unit": "auditd.data.unit", "exe": "process.executable",
	"cmd": "process.command_line", "grp": "group.name", "id": "",
}

// libraryEvent translates an event of the library.
func libraryEvent(m map[string]any) values {
	all, out := values{}, values{}
	flatten(all, "", m)
	for name, v := range all {
		if to, ok := libraryNames[name]; ok {
			out[to] = v
			continue
		}
		key, ok := strings.CutPrefix(name, "data.")
		if !ok {
			continue
		}
		to, ok := libraryData[key]
		switch {
		case !ok:
			out["auditd.data."+key] = v
		case to != "":
			out[to] = v
		}
	}
	return out
}

// yamlCases reads the library's test files: under each name the lines of one
// event.
func yamlCases(t *testing.T, name string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	test := ""
	for _, l := range readLines(t, name) {
		s := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(s, "type="):
			if !strings.HasPrefix(s, "type=EOE") { // a test of its own has it
				out[test] = append(out[test], s)
			}
		case strings.HasPrefix(l, "  ") && !strings.HasPrefix(s, "#"):
			test = strings.Trim(strings.TrimRight(strings.TrimRight(s, "|>"), ": "), `"'`)
		}
	}
	return out
}

func TestTheLibrarysEventsAgree(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared, "audit", "go-libaudit", "aucoalesce__*.yaml"))
	if len(files) == 0 {
		t.Skip("SKIPPED, NO expected output was read: ../shared is not beside this clone")
	}
	r := newReport(t)
	for _, name := range files {
		cases := yamlCases(t, name)
		for _, m := range readJSON(t, strings.TrimSuffix(name, ".yaml")+".json.golden") {
			test := m["test_name"].(string)
			lines := cases[test]
			if len(lines) == 0 {
				t.Errorf("%s has no lines for %q", name, test)
				continue
			}
			e := oneEvent(t, build(t, nil), lines...)
			r.compare(filepath.Base(name)+" "+test, libraryEvent(m["event"].(map[string]any)), ours(&e))
		}
	}
	r.done(400)
}

func TestAuditbeatsEventsAgree(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared, "audit", "beats", "auditbeat_*.log"))
	if len(files) == 0 {
		t.Skip("SKIPPED, NO expected output was read: ../shared is not beside this clone")
	}
	r := newReport(t)
	for _, name := range files {
		got := map[string]values{}
		tr := build(t, func(s *Settings) { // the accounts of the host that the expected output was made on
			s.Passwd, s.Group = filepath.Join("testdata", "passwd"), filepath.Join("testdata", "group")
		})
		for _, e := range run(t, tr, records(readLines(t, name)), 100) {
			v := ours(&e)
			got[v["event.sequence"][0]] = v
		}
		for _, m := range readJSON(t, name+"-expected.json") {
			want := values{}
			flatten(want, "", m)
			seq := want["auditd.sequence"][0]
			for k := range want {
				if !known(k) {
					delete(want, k)
				}
			}
			if got[seq] == nil {
				t.Errorf("%s: no event %s", name, seq)
				continue
			}
			r.compare(filepath.Base(name)+" "+seq, want, got[seq])
		}
	}
	r.done(200)
}

// known reports whether a name is one of our schema that this transform writes.
func known(name string) bool {
	if strings.HasPrefix(name, "auditd.data.") {
		return true
	}
	for _, p := range []string{"auditd.summary.", "auditd.paths", "service.type", "event.original", "event.kind", "user.audit.name", "group.id"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	_, ok := schema.NewNames().Find(name)
	return ok
}

// report collects what differs.
type report struct {
	t     *testing.T
	equal int
	used  map[int]int
}

func newReport(t *testing.T) *report { return &report{t: t, used: map[int]int{}} }

func (r *report) compare(where string, want, got values) {
	names := make([]string, 0, len(want))
	for n := range want {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		slices.Sort(want[n])
		g := slices.Sorted(slices.Values(got[n]))
		if slices.Equal(want[n], g) {
			r.equal++
			continue
		}
		why := -1
		for i, d := range differences {
			if d.explains(n, strings.Join(want[n], "|"), strings.Join(g, "|"), got) {
				why = i
				break
			}
		}
		if why < 0 {
			r.t.Errorf("%s: %s is %q, theirs is %q", where, n, got[n], want[n])
			continue
		}
		r.used[why]++
	}
}

func (r *report) done(atLeast int) {
	n := 0
	r.t.Helper()
	for i, c := range r.used {
		n += c
		r.t.Logf("%4d × %s", c, differences[i].why)
	}
	r.t.Logf("%d values are equal, %d differ for a reason", r.equal, n)
	if r.equal < atLeast {
		r.t.Errorf("only %d values were compared and equal", r.equal)
	}
}
