package container

import (
	"sync"
	"time"
)

// reportMinutes is how far back a report reaches.
const reportMinutes = 60

// Report is how events found their container of late; see plugin.Reporter.
type Report struct {
	Minutes   int     `json:"minutes"`   // that it covers, the one that runs included
	Events    uint64  `json:"events"`    // that were looked at in them
	Found     uint64  `json:"found"`     // of these, in a container or proven to be the host's
	Connector bool    `json:"connector"` // the process connector is in use
	Shares    []Share `json:"shares,omitempty"`
}

// Share is what one method found, with one confidence. The words are those of
// tallyman.container.method and tallyman.container.confidence.
type Share struct {
	Method     string `json:"method"`
	Confidence string `json:"confidence"`
	Events     uint64 `json:"events"`
}

// tallied are events by how their container was found.
type tallied [methods][confidences]uint64

// tally remembers, for each of the last minutes in which events came, how many
// there had been when it began. So nothing is counted twice on the way of an
// event, and an hour is one subtraction. The zero tally is ready.
type tally struct {
	mu   sync.Mutex
	last int64 // the minute that was noted last, since 1970
	nth  int   // of the notes
	ring [reportMinutes]struct {
		minute int64
		nth    int
		before tallied
	}
}

// note keeps what was counted before the first batch of a minute; total is asked
// only then.
func (y *tally) note(now time.Time, total func() tallied) {
	minute := now.Unix() / 60
	y.mu.Lock()
	defer y.mu.Unlock()
	if minute == y.last {
		return
	}
	y.last = minute
	if slot := &y.ring[minute%reportMinutes]; slot.minute != minute {
		y.nth++
		slot.minute, slot.nth, slot.before = minute, y.nth, total()
	}
}

// since returns what came in the minutes up to now. The first note counts, not
// that of the first minute: a clock may have gone back.
func (y *tally) since(now time.Time, total tallied) tallied {
	minute := now.Unix() / 60
	y.mu.Lock()
	defer y.mu.Unlock()
	first, base := y.nth+1, total // no batch came in these minutes
	for i := range y.ring {
		if slot := &y.ring[i]; slot.minute > minute-reportMinutes && slot.minute <= minute && slot.nth < first {
			first, base = slot.nth, slot.before
		}
	}
	for i := range total {
		for j := range total[i] {
			total[i][j] -= base[i][j]
		}
	}
	return total
}

// total returns what was counted since the process began.
func (t *Transform) total() (sum tallied) {
	for i := range t.events {
		for j, c := range t.events[i] {
			sum[i][j] = c.Value()
		}
	}
	return sum
}

// Report returns a Report of the last hour. It waits for no batch.
func (t *Transform) Report() any {
	r := Report{Minutes: reportMinutes, Connector: t.kernel != nil}
	for i, row := range t.tally.since(t.env.Now(), t.total()) {
		for j, n := range row {
			if n == 0 {
				continue
			}
			r.Events += n
			if method(i) != methodNone {
				r.Found += n
			}
			r.Shares = append(r.Shares, Share{Method: methodNames[i], Confidence: confidenceNames[j], Events: n})
		}
	}
	return r
}
