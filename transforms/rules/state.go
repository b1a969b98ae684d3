package rules

import (
	"bytes"
	"encoding/binary"
	"sync"
	"time"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
)

// maxKeys is how many keys one rule keeps state for; the one that was used
// longest ago is forgotten for a new one.
const maxKeys = 20_000

// slices60 is how many parts a sliding window has.
const slices60 = 60

// key is the values that state is kept by.
type key []*expr.Program

// append makes the key of the loaded event. Each value is preceded by its
// length, so that no value can run into the next.
func (k key) append(b []byte, m *expr.Machine) ([]byte, error) {
	for _, p := range k {
		v, err := p.Text(m)
		if err != nil {
			return b, err
		}
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	return b, nil
}

// state decides whether an event whose condition held is a match. Its holds
// records the event as well.
type state interface {
	holds(s *stage, at time.Time) (bool, error)
}

// afterState holds where another rule matched the same key shortly before.
type afterState struct {
	by     key
	made   string // what its keys are made of, for snapshots
	within time.Duration

	mu   sync.Mutex
	last table[time.Time] // guarded by mu
}

func (a *afterState) note(key []byte, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, fresh, _ := a.last.get(key); fresh || at.After(*last) {
		*last = at
	}
}

func (a *afterState) holds(s *stage, at time.Time) (bool, error) {
	key, err := a.by.append(s.buf[:0], s.machine)
	if err != nil {
		return false, err
	}
	s.buf = key
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.last.find(key)
	if last == nil {
		return false, nil
	}
	since := at.Sub(*last)
	return -lateness <= since && since <= a.within, nil
}

// firstState holds where a value was never seen for a key, after a time of
// learning.
type firstState struct {
	by         key
	made       string
	value      *expr.Program
	learn, ttl time.Duration
	evicted    *meter.Counter

	mu    sync.Mutex
	began table[time.Time] // by key; guarded by mu
	seen  table[time.Time] // by key and value, when last; guarded by mu
}

func (f *firstState) holds(s *stage, at time.Time) (bool, error) {
	key, err := f.by.append(s.buf[:0], s.machine)
	if err != nil {
		return false, err
	}
	s.buf = key
	value, err := f.value.Text(s.machine)
	if value == "" || err != nil {
		return false, err // nothing was seen
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	began, fresh, _ := f.began.get(key)
	if fresh {
		*began = at
	}
	key = append(key, value...)
	s.buf = key
	last, fresh, forgot := f.seen.get(key)
	if forgot && !s.quiet {
		f.evicted.Inc()
	}
	known := !fresh && (f.ttl == 0 || at.Sub(*last) <= f.ttl)
	if at.After(*last) {
		*last = at
	}
	return !known && at.Sub(*began) >= f.learn, nil
}

// thresholdState holds where enough events of a key fall into a sliding window.
type thresholdState struct {
	by    key
	made  string
	count uint64
	slice int64 // nanoseconds of one part of the window

	mu   sync.Mutex
	keys table[window] // guarded by mu
}

// window counts events by part; newest is the number of the newest part since
// 1970, which stands at counts[newest%slices60].
type window struct {
	newest int64
	counts [slices60]uint32
}

func (w *window) add(part int64, fresh bool) uint64 {
	switch {
	case fresh || part-w.newest >= slices60:
		*w = window{newest: part}
	case part <= w.newest-slices60:
		return 0 // too late for the window
	}
	for ; w.newest < part; w.newest++ {
		w.counts[(w.newest+1)%slices60] = 0
	}
	w.counts[part%slices60]++
	var sum uint64
	for _, n := range w.counts {
		sum += uint64(n)
	}
	return sum
}

func (t *thresholdState) holds(s *stage, at time.Time) (bool, error) {
	key, err := t.by.append(s.buf[:0], s.machine)
	if err != nil {
		return false, err
	}
	s.buf = key
	t.mu.Lock()
	defer t.mu.Unlock()
	w, fresh, _ := t.keys.get(key)
	return w.add(max(0, at.UnixNano()/t.slice), fresh) >= t.count, nil
}

// distinctState holds where more than count different values of a key were seen
// in a window.
type distinctState struct {
	by     key
	made   string
	value  *expr.Program
	count  int
	window time.Duration

	mu   sync.Mutex
	keys table[map[sum]time.Time] // value -> when last; guarded by mu
}

func (d *distinctState) holds(s *stage, at time.Time) (bool, error) {
	key, err := d.by.append(s.buf[:0], s.machine)
	if err != nil {
		return false, err
	}
	s.buf = key
	value, err := d.value.Text(s.machine)
	if value == "" || err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	seen, fresh, _ := d.keys.get(key)
	if fresh {
		*seen = map[sum]time.Time{}
	}
	if v := d.keys.seal.Of([]byte(value)); at.After((*seen)[v]) {
		(*seen)[v] = at
	}
	d.trim(*seen, at)
	return len(*seen) > d.count, nil
}

// trim forgets what lies before the window and, of more values than are needed
// to know, the oldest; of equally old ones the first in order, so that the same
// events always leave the same values.
func (d *distinctState) trim(seen map[sum]time.Time, at time.Time) {
	if len(seen) <= d.count {
		return
	}
	oldest, when := sum{}, at
	for v, last := range seen {
		if at.Sub(last) > d.window {
			delete(seen, v)
		} else if last.Before(when) || last.Equal(when) && (oldest == sum{} || before(v, oldest) < 0) {
			oldest, when = v, last
		}
	}
	if len(seen) > d.count+1 {
		delete(seen, oldest)
	}
}

func before(a, b sum) int { return bytes.Compare(a[:], b[:]) }

// suppressState folds repeats of a key.
type suppressState struct {
	by     key
	made   string
	length time.Duration

	mu   sync.Mutex
	keys table[fold] // guarded by mu
}

type fold struct {
	until  time.Time
	folded int64
}

// pass reports whether the match makes an alert, and how many matches since the
// last one it stands for.
func (f *suppressState) pass(s *stage, at time.Time) (alert bool, folded int64, err error) {
	key, err := f.by.append(s.buf[:0], s.machine)
	if err != nil {
		return true, 0, err // better twice than never
	}
	s.buf = key
	f.mu.Lock()
	defer f.mu.Unlock()
	k, fresh, _ := f.keys.get(key)
	if !fresh && at.Before(k.until) {
		k.folded++
		return false, 0, nil
	}
	folded, k.folded, k.until = k.folded, 0, at.Add(f.length)
	return true, folded, nil
}

// begin notes an alert that was made.
func (f *suppressState) begin(s *stage, at time.Time) {
	key, err := f.by.append(s.buf[:0], s.machine)
	if err != nil {
		return
	}
	s.buf = key
	f.mu.Lock()
	defer f.mu.Unlock()
	k, _, _ := f.keys.get(key)
	if until := at.Add(f.length); until.After(k.until) {
		k.until = until
	}
	k.folded = 0
}
