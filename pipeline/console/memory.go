package console

import (
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Bounds of what is remembered of what flowed.
const (
	mostEvents     = 4000
	mostAlerts     = 500
	mostBytes      = 16 << 20 // of the events, as package codec writes them
	mostASecond    = 500      // events; of more only the alerts are kept, and the others counted
	mostContainers = 400
	mostKinds      = 40 // of actions and of programs, for each container
)

// memory is what the console keeps of the events that passed it by while somebody
// looked: it has no part in their way and misses what it cannot take in time.
type memory struct {
	mu         sync.Mutex
	line       plugin.Encoder
	buf        []byte
	events     ring
	alerts     ring
	containers map[string]*containerSeen
	seen       uint64
	passed     uint64 // over, for there were too many
	missed     uint64 // by the tap
	second     time.Time
	taken      int
	old        map[string]bool // ids that came from the journal, and may come again
}

// row is an event in a list.
type row struct {
	ID, Time, Dataset, Action, Container, ContainerID, Rule, Text string
	Severity                                                      int64
	Alert                                                         bool
}

// kept is an event that is remembered.
type kept struct {
	row
	payload []byte
}

// ring holds the last ones, bounded by number and bytes.
type ring struct {
	list  []kept
	bytes int
	most  int
}

func (r *ring) add(k kept) {
	r.list = append(r.list, k)
	r.bytes += len(k.payload)
	n := 0
	for len(r.list)-n > r.most || r.bytes > mostBytes && n < len(r.list)-1 {
		r.bytes -= len(r.list[n].payload)
		r.list[n] = kept{}
		n++
	}
	r.list = r.list[n:]
}

// containerSeen is what happened in a container.
type containerSeen struct {
	ID, Name, Image   string
	First, Last       time.Time
	Events, Alerts    uint64
	Actions, Programs map[string]uint64
}

func newMemory(line plugin.Encoder) *memory {
	return &memory{line: line, events: ring{most: mostEvents}, alerts: ring{most: mostAlerts}, containers: map[string]*containerSeen{}, old: map[string]bool{}}
}

// run remembers until done, and looks up at each tick: false ends it.
func (m *memory) run(done <-chan struct{}, t *engine.Tap, now func() time.Time, tick <-chan time.Time, on func() bool) {
	dec := codec.NewDecoder()
	for {
		select {
		case <-done:
			return
		case <-tick:
			if !on() {
				return
			}
		case payload := <-t.C:
			b := &event.Batch{}
			if dec.Decode(payload, b) != nil {
				continue // another process cannot have written it: nothing to tell of one event
			}
			m.take(b, t.Missed(), now())
		}
	}
}

// forgetAll takes back what was remembered.
func (m *memory) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events, m.alerts, m.containers, m.old = ring{most: mostEvents}, ring{most: mostAlerts}, map[string]*containerSeen{}, map[string]bool{}
	m.seen, m.passed, m.missed = 0, 0, 0
}

// recall remembers a batch of the journal, which the tap may give as well.
func (m *memory) recall(payload []byte) {
	b := &event.Batch{}
	if codec.NewDecoder().Decode(payload, b) != nil {
		return // a damaged frame; who verifies the journal is told of it
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range b.Events {
		m.old[b.Events[i].ID.String()] = true
		m.keep(b.Events[i : i+1])
	}
}

// take remembers a batch.
func (m *memory) take(b *event.Batch, missed uint64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missed = missed
	for i := range b.Events {
		e := &b.Events[i]
		if len(m.old) > 0 && m.old[e.ID.String()] {
			continue
		}
		if s := now.Truncate(time.Second); !s.Equal(m.second) {
			m.second, m.taken = s, 0
		}
		if m.taken++; m.taken > mostASecond && !isAlert(e) {
			m.seen++
			m.container(e)
			m.passed++
			continue
		}
		m.keep(b.Events[i : i+1])
	}
}

// keep remembers an event.
func (m *memory) keep(one []event.Event) {
	e := &one[0]
	m.seen++
	m.container(e)
	k := kept{row: rowOf(e, m.line, &m.buf), payload: codec.NewEncoder().Append(nil, one)}
	if k.Alert {
		m.alerts.add(k)
	}
	m.events.add(k)
}

func isAlert(e *event.Event) bool { return e.Get(schema.EventKind).Str() == "alert" }

// rowOf makes a row; every text of it is inert.
func rowOf(e *event.Event, line plugin.Encoder, buf *[]byte) row {
	sev, _ := e.Get(schema.EventSeverity).Int64()
	r := row{ID: e.ID.String(), Time: clock(e.Time), Dataset: oneLine(e.Dataset), Action: oneLine(e.Get(schema.EventAction).Str()), Severity: sev,
		ContainerID: oneLine(e.Get(schema.ContainerID).Str()), Container: oneLine(nameOf(e)), Alert: isAlert(e), Rule: oneLine(e.Get(schema.RuleID).Str())}
	b, err := line.Append((*buf)[:0], e)
	*buf = b[:0]
	if err != nil {
		b = []byte("not rendered: " + err.Error())
	}
	r.Text = short(oneLine(string(b)), 600)
	return r
}

func nameOf(e *event.Event) string {
	if name := e.Get(schema.ContainerName).Str(); name != "" {
		return name
	}
	return strings.TrimSuffix(short(e.Get(schema.ContainerID).Str(), 12), "…")
}

// container adds an event to the account of its container.
func (m *memory) container(e *event.Event) {
	id := oneLine(e.Get(schema.ContainerID).Str())
	if id == "" {
		return
	}
	c := m.containers[id]
	if c == nil {
		m.forget()
		c = &containerSeen{ID: id, First: e.Time, Actions: map[string]uint64{}, Programs: map[string]uint64{}}
		m.containers[id] = c
	}
	c.Events++
	if e.Time.After(c.Last) {
		c.Last = e.Time
	}
	if isAlert(e) {
		c.Alerts++
	}
	if name := e.Get(schema.ContainerName).Str(); name != "" {
		c.Name = oneLine(name)
	}
	if image := e.Get(schema.ContainerImageName).Str(); image != "" {
		c.Image = oneLine(image)
		if tag := e.Get(schema.ContainerImageTag).Str(); tag != "" {
			c.Image += ":" + oneLine(tag)
		}
	}
	tally(c.Actions, e.Get(schema.EventAction).Str())
	tally(c.Programs, e.Get(schema.ProcessExecutable).Str())
}

// tally counts a word, and those for which there is no room as one.
func tally(m map[string]uint64, word string) {
	if word = short(oneLine(word), 200); word == "" {
		return
	}
	if _, known := m[word]; !known && len(m) >= mostKinds {
		word = "(others)"
	}
	m[word]++
}

// forget makes room for one more container: the one that was quiet longest goes.
func (m *memory) forget() {
	if len(m.containers) < mostContainers {
		return
	}
	oldest := ""
	for id, c := range m.containers {
		if oldest == "" || c.Last.Before(m.containers[oldest].Last) {
			oldest = id
		}
	}
	delete(m.containers, oldest)
}

// find returns an event that is remembered.
func (m *memory) find(id string) (*event.Event, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range []*ring{&m.events, &m.alerts} {
		i := slices.IndexFunc(r.list, func(k kept) bool { return k.ID == id })
		if i < 0 {
			continue
		}
		b := &event.Batch{}
		if err := codec.NewDecoder().Decode(r.list[i].payload, b); err == nil && len(b.Events) == 1 {
			return &b.Events[0], true
		}
	}
	return nil, false
}

// last returns the newest n that are wanted, the newest first.
func (m *memory) last(alerts bool, n int, want func(*row) bool) []row {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := m.events.list
	if alerts {
		from = m.alerts.list
	}
	var list []row
	for i := len(from) - 1; i >= 0 && len(list) < n; i-- {
		if want == nil || want(&from[i].row) {
			list = append(list, from[i].row)
		}
	}
	return list
}

// tallied is a word and its count.
type tallied struct {
	Word string
	N    uint64
}

func sorted(m map[string]uint64) []tallied {
	list := make([]tallied, 0, len(m))
	for w, n := range m {
		list = append(list, tallied{w, n})
	}
	slices.SortFunc(list, func(a, b tallied) int {
		if a.N != b.N {
			return int(int64(b.N) - int64(a.N))
		}
		return strings.Compare(a.Word, b.Word)
	})
	return list
}
