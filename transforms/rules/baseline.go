package rules

// Baselines are first_seen state that a person can read, approve and move to
// another host (docs/decisions/0006-baselines-are-readable.md).

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/meter"
)

// Bounds of the baselines of one rule. Over them nothing more is learned, which
// is counted and never makes a rule silent.
const (
	maxProfiles      = 4096
	maxBaselineText  = 1024    // bytes of one value; a longer one is kept by its beginning and its sum
	maxBaselineBytes = 2 << 20 // bytes of all keys and values: all rules have to fit into one snapshot
)

// mode is how a profile takes what it does not know.
type mode uint64

const (
	byTime    mode = iota // learning until the time of the rule is over
	learning              // learning until somebody approves
	enforcing             // approved
)

// baselineState holds where a value is not in the baseline of its key.
type baselineState struct {
	kindOf   string // exe, port …, as the rule says
	by       key
	made     string
	value    *expr.Program
	learn    time.Duration
	approval bool // what is new begins in mode learning
	ttl      time.Duration
	max      int
	evicted  *meter.Counter

	mu       sync.Mutex // guards what follows
	profiles map[string]*profile
	count    int // values of all profiles
	bytes    int
}

// profile is the baseline of one key.
type profile struct {
	began  time.Time
	mode   mode
	values map[string]*sight // whose keys are the profile's own
}

// sight is one value of a profile.
type sight struct {
	last     time.Time
	approved bool
}

func (b *baselineState) holds(s *stage, at time.Time) (bool, error) {
	key, err := b.by.append(s.buf[:0], s.machine)
	if err != nil {
		return false, err
	}
	s.buf = key
	if len(key) > maxBaselineText || !utf8.Valid(key) {
		key = []byte(keyOf([]string{bounded(string(key))}))
	}
	value, err := b.value.Text(s.machine)
	if value == "" || err != nil {
		return false, err // nothing was seen
	}
	value = bounded(value)
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.profiles[string(key)]
	if p == nil {
		if p = b.begin(string(key), at, b.first()); p == nil {
			b.full(s)
			return true, nil
		}
	}
	v, known := p.sight(value)
	if !known && !b.room(len(value)) {
		b.full(s)
		return p.enforces(b.learn, at), nil
	}
	stale := known && b.ttl > 0 && !v.approved && at.Sub(v.last) > b.ttl
	if at.After(v.last) || !known {
		b.put(p, value, sight{last: at, approved: v.approved})
	}
	if p.mode == enforcing {
		return !v.approved, nil
	}
	return (!known || stale) && p.enforces(b.learn, at), nil
}

// enforces reports whether what is new to p is a match at the time at.
func (p *profile) enforces(learn time.Duration, at time.Time) bool {
	return p.mode == enforcing || p.mode == byTime && at.Sub(p.began) >= learn
}

func (b *baselineState) first() mode {
	if b.approval {
		return learning
	}
	return byTime
}

// begin makes the profile of a key, nil where there is no room.
func (b *baselineState) begin(key string, at time.Time, m mode) *profile {
	if len(b.profiles) >= maxProfiles || b.bytes+len(key) > maxBaselineBytes {
		return nil
	}
	if b.profiles == nil {
		b.profiles = map[string]*profile{}
	}
	p := &profile{began: at, mode: m, values: map[string]*sight{}}
	b.profiles[key] = p
	b.bytes += len(key)
	return p
}

func (b *baselineState) room(n int) bool {
	return b.count < b.max && b.bytes+n <= maxBaselineBytes
}

// sight returns what is known of a value, and whether anything is.
func (p *profile) sight(value string) (v sight, known bool) {
	if at := p.values[value]; at != nil {
		return *at, true
	}
	return sight{}, false
}

// put sets a value of p, for which there is room. The value lies in memory of an event, which
// others use again: the key is a copy, and stays when the value is set again, for a map that
// is assigned to takes over the memory of the key.
func (b *baselineState) put(p *profile, value string, v sight) {
	if at := p.values[value]; at != nil {
		*at = v
		return
	}
	b.count++
	b.bytes += len(value)
	p.values[strings.Clone(value)] = &v
}

// drop takes a value out of p.
func (b *baselineState) drop(p *profile, value string) {
	delete(p.values, value)
	b.count--
	b.bytes -= len(value)
}

// dropProfile takes all of a key out.
func (b *baselineState) dropProfile(key string) {
	p := b.profiles[key]
	for v := range p.values {
		b.drop(p, v)
	}
	delete(b.profiles, key)
	b.bytes -= len(key)
}

func (b *baselineState) full(s *stage) {
	if !s.quiet {
		b.evicted.Inc()
	}
}

// bounded returns the value itself or, where it is too long or no UTF-8, its
// beginning and its SHA-256: still one value, and the same on every host.
func bounded(value string) string {
	if len(value) <= maxBaselineText && utf8.ValidString(value) {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return strings.ToValidUTF8(value[:min(128, len(value))], "") + "…sha256:" + hex.EncodeToString(sum[:])
}

// parts returns the values that a key was made of.
func parts(key string) []string {
	list := []string{}
	for b := []byte(key); len(b) > 0; {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return list
		}
		list = append(list, string(b[w:w+int(n)]))
		b = b[w+int(n):]
	}
	return list
}

// keyOf is the key that parts takes apart.
func keyOf(list []string) string {
	var b []byte
	for _, v := range list {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	return string(b)
}
