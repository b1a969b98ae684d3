package kafka

import (
	"sync"
	"time"
)

// calm is how long a trouble that was said has to stay away, or what works in
// part has to give nothing, until the same words are said again.
const calm = 2 * lookEvery

// trouble is what goes wrong at present. Members and fetchers set it, and end it
// with an answer of a broker; the lane asks for it whenever nothing comes, and is
// told of it as long as it lasts. Where one broker fails and another answers it
// begins and ends twice a second: that is said once.
type trouble struct {
	mu     sync.Mutex // guards what follows
	err    error      // nil while all is well
	said   string     // what the lane was told of last
	last   time.Time  // when that was set last
	worked time.Time  // when a broker answered after it was said; zero: none did
}

func (t *trouble) set(err error, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err.Error() != t.said || now.Sub(t.last) >= calm {
		t.said, t.worked = "", time.Time{}
	}
	t.err, t.last = err, now
}

// works ends it: a broker gave records, or said that there are none.
func (t *trouble) works(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err = nil; t.said != "" {
		t.worked = now
	}
}

// lasts returns what goes wrong, nil for nothing or for what was said and is not
// all that there is.
func (t *trouble) lasts(now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil || t.said != "" && !t.worked.IsZero() && now.Sub(t.worked) < calm {
		return nil
	}
	t.said, t.worked = t.err.Error(), time.Time{}
	return t.err
}
