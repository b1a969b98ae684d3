package pieces

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestIDs: the id of a line is the hash of where it stands and what it says, however
// many streams are read in turn, and which came before.
func TestIDs(t *testing.T) {
	ids := NewIDs("host-1")
	at := time.Unix(1_700_000_000, 5)
	seen := map[event.ID]bool{}
	for round := range 3 {
		for i := range 3 * keptOrigins {
			for _, stream := range []string{"stdout", "stderr"} {
				path, text := fmt.Sprintf("/logs/%d", i/2), strings.Repeat("line ", 50*i)
				e := event.Event{Dataset: "d", Offset: int64(1000*round + i)}
				e.Shared.AddString(schema.LogFilePath, path)
				e.Fields.AddString(schema.LogSourceAddress, "192.0.2.1:7")
				e.Fields.AddString(schema.ContainerID, "c")
				want := event.NewID([]byte(strings.Join([]string{"host-1", "d", path, "192.0.2.1:7", "c", stream,
					text[:min(len(text), seedText)], fmt.Sprint(e.Offset), fmt.Sprint(at.UnixNano())}, "\x00")))
				got := ids.Of(&e, stream, text, at)
				if got != want {
					t.Fatalf("round %d, file %d, %s: another id than that of the whole seed", round, i, stream)
				}
				if seen[got] {
					t.Fatalf("round %d, file %d, %s: the id came before", round, i, stream)
				}
				seen[got] = true
			}
		}
	}
	if len(ids.known) > keptOrigins {
		t.Errorf("%d origins are kept", len(ids.known))
	}
}

// Of a stream that came before, a line's id takes no allocation.
func TestIDsAllocations(t *testing.T) {
	ids := NewIDs("host-1")
	e := event.Event{Dataset: "d", Offset: 7}
	if n := testing.AllocsPerRun(100, func() { ids.Of(&e, "stdout", "a line", time.Time{}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
