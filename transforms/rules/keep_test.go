package rules

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// stateful are rules of every kind of state, with tags and marks that must not
// change what is learned.
const stateful = `
rules:
- {id: A-001, title: plain, severity: low, condition: 'process.name == "fail"', tags: [seen]}
- {id: A-002, title: threshold, severity: low, condition: 'process.name in ["fail", "sh"] && !("seen" in tags)', threshold: {count: 3, window: 60s, by: [user.name]}, suppress: {by: [user.name], for: 30s}}
- {id: A-003, title: distinct, severity: low, condition: 'true', distinct: {value: file.path, count: 2, window: 60s, by: [user.name]}, tags: [many]}
- {id: A-004, title: first, severity: low, condition: 'true', first_seen: {by: [user.name], value: file.path, learn: 20s, ttl: 90s, max: 6}}
- {id: A-008, title: baseline, severity: low, condition: 'true', first_seen: {by: [user.name], value: file.path, learn: 20s, ttl: 90s, max: 6, baseline: file}}
- {id: A-009, title: rate, severity: low, condition: 'true', band: {by: [user.name], every: 5s, learn: 10s, width: 1}}
- {id: A-010, title: band, severity: low, condition: 'true', band: {value: len(process.name) * len(user.name), learn: 10s, width: 0.5, side: both}}
- {id: A-005, title: after, severity: low, condition: 'process.name == "sh"', after: {rule: A-001, within: 60s, by: [user.name]}}
- {id: A-006, title: sampled, severity: low, condition: 'true', suppress: {for: 10s}, sample: {rate: 3}}
- {id: A-007, title: after what is silent, severity: low, condition: 'true', after: {rule: A-002, within: 10s}}
`

func keeperOf(t *testing.T, text string) plugin.Keeper {
	t.Helper()
	return keeperIn(t, write(t, text))
}

func keeperIn(t *testing.T, dir string) plugin.Keeper {
	t.Helper()
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	b := &bench{t: t, dir: dir}
	tr, err := New(&s, b.env())
	if err != nil {
		t.Fatal(err)
	}
	return tr.(plugin.Keeper)
}

// story draws a stream of events in batches.
func story(t *rapid.T) [][]event.Event {
	var all [][]event.Event
	at := 0.0
	for range rapid.IntRange(2, 25).Draw(t, "batches") {
		var batch []event.Event
		for range rapid.IntRange(1, 4).Draw(t, "events") {
			at += float64(rapid.IntRange(0, 15).Draw(t, "pause"))
			late := float64(rapid.IntRange(0, 5).Draw(t, "late"))
			e := exec(max(at-late, 0), "process.name", rapid.SampledFrom([]string{"sh", "fail", "ls"}).Draw(t, "name"),
				"user.name", rapid.SampledFrom([]string{"ana", "bob"}).Draw(t, "user"),
				"file.path", rapid.SampledFrom([]string{"/1", "/2", "/3", "/4"}).Draw(t, "file"))
			e.Offset = int64(len(all)*10 + len(batch) + 1)
			batch = append(batch, e)
		}
		all = append(all, batch)
	}
	return all
}

// judged runs one batch and returns copies of what came out.
func judged(t *rapid.T, st plugin.Stage, events []event.Event) []event.Event {
	var in, out event.Batch
	var loan plugintest.Loan // the texts of a batch are written over after it
	in.Events = append(in.Events, loan.Lend(events)...)
	if err := st.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	list := make([]event.Event, len(out.Events))
	for i := range out.Events {
		list[i] = out.Events[i].Own()
	}
	loan.Back()
	return list
}

// TestACutChangesNoAlert cuts random streams: what was known at a snapshot, and
// what was journalled after it, make a fresh transform judge the rest as one that
// was never stopped.
func TestACutChangesNoAlert(t *testing.T) {
	dir := write(t, stateful)
	alerts := map[string]int{}
	whole, again := keeperIn(t, dir), keeperIn(t, dir)
	blank := snap(t, whole)
	rapid.Check(t, func(rt *rapid.T) {
		if err := whole.Restore(blank); err != nil {
			rt.Fatal(err)
		}
		all := story(rt)
		cut := rapid.IntRange(0, len(all)).Draw(rt, "cut")
		snapAt := rapid.IntRange(0, cut).Draw(rt, "snapshot")
		st := whole.Lane("audit")
		var snapshot []byte
		var out [][]event.Event
		for i, batch := range all {
			if i == snapAt {
				snapshot = snap(t, whole)
			}
			out = append(out, judged(rt, st, batch))
		}
		if snapAt == len(all) {
			snapshot = snap(t, whole)
		}
		if err := again.Restore(snapshot); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(snapshot, snap(t, again)); diff != "" {
			rt.Fatalf("a snapshot of what was restored is another: %s", diff)
		}
		for _, batch := range out[snapAt:cut] {
			again.Learn(batch)
		}
		st = again.Lane("audit")
		for i := cut; i < len(all); i++ {
			for _, e := range out[i] {
				alerts[e.Get(schema.RuleID).Str()]++
			}
			if diff := cmp.Diff(out[i], judged(rt, st, all[i])); diff != "" {
				rt.Fatalf("batch %d of %d, cut at %d, snapshot at %d (- whole, + cut):\n%s", i, len(all), cut, snapAt, diff)
			}
		}
	})
	for _, kind := range []string{"A-002", "A-003", "A-004", "A-005", "A-006", "A-008", "A-009", "A-010"} {
		if alerts[kind] == 0 {
			t.Errorf("no stream raised an alert of %s: nothing of it was compared", kind)
		}
	}
}

func snap(t *testing.T, k plugin.Keeper) []byte {
	t.Helper()
	b, err := k.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLearningMakesNoEvent: neither counters nor the events are touched.
func TestLearningMakesNoEvent(t *testing.T) {
	b := &bench{t: t, dir: write(t, stateful)}
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	tr, err := New(&s, b.env())
	if err != nil {
		t.Fatal(err)
	}
	e := exec(0, "process.name", "fail", "user.name", "ana", "file.path", "/1")
	e.Fields.AddString(schema.TallymanRules, "A-001")
	e.Fields.AddString(schema.Tags, "seen")
	events := []event.Event{e}
	want := append(event.Fields(nil), e.Fields...)
	tr.(plugin.Keeper).Learn(events)
	if diff := cmp.Diff(want, events[0].Fields); diff != "" || len(events) != 1 {
		t.Errorf("the event was changed: %s", diff)
	}
	if n := b.count("tallyman_rules_matches_total"); n != 0 {
		t.Errorf("%v matches were counted again", n)
	}
}

// TestAnAlertInTheJournalIsBelieved: its condition was another when it was made.
func TestAnAlertInTheJournalIsBelieved(t *testing.T) {
	k := keeperOf(t, `
rules:
- {id: X-001, title: x, severity: low, condition: 'process.name == "sh"', suppress: {by: [user.name], for: 60s}}
- {id: X-002, title: y, severity: low, condition: 'process.name == "sh"', after: {rule: X-001, within: 10s, by: [user.name]}}
`)
	e := exec(0, "process.name", "bash", "user.name", "ana")
	alert := e
	alert.Fields = append(event.Fields(nil), e.Fields...)
	alert.Fields.Set(schema.EventKind, event.String("alert"))
	alert.Fields.AddString(schema.RuleID, "X-001")
	alert.Fields.AddString(schema.EventReference, e.ID.String())
	gone := alert
	gone.Fields = append(event.Fields(nil), alert.Fields...)
	gone.Fields.Set(schema.RuleID, event.String("X-009"))
	k.Learn([]event.Event{e, alert, gone})
	b := &bench{t: t, stage: k.Lane("audit")}
	for _, c := range []struct {
		at   float64
		user string
		want string
	}{{5, "ana", "X-002"}, {5, "bob", "X-001"}, {61, "ana", "X-001"}} {
		if got := strings.Join(b.alerts(exec(c.at, "process.name", "sh", "user.name", c.user)), " "); got != c.want {
			t.Errorf("%s at %gs: %q, want %q", c.user, c.at, got, c.want)
		}
	}
}

// TestOnlyWhatStillFitsIsRestored: a rule that is gone, or whose key was changed,
// begins anew; the others go on, also with another count.
func TestOnlyWhatStillFitsIsRestored(t *testing.T) {
	rule := func(id, state string) string {
		return fmt.Sprintf("- {id: %s, title: x, severity: low, condition: 'process.name == \"sh\"', %s}\n", id, state)
	}
	old := keeperOf(t, "rules:\n"+rule("R-001", "first_seen: {value: user.name}")+rule("R-002", "suppress: {by: [user.name], for: 60s}")+
		rule("R-003", "threshold: {count: 9, window: 60s}")+rule("R-004", "distinct: {value: file.path, count: 1, window: 60s}"))
	b := &bench{t: t, stage: old.Lane("audit")}
	b.run(exec(0, "process.name", "sh", "user.name", "ana", "file.path", "/1"))
	k := keeperOf(t, "rules:\n"+rule("R-001", "first_seen: {value: user.name, ttl: 1h}")+rule("R-002", "suppress: {by: [file.path], for: 60s}")+
		rule("R-003", "threshold: {count: 2, window: 60s}"))
	if err := k.Restore(snap(t, old)); err != nil {
		t.Fatal(err)
	}
	b.stage = k.Lane("audit")
	if got := strings.Join(b.alerts(exec(1, "process.name", "sh", "user.name", "ana", "file.path", "/1")), " "); got != "R-002 R-003" {
		t.Errorf("alerts %q", got)
	}
}

func TestADamagedSnapshotLeavesNothing(t *testing.T) {
	text := "rules:\n- {id: R-001, title: x, severity: low, condition: 'true', first_seen: {value: user.name}}\n"
	k := keeperOf(t, text)
	b := &bench{t: t, stage: k.Lane("audit")}
	b.run(exec(0, "user.name", "ana"))
	good := snap(t, k)
	for name, bad := range map[string][]byte{"cut": good[:len(good)-1], "empty": nil, "longer": append(append([]byte(nil), good...), 0),
		"another version": keep.NewWriter(nil, keepMark, keepVersion+1).End(), "nonsense": keep.NewWriter(nil, keepMark, keepVersion).End()} {
		if err := k.Restore(good); err != nil {
			t.Fatal(err)
		}
		if err := k.Restore(bad); !errors.Is(err, keep.ErrDamaged) && !errors.Is(err, keep.ErrVersion) {
			t.Errorf("%s: %v", name, err)
		}
		if got := b.alerts(exec(1, "user.name", "ana")); len(got) != 1 {
			t.Errorf("%s: something is still known", name)
		}
	}
}

// sealed is a snapshot with a right sum around any bytes.
func sealed(body []byte) []byte {
	n := len(body)
	if n == 0 {
		return keep.NewWriter(nil, keepMark, keepVersion).End()
	}
	return keep.NewWriter(nil, keepMark+string(rune(keepVersion))+string(body[:n-1]), body[n-1]).End()
}

// FuzzRestore restores what no transform saved, under a right sum: it is refused
// and nothing is known, or what is known then is saved and comes back.
func FuzzRestore(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "0.yaml"), []byte(stateful), 0o600); err != nil {
		f.Fatal(err)
	}
	s := Default()
	s.Files = []plugin.Text{text("*.yaml")}
	tr, err := New(&s, plugin.Env{Dir: dir, Meter: &meter.Registry{}})
	if err != nil {
		f.Fatal(err)
	}
	k := tr.(*transform)
	save := func(t testing.TB) []byte {
		b, err := k.Snapshot(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// The seed may be that of a snapshot that was restored before, and the sum with it.
	unsown := func(b []byte) []byte {
		return bytes.Replace(b[:len(b)-4], k.set.seal.Seed[:], make([]byte, len(k.set.seal.Seed)), 1)
	}
	blank := unsown(save(f))
	var in, out event.Batch
	for i := range 5 {
		in.Add(exec(float64(i), "process.name", "fail", "user.name", "ana", "file.path", fmt.Sprint(i)))
	}
	if err := k.Lane("audit").Apply(f.Context(), &in, &out); err != nil {
		f.Fatal(err)
	}
	full := save(f)
	f.Add(full[len(keepMark)+1 : len(full)-4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := k.Restore(sealed(body)); err != nil {
			if !bytes.Equal(unsown(save(t)), blank) {
				t.Fatal("something is known after a refusal")
			}
			return
		}
		once := save(t)
		if err := k.Restore(once); err != nil || !bytes.Equal(save(t), once) {
			t.Fatalf("what was restored does not come back: %v", err)
		}
	})
}

// TestASnapshotHoldsNoText: state is kept by what may be a secret, and is saved.
func TestASnapshotHoldsNoText(t *testing.T) {
	k := keeperOf(t, `
rules:
- {id: A-001, title: first, severity: low, condition: 'true', first_seen: {by: [user.name], value: process.command_line, learn: 1s}, suppress: {by: [process.command_line], for: 30s}}
- {id: A-002, title: distinct, severity: low, condition: 'true', distinct: {value: process.command_line, count: 2, window: 60s, by: [user.name]}}
- {id: A-003, title: threshold, severity: low, condition: 'true', threshold: {count: 3, window: 60s, by: [process.command_line]}}
- {id: A-004, title: after, severity: low, condition: 'true', after: {rule: A-003, within: 60s, by: [process.command_line]}}
`)
	st := k.Lane("audit")
	var in, out event.Batch
	for n := range 5 {
		in.Add(exec(float64(n)*2, "process.command_line", fmt.Sprintf("mysql -phunter2-%d", n), "user.name", "hunter2"))
	}
	if err := st.Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	snapshot := snap(t, k)
	if bytes.Contains(snapshot, []byte("hunter2")) || bytes.Contains(snapshot, []byte("mysql")) {
		t.Error("the snapshot holds a command line")
	}
	if len(snapshot) < 20*len(sum{}) {
		t.Errorf("the snapshot has only %d bytes: nothing was kept", len(snapshot))
	}
}
