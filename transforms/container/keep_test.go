package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func snap(t testing.TB, k plugin.Transform) []byte {
	t.Helper()
	b, err := k.(plugin.Keeper).Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stampedBatch runs one batch and returns copies of what came out.
func stampedBatch(t *testing.T, st plugin.Stage, events []event.Event) []event.Event {
	t.Helper()
	var in, out event.Batch
	for _, e := range events {
		e.Fields = append(event.Fields(nil), e.Fields...)
		in.Add(e)
	}
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return append([]event.Event(nil), out.Events...)
}

func plain(t testing.TB) plugin.Transform {
	return build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000})
}

// TestACutChangesNoStamp cuts random hosts: what was known at a snapshot, and
// what was journalled after it, make a fresh transform stamp the rest as one that
// was never stopped.
func TestACutChangesNoStamp(t *testing.T) {
	found := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, next: 100, procs: map[int]*proc{}, freed: map[int]int{}}
		w.play(60)
		var all [][]event.Event
		for i := 0; i < len(w.events); {
			var batch []event.Event
			for range rapid.IntRange(1, 5).Draw(rt, "batch") {
				if i < len(w.events) {
					batch = append(batch, tell(t, w.events[i]).ev)
					i++
				}
			}
			if rapid.IntRange(0, 9).Draw(rt, "docker") == 0 {
				batch = append(batch, dockerEvent(rapid.SampledFrom([]string{idA, idB}).Draw(rt, "which")))
			}
			all = append(all, batch)
		}
		cut := rapid.IntRange(0, len(all)).Draw(rt, "cut")
		snapAt := rapid.IntRange(0, cut).Draw(rt, "snapshot")
		whole, again := plain(t), plain(t)
		st := whole.Lane("audit")
		var snapshot []byte
		var out [][]event.Event
		for i := 0; i <= len(all); i++ {
			if i == snapAt {
				snapshot = snap(t, whole)
			}
			if i < len(all) {
				out = append(out, stampedBatch(t, st, all[i]))
			}
		}
		k := again.(plugin.Keeper)
		if err := k.Restore(snapshot); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(snapshot, snap(t, again)) {
			rt.Fatal("a snapshot of what was restored is another")
		}
		for _, batch := range out[snapAt:cut] {
			k.Learn(batch)
		}
		st = again.Lane("audit")
		for i := cut; i < len(all); i++ {
			got := stampedBatch(t, st, all[i])
			if diff := cmp.Diff(out[i], got); diff != "" {
				rt.Fatalf("batch %d of %d, cut at %d, snapshot at %d (- whole, + cut):\n%s\n%s", i, len(all), cut, snapAt, diff, strings.Join(w.events, "\n"))
			}
			for j := range got {
				if !got[j].Fields.Get(schema.ContainerID).IsZero() {
					found++
				}
			}
		}
	})
	if found == 0 {
		t.Error("no event was in a container: nothing was compared")
	}
}

func dockerEvent(id string) event.Event {
	e := event.Event{Dataset: engineDataset, Time: time.UnixMilli(storyStart), Records: 1}
	e.Fields.AddString(schema.ContainerID, id)
	e.Fields.AddString(schema.ContainerName, "web-"+id[:4])
	e.Fields.AddString(schema.ContainerImageName, "shop/api")
	e.Fields.AddString(schema.ContainerImageTag, "1.4")
	e.Fields.AddNamed(schema.ContainerLabels, "tier", event.String("front"))
	return e
}

// live is a host whose /proc shows process 30 in a container.
func live(t *testing.T, boot string) *fakeProc {
	p := newFakeProc(t)
	p.write("sys/kernel/random/boot_id", boot+"\n")
	p.process(30, 29, 0, "app", "S", 0, "0::/docker/"+idA)
	return p
}

// TestWhatProcSaidIsLearnedFromTheStamp: the process is gone when it is learned.
func TestWhatProcSaidIsLearnedFromTheStamp(t *testing.T) {
	p := live(t, "one")
	tr := p.transform()
	start := snap(t, tr)
	out := run(t, tr, []capturedEvent{tell(t, "at 500: 30 of 29 openat")}, 1)
	gone := newFakeProc(t)
	gone.write("sys/kernel/random/boot_id", "one\n")
	k := gone.transform().(plugin.Keeper)
	if err := k.Restore(start); err != nil {
		t.Fatal(err)
	}
	k.Learn(out)
	for line, want := range map[string]string{"at 600: 30 of 29 openat": "4c07 proc high", "at 610: 31 of 30 openat": "4c07 parent medium"} {
		if got := told(&run(t, k, []capturedEvent{tell(t, line)}, 1)[0]); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestAfterARestart: the pid that is remembered may be another's since.
func TestAfterARestart(t *testing.T) {
	for name, c := range map[string]struct {
		boot string
		set  func(p *fakeProc)
		line string
		want string
	}{
		"the same process":             {"one", func(p *fakeProc) { p.process(30, 29, 0, "app", "S", 0, "0::/odd") }, "at 900: 30 of 29 openat", "4c07 proc high"},
		"it has ended":                 {"one", func(*fakeProc) {}, "at 900: 30 of 29 openat", "4c07 proc high"},
		"the pid is another's":         {"one", func(p *fakeProc) { p.process(30, 29, 700, "sh", "S", 0, "0::/odd") }, "at 900: 30 of 29 openat", " none unknown"},
		"and this was still its event": {"one", func(p *fakeProc) { p.process(30, 29, 700, "sh", "S", 0, "0::/odd") }, "at 600: 30 of 29 openat", "4c07 proc high"},
		"the host has booted":          {"two", func(*fakeProc) {}, "at 900: 30 of 29 openat", " none unknown"},
		"nobody knows":                 {"", func(*fakeProc) {}, "at 900: 30 of 29 openat", "4c07 proc high"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := live(t, "one").transform()
			out := run(t, tr, []capturedEvent{tell(t, "at 500: 30 of 29 openat")}, 1)
			p := newFakeProc(t)
			p.write("sys/kernel/random/boot_id", c.boot+"\n")
			if c.boot == "two" {
				p.write("uptime", "0.20 0.10\n") // booted at 800 ms of the story
			}
			c.set(p)
			k := p.transform().(plugin.Keeper)
			if err := k.Restore(snap(t, tr)); err != nil {
				t.Fatal(err)
			}
			k.Learn(out) // of the boot before, when it was another
			if got := told(&run(t, k, []capturedEvent{tell(t, c.line)}, 1)[0]); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestMetadataIsLearnedFromTheStamp: what was read from Docker's folder is on the
// event.
func TestMetadataIsLearnedFromTheStamp(t *testing.T) {
	c := &container{id: idA}
	yes := true
	c.learn(facts{name: "web", runtime: runtimeDocker, image: "registry.example:5000/shop/api:1.4@sha256:" + idB, imageID: "sha256:" + idA,
		pod: "6f1c5f2e-0d3b-4b0a-9a55-000000000001", privileged: &yes, labels: map[string]string{"tier": "front"}}, true)
	want := append(event.Fields(nil), c.fields...)
	again := &container{id: idA}
	f := factsOf(&want)
	if !again.lacks(&f) {
		t.Error("nothing new is seen")
	}
	if again.learn(f, true); again.lacks(&f) {
		t.Error("something new is seen twice")
	}
	if diff := cmp.Diff(want, again.fields); diff != "" {
		t.Error(diff)
	}
}

func TestADamagedSnapshotLeavesNothing(t *testing.T) {
	tr := plain(t).(*Transform)
	blank := snap(t, tr)
	run(t, tr, []capturedEvent{tell(t, create), tell(t, setsid)}, 1)
	good := snap(t, tr)
	for name, bad := range map[string][]byte{"cut": good[:len(good)-1], "empty": nil,
		"another version": keep.NewWriter(nil, keepMark, keepVersion+1).End(), "nonsense": keep.NewWriter(nil, keepMark, keepVersion).End()} {
		if err := tr.Restore(good); err != nil {
			t.Fatal(err)
		}
		if err := tr.Restore(bad); !errors.Is(err, keep.ErrDamaged) && !errors.Is(err, keep.ErrVersion) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(snap(t, tr), blank) {
			t.Errorf("%s: something is still known", name)
		}
	}
}

// TestSnapshotsAreCompact: a process takes about forty bytes.
func TestSnapshotsAreCompact(t *testing.T) {
	tr := plain(t)
	var events []capturedEvent
	for i := range 900 {
		events = append(events, tell(t, fmt.Sprintf("at %d: %d of 50 openat /usr/bin/app%d", i*7, 1000+i, i%20)))
	}
	run(t, tr, events, 100)
	if n := len(snap(t, tr)); n > 900*40 {
		t.Errorf("900 processes take %d bytes", n)
	}
}

func TestNamesOfHostsKeepTheirNumbers(t *testing.T) {
	tr := plain(t).(*Transform)
	var n uint32
	for i, name := range []string{"a", "b", "c"} {
		if !tr.nodes.number(name, &n) || n != uint32(i)+1 {
			t.Fatalf("%s has number %d", name, n)
		}
	}
	again := plain(t).(*Transform)
	if err := again.Restore(snap(t, tr)); err != nil {
		t.Fatal(err)
	}
	if again.nodes.number("b", &n); n != 2 {
		t.Errorf("b has number %d", n)
	}
	if again.nodes.number("d", &n); n != 4 {
		t.Errorf("d has number %d", n)
	}
	other := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 1000, Node: "b"}).(*Transform)
	if err := other.Restore(snap(t, tr)); err != nil {
		t.Fatal(err)
	}
	if other.nodes.number("b", &n); n != 0 || other.since != 0 && other.since != math.MaxInt64 {
		t.Errorf("this host has number %d", n)
	}
}
