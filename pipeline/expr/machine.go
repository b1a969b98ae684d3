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
	slots []slot // by schema.Key
	lower []byte // the text at hand in lower case
	scans []scanned
	vm    vm.VM
	steps int // of the loops of this run
}

// slot is what is known of one field of the loaded event.
type slot struct {
	turn  uint32
	boxed uint32 // the turn of box
	at    int32  // n > 0: its first value is Fields[n-1]; n < 0: Shared[-n-1]
	last  int32  // the same for its last value
	both  bool   // Shared has values too, which those of Fields hide
	box   any    // the value as the library's machine takes it
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
	return &Machine{e: &event.Event{}, turn: 1, slots: make([]slot, int(keys[len(keys)-1])+1)}
}

// Load makes e the event that programs read until the next Load. e must not
// change meanwhile.
func (m *Machine) Load(e *event.Event) {
	m.e = e
	if m.turn++; m.turn == 0 {
		clear(m.slots)
		m.scans = m.scans[:0]
		m.turn = 1
	}
	// Backwards and the event's own fields last: the first value stays.
	for i := len(e.Shared) - 1; i >= 0; i-- {
		m.note(e.Shared[i].Key, int32(-i-1))
	}
	for i := len(e.Fields) - 1; i >= 0; i-- {
		m.note(e.Fields[i].Key, int32(i+1))
	}
}

func (m *Machine) note(k schema.Key, at int32) {
	if int(k) >= len(m.slots) {
		return
	}
	s := &m.slots[k]
	if s.turn != m.turn || (at > 0 && s.at < 0) {
		s.both = s.turn == m.turn
		s.turn, s.last = m.turn, at
	}
	s.at = at
}

// from returns the fields from the first value of k to its last, nil where it
// is absent; others may stand between.
func (m *Machine) from(k schema.Key) event.Fields {
	s := &m.slots[k]
	switch {
	case s.turn != m.turn:
		return nil
	case s.at > 0:
		return m.e.Fields[s.at-1 : s.last]
	}
	return m.e.Shared[-s.at-1 : -s.last]
}

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
	if inHead(k) {
		return m.e.Get(k)
	}
	if f := m.from(k); len(f) > 0 {
		return f[0].Val
	}
	return event.Value{}
}

func (m *Machine) text(k schema.Key) string { return textOf(m.value(k)) }

// named returns the text of one name below k. Of a map, what the event itself has
// hides what it shares under the same name alone.
func (m *Machine) named(k schema.Key, name string) string {
	v := m.from(k).GetNamed(k, name)
	if s := &m.slots[k]; v.IsZero() && s.turn == m.turn && s.both {
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
	s := &m.slots[k]
	if s.boxed != m.turn {
		s.box, s.boxed = m.build(k), m.turn
	}
	return s.box
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
			if _, double := out[f.Name]; f.Key == k && !double {
				out[f.Name] = textOf(f.Val)
			}
		}
	}
	add(m.from(k))
	if s := &m.slots[k]; s.turn == m.turn && s.both {
		add(m.e.Shared)
	}
	return out
}

// objects gathers the fields named "<index>.<member>" into one map per index.
func (m *Machine) objects(k schema.Key) []map[string]string {
	var out []map[string]string
	at := map[string]int{}
	for _, f := range m.from(k) {
		index, member, ok := strings.Cut(f.Name, ".")
		if f.Key != k || !ok {
			continue
		}
		i, known := at[index]
		if !known {
			i = len(out)
			at[index] = i
			out = append(out, map[string]string{})
		}
		out[i][member] = textOf(f.Val)
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
