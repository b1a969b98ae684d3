package pieces

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// said is where a line stands and what it says.
type said struct {
	host, input, dataset, path, container, stream, text string
	offset                                              int64
	at                                                  time.Time
}

var one = said{"host-1", "logs", "d", "/logs/a", "c", "stdout", "a line", 7, time.Unix(1_700_000_000, 5)}

// ids returns the two ids of a line: of its text, and of the runtime's time.
func (l said) ids(by *IDs) [2]event.ID {
	e := event.Event{Dataset: l.dataset, Offset: l.offset}
	e.Shared.AddString(schema.LogFilePath, l.path)
	e.Fields.AddString(schema.ContainerID, l.container)
	return [2]event.ID{by.Of(&e, l.stream, l.text), by.Stamped(&e, l.stream, l.text, l.at)}
}

// fresh are those that the program makes after a restart.
func (l said) fresh() [2]event.ID { return l.ids(NewIDs(l.host, l.input)) }

// written is the same, as docs/decisions/0010 says it.
func (l said) written() [2]event.ID {
	var origin []byte
	input := l.input
	if l.path+l.container != "" {
		input = ""
	}
	for _, part := range []string{l.host, input, l.dataset, l.path, l.container, l.stream} {
		origin = append(binary.AppendUvarint(origin, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(origin)
	place := string(binary.LittleEndian.AppendUint64(sum[:16], uint64(l.offset)))
	at := string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, uint64(l.at.Unix())), uint32(l.at.Nanosecond())))
	stamped := "\x02" + place + at + l.text
	if l.path != "" {
		digest := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(len(l.text))), xxhash.Sum64String(l.text))
		stamped = "\x03" + place + at + string(digest)
	}
	return [2]event.ID{event.NewID([]byte("\x01" + place + l.text)), event.NewID([]byte(stamped))}
}

// TestIDs: the ids of a line are the same however many streams are read in turn, which
// came before, and after a restart; and no other line has them.
func TestIDs(t *testing.T) {
	by := NewIDs(one.host, one.input)
	seen := map[event.ID]bool{}
	for round := range 3 {
		for i := range 6 * keptOrigins {
			l := one
			l.path, l.stream, l.text = fmt.Sprintf("/logs/%d", i/2), []string{"stdout", "stderr"}[i%2], strings.Repeat("line ", 50*i)
			l.offset = int64(1000*round + i)
			got := l.ids(by)
			if got != l.fresh() || got != l.written() {
				t.Fatalf("round %d, stream %d: other ids than after a restart, or than is written", round, i)
			}
			for _, id := range got {
				if seen[id] {
					t.Fatalf("round %d, stream %d: the id came before", round, i)
				}
				seen[id] = true
			}
		}
	}
	if len(by.known) > keptOrigins {
		t.Errorf("%d origins are kept", len(by.known))
	}
}

// TestEveryPartCounts: lines that differ in one thing have other ids.
func TestEveryPartCounts(t *testing.T) {
	unlike := map[string]func(*said){
		"host": func(l *said) { l.host = "host-2" }, "dataset": func(l *said) { l.dataset = "e" },
		"path": func(l *said) { l.path = "/logs/b" }, "container": func(l *said) { l.container = "b" },
		"stream": func(l *said) { l.stream = "stderr" }, "offset": func(l *said) { l.offset++ },
		"far offset": func(l *said) { l.offset += 1 << 40 }, "text": func(l *said) { l.text = "a Line" },
	}
	for name, change := range unlike {
		l := one
		change(&l)
		for i, id := range l.fresh() {
			if id == one.fresh()[i] {
				t.Errorf("%s, kind %d: the id is the same", name, i)
			}
		}
	}
	later := one
	later.at = one.at.Add(1)
	if a, b := one.fresh(), later.fresh(); a[0] != b[0] || a[1] == b[1] {
		t.Error("the time is not in what is of the time alone")
	}
	other := one
	if other.input = "more"; other.fresh() != one.fresh() {
		t.Error("the place in a file depends on who reads it")
	}
	from, to := one, other
	from.path, from.container, to.path, to.container = "", "", "", ""
	if a, b := from.fresh(), to.fresh(); a[0] == b[0] || a[1] == b[1] {
		t.Error("two inputs have the same places")
	}
}

// TestPartsDoNotRunIntoEachOther: what goes over from one part into the next makes another
// id, and so do bytes that could be taken for what parts them.
func TestPartsDoNotRunIntoEachOther(t *testing.T) {
	few := []string{"", "a", "aa", "\x00", "a\x00", "\x00a", "\x01a", "1", "11"}
	seen := map[event.ID]said{}
	by := map[string]*IDs{}
	for _, host := range few {
		for _, path := range few {
			for _, container := range few {
				for _, stream := range few {
					for _, text := range few {
						l := said{host: host, path: path, container: container, stream: stream, text: text, at: one.at, offset: int64(len(text))}
						if by[host] == nil {
							by[host] = NewIDs(host, "")
						}
						for _, id := range l.ids(by[host]) {
							if was, ok := seen[id]; ok {
								t.Fatalf("%+v and %+v have one id", was, l)
							}
							seen[id] = l
						}
					}
				}
			}
		}
	}
}

// TestEveryByteOfATextCounts, wherever the blocks of SHA-256 and the pieces of long texts
// end. Nothing is made of a part of the text: who can write the same beginning to a
// file once more would choose the id.
func TestEveryByteOfATextCounts(t *testing.T) {
	lengths := []int{511, 512, 513, atOnce - 1, atOnce, atOnce + 1, 2*atOnce - 1, 2 * atOnce, 2*atOnce + 1, MaxLine}
	for n := range 300 {
		lengths = append(lengths, n)
	}
	by, seen := NewIDs(one.host, one.input), map[event.ID]bool{}
	for _, n := range lengths {
		l := one
		text := []byte(strings.Repeat("x", n))
		for i, at := range []int{-1, 0, n / 2, n - 1} { // first none
			if i > 0 {
				if at < 0 || at >= n || text[at] != 'x' {
					continue
				}
				text[at] = 'y'
			}
			l.text = string(text)
			got := l.ids(by)
			if got != l.written() || seen[got[0]] || seen[got[1]] {
				t.Fatalf("%d bytes, the one at %d changed: an id that came before, or another than is written", n, at)
			}
			seen[got[0]], seen[got[1]] = true, true
		}
	}
}

// collide returns two texts of 16 bytes with the same XXH64: a step takes 8 bytes and can be
// run backwards, so that a second word undoes what the first one did.
func collide() (string, string) {
	const p1, p2, p4, p5 = 11400714785074694791, 14029467366897019727, 9650029242287828579, 2870177450012600261
	inverse := func(n uint64) uint64 { // modulo 2^64
		x := n
		for range 6 {
			x *= 2 - n*x
		}
		return x
	}
	mix := func(x uint64) uint64 { return bits.RotateLeft64(x*p2, 31) * p1 }
	unmix := func(x uint64) uint64 { return bits.RotateLeft64(x*inverse(p1), -31) * inverse(p2) }
	first := func(x uint64) uint64 { return bits.RotateLeft64((p5+16)^mix(x), 27)*p1 + p4 }
	text := func(a, b uint64) string {
		return string(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, a), b))
	}
	return text(1, 2), text(3, unmix(first(1)^mix(2)^first(3)))
}

// TestWhoMakesTheFastHashCollide gains nothing: where the writer of a line may know what
// comes at its place in another life of the file, or may have made up the time, all is
// SHA-256's; in the log of a runtime the time is another one.
func TestWhoMakesTheFastHashCollide(t *testing.T) {
	a, b := one, one
	if a.text, b.text = collide(); a.text == b.text || xxhash.Sum64String(a.text) != xxhash.Sum64String(b.text) {
		t.Fatal("no collision")
	}
	if a.fresh()[0] == b.fresh()[0] {
		t.Error("two texts at one place have one id")
	}
	b.at = b.at.Add(1)
	if a.fresh()[1] == b.fresh()[1] {
		t.Error("two lines of a runtime at one place have one id")
	}
	b.at = a.at
	if a.path, b.path = "", ""; a.fresh()[1] == b.fresh()[1] {
		t.Error("two records that came over the network have one id")
	}
}

// TestGivenID: what its input has named has that name.
func TestGivenID(t *testing.T) {
	e := event.Event{ID: event.NewID([]byte("of a partition"))}
	if by := NewIDs("h", "i"); by.Of(&e, "", "x") != e.ID || by.Stamped(&e, "", "x", one.at) != e.ID {
		t.Error("another id")
	}
}

// Of a stream that came before, a line's id takes no allocation.
func TestIDsAllocations(t *testing.T) {
	by := NewIDs("host-1", "logs")
	e := event.Event{Dataset: "d", Offset: 7}
	e.Shared.AddString(schema.LogFilePath, "/logs/a")
	long := strings.Repeat("x", 3*atOnce)
	for name, make := range map[string]func(){
		"stamped": func() { by.Stamped(&e, "stdout", "a line", one.at) },
		"text":    func() { by.Of(&e, "stdout", "a line") },
		"long":    func() { by.Of(&e, "stdout", long) },
	} {
		if n := testing.AllocsPerRun(100, make); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkIDs(b *testing.B) {
	by := NewIDs(strings.Repeat("4c", 16), "logs")
	e := event.Event{Dataset: "docker.container_logs", Offset: 123456}
	id := strings.Repeat("5e", 32)
	e.Shared.AddString(schema.LogFilePath, "/var/lib/docker/containers/"+id+"/"+id+"-json.log")
	e.Shared.AddString(schema.ContainerID, id)
	for _, n := range []int{20, 100, 200, 1000, 16 << 10} {
		text := strings.Repeat("x", n)
		b.Run(fmt.Sprint("text/", n), func(b *testing.B) {
			for b.Loop() {
				by.Of(&e, "stdout", text)
			}
		})
		b.Run(fmt.Sprint("stamp/", n), func(b *testing.B) {
			for b.Loop() {
				by.Stamped(&e, "stdout", text, one.at)
			}
		})
	}
}
