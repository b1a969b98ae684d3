package kafka

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// place is one partition of one topic.
type place struct {
	topic     string
	partition int32
}

// spot is how far one partition has come. All are offsets of the message that
// is next; accepted <= handed, and what the group is told never passes accepted.
type spot struct {
	handed    int64 // on to the lane
	accepted  int64 // on stable storage
	committed int64 // to the group, as far as we know; -1 for never
}

// book is how far every partition has come that this input ever had.
type book struct {
	mu      sync.Mutex // guards all
	spots   map[place]*spot
	mine    map[place]bool // of the present generation
	session int            // counts generations, and what else ends what was read ahead
	open    int            // batches that wait for the journal
	idle    chan struct{}  // closed when open is 0 the next time
}

func newBook() *book {
	return &book{spots: map[place]*spot{}, mine: map[place]bool{}}
}

// What stands for an offset where there is none.
const (
	unknown   = -1 // the group has none: `start` says where the partition is begun
	forgotten = -2 // the group had one, and lost it: it is begun at its first message
)

// positionForm is the first line of a position: version, and the group.
//
//	v1 GROUP
//	TOPIC PARTITION HANDED COMMITTED
const positionForm = "v1 "

// appendPosition appends what rides with a batch in its frame: when the frame is
// on stable storage, so is every message before the offsets in it.
func (b *book) appendPosition(dst []byte, group string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	dst = append(append(append(dst, positionForm...), group...), '\n')
	at := make([]place, 0, len(b.spots))
	for p := range b.spots {
		at = append(at, p)
	}
	slices.SortFunc(at, func(a, b place) int {
		if c := strings.Compare(a.topic, b.topic); c != 0 {
			return c
		}
		return int(a.partition - b.partition)
	})
	for _, p := range at {
		s := b.spots[p]
		dst = append(append(dst, p.topic...), ' ')
		dst = append(strconv.AppendInt(dst, int64(p.partition), 10), ' ')
		dst = append(strconv.AppendInt(dst, s.handed, 10), ' ')
		dst = append(strconv.AppendInt(dst, s.committed, 10), '\n')
	}
	return dst
}

// restore takes up a position. One of another group says nothing about this one.
func (b *book) restore(position []byte, group string) error {
	head, rest, _ := bytes.Cut(position, []byte("\n"))
	if string(head) != positionForm+group {
		if bytes.HasPrefix(head, []byte(positionForm)) {
			return fmt.Errorf("it is of the group %q", head[len(positionForm):])
		}
		return fmt.Errorf("it is not understood: %.40q", position)
	}
	for line := range bytes.Lines(rest) {
		var p place
		var s spot
		if n, err := fmt.Sscanf(string(line), "%s %d %d %d\n", &p.topic, &p.partition, &s.handed, &s.committed); n != 4 || err != nil {
			return fmt.Errorf("it is not understood: %.80q", line)
		}
		s.accepted = s.handed
		b.spots[p] = &s
	}
	return nil
}

// begin takes up the partitions of a generation, each with what the group has
// committed for it, negative for nothing, and returns the session, and where to
// go on with each: unknown where that is for `start` to say.
//
// What we have accepted beyond what is committed is not read again. Where the
// group stands before what we know to have been committed, somebody set it back,
// or the topic is another one of the same name: then the group is believed. Where it
// has forgotten what was committed, everything that is left is read.
func (b *book) begin(committed map[place]int64) (session int, from map[place]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session++
	clear(b.mine)
	from = map[place]int64{}
	for p, c := range committed {
		b.mine[p] = true
		s := b.spots[p]
		if s == nil || c > s.handed || c < s.committed {
			known := s != nil
			s = &spot{handed: c, accepted: c, committed: c}
			b.spots[p] = s
			if from[p] = c; known && c < 0 {
				from[p] = forgotten
			}
			continue
		}
		if c >= 0 {
			s.committed = c
		}
		from[p] = s.handed
	}
	return b.session, from
}

// end ends a session: what was read ahead in it is not handed on any more.
func (b *book) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session++
}

// release gives the partitions back.
func (b *book) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.mine)
}

// place sets where a partition is begun.
func (b *book) place(session int, p place, next int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.spots[p]; session == b.session && s != nil {
		s.handed, s.accepted = next, next
	}
}

// current reports whether a session goes on.
func (b *book) current(session int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return session == b.session
}

// hand says that the messages of a partition before next go to the lane, unless
// the session is over.
func (b *book) hand(session int, p place, next int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.spots[p]
	if session != b.session || s == nil {
		return false
	}
	s.handed = max(s.handed, next)
	return true
}

// wait counts a batch that waits for the journal.
func (b *book) wait() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open++
}

// settle says what became of a batch: its messages, up to these offsets, are on
// stable storage, or they are not, and are to be read again.
func (b *book) settle(upTo map[place]int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.session++ // whoever fetches begins anew
	}
	for p, next := range upTo {
		s := b.spots[p]
		if s == nil {
			continue
		}
		if err == nil && next <= s.handed {
			s.accepted = max(s.accepted, next)
		}
		if err != nil {
			s.handed = min(s.handed, s.accepted)
		}
	}
	if b.open--; b.open == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// settled returns a channel that is closed once no batch waits for the journal.
func (b *book) settled() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.idle == nil {
		b.idle = make(chan struct{})
		if b.open == 0 {
			c := b.idle
			close(c)
			b.idle = nil
			return c
		}
	}
	return b.idle
}

// due returns what the group has not been told of the partitions that are ours.
func (b *book) due() map[place]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[place]int64{}
	for p := range b.mine {
		if s := b.spots[p]; s.accepted >= 0 && s.accepted > s.committed {
			out[p] = s.accepted
		}
	}
	return out
}

// told says that the group knows.
func (b *book) told(upTo map[place]int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p, next := range upTo {
		if s := b.spots[p]; s != nil {
			s.committed = max(s.committed, next)
		}
	}
}
