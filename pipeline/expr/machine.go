package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Machine runs programs. It holds one event at a time and belongs to one
// goroutine.
type Machine struct {
	e     *event.Event
	turn  uint32 // grows with each event; a slot of another turn is empty
	slots []slot // by schema.Key: the event's own fields
	none  slot   // of what is before the first field, and of keys that the schema has not
	boxes []box  // by schema.Key
	set   event.Fields
	with  []span // by schema.Key: the fields of set, which the event shares with others
	lower []byte // the text at hand in lower case
	scans []scanned
	vm    vm.VM
	steps int // of the loops of this run
}

// span is where the values of a key stand: from its first to behind its last. No
// value stands at the end of none.
type span struct{ first, last int32 }

// slot is the span of one field of the loaded event.
type slot struct {
	turn uint32
	span
}

// box is a value as the library's machine takes it.
type box struct {
	turn uint32
	val  any
}

// errSteps is what step panics with; whoever runs a program makes an error of it.
var errSteps = fmt.Errorf("its loops look at more than %d items", maxSteps)

func (m *Machine) step() {
	if m.steps++; m.steps > maxSteps {
		panic(errSteps)
	}
}

// NewMachine returns a machine without an event.
func NewMachine() *Machine {
	keys := schema.Keys()
	n := int(keys[len(keys)-1]) + 1
	return &Machine{e: &event.Event{}, turn: 1, slots: make([]slot, n), boxes: make([]box, n), with: make([]span, n)}
}

// Load makes e the event that programs read until the next Load. e must not
// change meanwhile.
func (m *Machine) Load(e *event.Event) {
	m.e = e
	if m.turn++; m.turn == 0 {
		clear(m.slots)
		clear(m.boxes)
		m.scans = m.scans[:0]
		m.turn = 1
	}
	if len(e.Shared) != len(m.set) || len(m.set) > 0 && &m.set[0] != &e.Shared[0] {
		m.share(e.Shared)
	}
	// The values of a list stand together: of most of an event's fields it is enough to
	// see that they are of the same key as the one before.
	slots, turn, fields := m.slots, m.turn, e.Fields
	at, s := schema.None, &m.none
	for i := range fields {
		k := fields[i].Key
		if k == at {
			continue
		}
		s.last = int32(i)
		at, s = k, &m.none
		if int(k) < len(slots) {
			s = &slots[k]
		}
		if s.turn != turn {
			s.turn, s.first = turn, int32(i)
		}
	}
	s.last = int32(len(fields))
}

// share takes up what events share: it is the same for hundreds of them.
func (m *Machine) share(set event.Fields) {
	clear(m.with)
	m.set = set // it is kept, so that no other set can lie at its place
	for i := range set {
		k := int(set[i].Key)
		if k >= len(m.with) {
			continue
		}
		s := &m.with[k]
		if s.last == 0 {
			s.first = int32(i)
		}
		s.last = int32(i + 1)
	}
}

// from returns the fields from the first value of k to its last, nil where it
// is absent; others may stand between.
func (m *Machine) from(k schema.Key) event.Fields {
	if s := &m.slots[k]; s.turn == m.turn {
		return m.e.Fields[s.first:s.last]
	}
	s := &m.with[k]
	return m.e.Shared[s.first:s.last]
}

// both reports whether an event has values of k, which hide those that it shares.
func (m *Machine) both(k schema.Key) bool { return m.slots[k].turn == m.turn && m.with[k].last > 0 }

// Values returns the fields from the first value of k to its last, as programs
// read them; others may stand between. It knows nothing of what the head of an
// event answers.
func (m *Machine) Values(k schema.Key) event.Fields { return m.from(k) }

// Value returns the first value of k.
func (m *Machine) Value(k schema.Key) event.Value { return m.value(k) }

// inHead reports whether the head of an event may answer k.
func inHead(k schema.Key) bool {
	switch k {
	case schema.Timestamp, schema.EventCreated, schema.EventDataset, schema.EventID, schema.EventOriginal:
		return true
	}
	return false
}

func (m *Machine) value(k schema.Key) event.Value {
	if s := &m.slots[k]; s.turn == m.turn {
		if v := m.e.Fields[s.first].Value(); !v.IsZero() {
			return v
		}
	}
	if inHead(k) {
		return m.e.Get(k)
	}
	if f := m.from(k); len(f) > 0 {
		return f[0].Value()
	}
	return event.Value{}
}

func (m *Machine) text(k schema.Key) string { return textOf(m.value(k)) }

// named returns the text of one name below k. Of a map, what the event itself has
// hides what it shares under the same name alone.
func (m *Machine) named(k schema.Key, name string) string {
	v := m.from(k).GetNamed(k, name)
	if v.IsZero() && m.both(k) {
		v = m.e.Shared.GetNamed(k, name)
	}
	return textOf(v)
}

// has reports whether test holds for one of k's values.
func (m *Machine) has(k schema.Key, is test) bool {
	for v := range m.from(k).All(k) {
		if is(m, textOf(v)) {
			return true
		}
	}
	return false
}

// nth returns a value of a list as the library would index it, negative from
// the end; what is not there is absent.
func (m *Machine) nth(k schema.Key, i int) string {
	if i < 0 {
		for range m.from(k).All(k) {
			i++
		}
	}
	for v := range m.from(k).All(k) {
		if i == 0 {
			return textOf(v)
		}
		i--
	}
	return ""
}

func (m *Machine) nthObject(k schema.Key, i int) map[string]string {
	all, _ := m.boxedValue(k).([]map[string]string)
	if i < 0 {
		i += len(all)
	}
	if i < 0 || i >= len(all) {
		return nil
	}
	return all[i]
}

// boxedValue returns the value of k as the library's machine takes it.
func (m *Machine) boxedValue(k schema.Key) any {
	b := &m.boxes[k]
	if b.turn != m.turn {
		b.val, b.turn = m.build(k), m.turn
	}
	return b.val
}

func (m *Machine) build(k schema.Key) any {
	switch z := zero(k).(type) {
	case int:
		return intOf(m.value(k))
	case float64:
		return floatOf(m.value(k))
	case bool:
		return m.value(k).True()
	case time.Time:
		return m.value(k).Instant()
	case []string:
		for v := range m.from(k).All(k) {
			z = append(z, textOf(v))
		}
		return z
	case []int:
		for v := range m.from(k).All(k) {
			z = append(z, intOf(v))
		}
		return z
	case map[string]string:
		return m.flat(k)
	case []map[string]string:
		return m.objects(k)
	}
	return m.text(k)
}

func (m *Machine) flat(k schema.Key) map[string]string {
	out := map[string]string{}
	add := func(fields event.Fields) {
		for _, f := range fields {
			if _, double := out[f.Name()]; f.Key == k && !double {
				out[f.Name()] = textOf(f.Value())
			}
		}
	}
	add(m.from(k))
	if m.both(k) {
		add(m.e.Shared)
	}
	return out
}

// objects gathers the fields named "<index>.<member>" into one map per index.
func (m *Machine) objects(k schema.Key) []map[string]string {
	var out []map[string]string
	at := map[string]int{}
	for _, f := range m.from(k) {
		index, member, ok := strings.Cut(f.Name(), ".")
		if f.Key != k || !ok {
			continue
		}
		i, known := at[index]
		if !known {
			i = len(out)
			at[index] = i
			out = append(out, map[string]string{})
		}
		out[i][member] = textOf(f.Value())
	}
	return out
}

func textOf(v event.Value) string {
	switch v.Kind() {
	case event.KindString, event.KindIP, event.KindNone:
		return v.Str()
	}
	return string(v.Append(nil))
}

// intOf returns a whole number; one beyond the range of a signed integer is the
// nearest that is in it.
func intOf(v event.Value) int {
	if n, ok := v.Int64(); ok {
		return int(n)
	}
	if v.Kind() == event.KindUint {
		return int(^uint(0) >> 1)
	}
	return 0
}

func floatOf(v event.Value) float64 {
	if v.Kind() == event.KindFloat {
		return v.Float64()
	}
	return float64(intOf(v))
}

// asText is the text of what an expression gave.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return v.String()
	}
	return ""
}
