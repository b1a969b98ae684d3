package container

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/schema"
)

// TestAThrongKnowsItsAncestors: where there are so many lives that they are read
// ahead, and some are forgotten, each process is told of those above it as ever.
func TestAThrongKnowsItsAncestors(t *testing.T) {
	const n, most = 3 * throng, 2 * throng
	tr := build(t, &Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: most})
	name := func(i int) string { return fmt.Sprintf("app%d", i%50) }
	var events []capturedEvent
	for i := range n {
		events = append(events, tell(t, fmt.Sprintf("at %d: %d of %d openat /bin/%s", i, 1000+i, 999+i, name(i))))
	}
	out := run(t, tr, events, 100)
	for i := range out {
		var want, got []string
		for up := i - 1; up >= max(0, i-maxAncestors); up-- {
			want = append(want, name(up))
		}
		for v := range out[i].Fields.All(schema.ProcessAncestors) {
			got = append(got, v.Str())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("event %d is below %v, want %v", i, got, want)
		}
	}
}

// TestBeforeTheBootNothingIsRead: a process of before the boot is not looked for, however
// many events it has, and so none of them counts as a reading of /proc.
func TestBeforeTheBootNothingIsRead(t *testing.T) {
	p := newFakeProc(t)
	p.write("uptime", "0.01 0.01\n")
	tr := p.transform().(*Transform)
	st := tr.Lane("audit")
	p.now = p.now.Add(time.Hour)
	for range 20 {
		apply(t, st, []capturedEvent{tell(t, "at 900: 30 of 29 openat")})
	}
	if n := tr.looks[0].Value() + tr.looks[1].Value(); n != 0 {
		t.Errorf("%d readings are counted of processes that were not read", n)
	}
}
