//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

// A sink is where one output delivers to. It remembers which of the issued
// events came, how often, and in which order each came first.
type sink struct {
	name string
	only func(n int) bool // which events its output's `when` lets through; nil: all

	mu       sync.Mutex
	changed  *sync.Cond
	stopped  bool           // its reader waits
	count    map[int]int    // by issued number
	ids      map[int]string // event.id by issued number
	first    []int          // the issued numbers in the order of their first coming
	arrivals int            // events that came, replays too
	foreign  int            // events that nobody issued: the program's own
	wrong    []string       // what no sink may ever see
}

func newSink(name string, only func(int) bool) *sink {
	s := &sink{name: name, only: only, count: map[int]int{}, ids: map[int]string{}}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// issuedIn finds the number that the test gave to an event, idPattern the
// event.id as json, the structured data of rfc5424 and cef have it.
var (
	issuedIn  = regexp.MustCompile(`soak-(\d{7})`)
	idPattern = regexp.MustCompile(`(?:"event":\{"id":"|\[tallyman@32473 id="| externalId=)([0-9A-Z]{26})`)
)

// take is given each event that arrives.
func (s *sink) take(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	m := issuedIn.FindStringSubmatch(text)
	if m == nil {
		s.foreign++
		return
	}
	n, err := strconv.Atoi(m[1])
	id := idPattern.FindStringSubmatch(text)
	switch {
	case err != nil || id == nil:
		s.wrong = append(s.wrong, fmt.Sprintf("an event without an id: %.300q", text))
		return
	case s.count[n] > 0 && s.ids[n] != id[1]:
		s.wrong = append(s.wrong, fmt.Sprintf("event %d came with the ids %s and %s", n, s.ids[n], id[1]))
	case s.only != nil && !s.only(n):
		s.wrong = append(s.wrong, fmt.Sprintf("event %d came although its `when` is false", n))
	}
	if s.count[n] == 0 {
		s.first = append(s.first, n)
	}
	s.count[n]++
	s.ids[n] = id[1]
	s.arrivals++
}

// frontier is the highest issued number that came, and how many events came.
func (s *sink) frontier() (highest, arrivals int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.first) > 0 {
		highest = s.first[len(s.first)-1]
	}
	return highest, s.arrivals
}

// complain copies what was seen wrong so far.
func (s *sink) complain(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong {
		t.Errorf("%s: %s", s.name, w)
	}
	s.wrong = nil
}

// stop lets the reader wait, or go on.
func (s *sink) stop(yes bool) {
	s.mu.Lock()
	s.stopped = yes
	s.changed.Broadcast()
	s.mu.Unlock()
}

// gate waits while the sink is stopped.
func (s *sink) gate() {
	s.mu.Lock()
	for s.stopped {
		s.changed.Wait()
	}
	s.mu.Unlock()
}

// judge holds what came against what was issued, 1 to last: none missing, the
// first coming in order, no more replays than most.
func (s *sink) judge(t *testing.T, last, most int) {
	t.Helper()
	s.complain(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	want, missing, again := 0, []int(nil), 0
	for n := 1; n <= last; n++ {
		if s.only != nil && !s.only(n) {
			continue
		}
		want++
		if c := s.count[n]; c > 0 {
			again += c - 1
		} else {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		t.Errorf("%s: %d of %d events are missing, as %v", s.name, len(missing), want, missing[:min(20, len(missing))])
	}
	if len(s.count) > want {
		t.Errorf("%s: %d different events came, %d were issued", s.name, len(s.count), want)
	}
	for i := 1; i < len(s.first); i++ {
		if s.first[i] <= s.first[i-1] {
			t.Errorf("%s: event %d came first after %d", s.name, s.first[i], s.first[i-1])
			break
		}
	}
	if again > most {
		t.Errorf("%s: %d events came again, at most %d may", s.name, again, most)
	}
	t.Logf("%s: %d events, %d came again (at most %d may), %d of the program's own", s.name, want, again, most, s.foreign)
}

// A fileSink reads the file of a file output as it grows. The unfinished line
// that a kill may leave is never taken: the program cuts it off.
type fileSink struct {
	*sink
	path string
	at   int64
}

// look takes the whole lines that are new.
func (s *fileSink) look(t *testing.T) {
	t.Helper()
	f, err := os.Open(s.path)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.NewSectionReader(f, s.at, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return
		}
		if b[0] != '{' || b[end-1] != '}' {
			t.Fatalf("%s holds at %d the line %.200q", s.path, s.at, b[:end])
		}
		s.take(string(b[:end]))
		s.at += int64(end) + 1
		b = b[end+1:]
	}
}
