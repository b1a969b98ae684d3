package s3

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
)

// state is what outlives the process: who the archive is, and the boundaries of
// objects. A boundary is on stable storage before its object can be whole at the
// destination, so that after a restart the same events make the same object.
type state struct {
	Version   int       `json:"version"`
	ID        string    `json:"id"`        // made at random with the journal, so that keys of two journals differ
	Place     string    `json:"place"`     // the bucket and the root of the prefix; "" where it was saved before that was kept
	Confirmed uint64    `json:"confirmed"` // up to here everything is at the destination
	Seen      uint64    `json:"seen"`      // the last sequence that was collected
	Base      uint64    `json:"base"`      // one less than the first sequence ever
	Objects   []kept    `json:"objects"`   // that are not in a manifest yet, or reach beyond Confirmed
	Manifest  uint64    `json:"manifest"`  // the number of the last one
	Previous  Sum       `json:"previous"`  // its sum
	Through   uint64    `json:"through"`   // its last sequence
	Since     time.Time `json:"since"`     // when it was made, or when the archive began
	Gaps      []Gap     `json:"gaps,omitempty"`
	Pending   *pending  `json:"pending,omitempty"`
}

// kept is an object whose boundary is known.
type kept struct {
	Entry
	Done bool `json:"done,omitempty"` // it is at the destination

	// Former are attempts before that had the same key and other bytes, the newest
	// last: settings or the program were changed between. A request of theirs may
	// still reach the store before ours does.
	Former []Entry `json:"former,omitempty"`

	Number uint64 `json:"in,omitempty"` // the manifest that lists it; 0: none yet
}

// pending is a manifest whose content is settled and which may be at the
// destination or not.
type pending struct {
	Made time.Time `json:"made"`
	Last uint64    `json:"last"`
	Gaps []Gap     `json:"gaps,omitempty"`
}

const (
	stateVersion = 1
	mostState    = 48 << 10 // bytes, compressed; a Store takes 64 KiB
	mostGaps     = 64
	mostFormer   = 3
)

var errState = errors.New("what was kept over the restart cannot be used")

func newState(now time.Time) (*state, error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	return &state{Version: stateVersion, ID: hex.EncodeToString(id[:]), Since: now.UTC()}, nil
}

func (s *state) encode() ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

func decodeState(b []byte) (*state, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	s := new(state)
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, fmt.Errorf("%w: %w", errState, err)
	}
	if s.Version != stateVersion || s.ID == "" {
		return nil, fmt.Errorf("%w: it is of version %d", errState, s.Version)
	}
	return s, nil
}

// covering returns the object of a folder whose range holds seq, nil for none.
func (s *state) covering(dir []byte, seq uint64) *kept {
	for i := range s.Objects {
		if k := &s.Objects[i]; k.First <= seq && seq <= k.Last && folder(k.Key) == string(dir) {
			return k
		}
	}
	return nil
}

func folder(key string) string {
	if dir := path.Dir(key); dir != "." {
		return dir
	}
	return ""
}

// put adds the boundary of an object, or replaces the one of an earlier attempt,
// which is remembered where it had other bytes.
func (s *state) put(e Entry) {
	k := s.find(e.Key)
	if k == nil {
		s.Objects = append(s.Objects, kept{Entry: e})
		return
	}
	if k.SHA256 != e.SHA256 {
		k.Former = slices.DeleteFunc(k.Former, func(f Entry) bool { return f.SHA256 == e.SHA256 || f.SHA256 == k.SHA256 })
		k.Former = append(k.Former, k.Entry)
		k.Former = k.Former[max(0, len(k.Former)-mostFormer):]
	}
	k.Entry, k.Done, k.Number = e, false, 0
}

// find returns the object of a key, nil for none.
func (s *state) find(key string) *kept {
	for i := range s.Objects {
		if s.Objects[i].Key == key {
			return &s.Objects[i]
		}
	}
	return nil
}

// former are the earlier attempts under a key.
func (s *state) former(key string) []Entry {
	if k := s.find(key); k != nil {
		return k.Former
	}
	return nil
}

// adopt takes a former attempt for the object under its key.
func (s *state) adopt(e *Entry) {
	if k := s.find(e.Key); k != nil {
		k.Entry = *e
	}
}

// done marks an object that is at the destination.
func (s *state) done(key string) {
	if k := s.find(key); k != nil {
		k.Done, k.Former = true, nil
	}
}

// prune forgets what no restart can ask for: objects that a manifest lists, or
// that none will, and boundaries that came to nothing.
func (s *state) prune(manifests bool) {
	list := s.Objects[:0]
	for _, k := range s.Objects {
		settled := k.Last <= s.Confirmed
		listed := k.Number > 0 && k.Number <= s.Manifest
		if settled && (!k.Done || listed || !manifests) {
			continue
		}
		list = append(list, k)
	}
	s.Objects = list
}

// unlisted is how many objects wait for a manifest.
func (s *state) unlisted() int {
	n := 0
	for i := range s.Objects {
		if s.Objects[i].Done && s.Objects[i].Number == 0 {
			n++
		}
	}
	return n
}

// gap notes sequences that were not offered.
func (s *state) gap(g Gap) {
	if slices.ContainsFunc(s.Gaps, func(one Gap) bool {
		return one.First <= g.First && g.Last <= one.Last && (one.Key == g.Key || one.Key == "")
	}) {
		return // it comes again
	}
	if n := len(s.Gaps); n == mostGaps {
		// The list is bounded: the last one grows over what lies between, and
		// promises less than it could, never more.
		last := &s.Gaps[n-1]
		*last = Gap{First: min(last.First, g.First), Last: max(last.Last, g.Last), Restart: last.Restart || g.Restart}
		return
	}
	s.Gaps = append(s.Gaps, g)
}

// freeze settles the content of the next manifest.
func (s *state) freeze(now time.Time) {
	s.Pending = &pending{Made: now.UTC().Truncate(time.Second), Last: s.Confirmed, Gaps: s.Gaps}
	s.Gaps = nil
	for i := range s.Objects {
		if s.Objects[i].Done && s.Objects[i].Number == 0 {
			s.Objects[i].Number = s.Manifest + 1
		}
	}
}

// pendingManifest returns the manifest that is settled.
func (s *state) pendingManifest(archive, output string) *Manifest {
	m := &Manifest{
		Version: manifestVersion, Archive: archive, Output: output, Number: s.Manifest + 1, Previous: s.Previous, Made: s.Pending.Made,
		First: s.Through + 1, Last: s.Pending.Last, Gaps: append([]Gap{}, s.Pending.Gaps...), Objects: []Entry{},
	}
	if s.Manifest == 0 {
		m.First = s.Base + 1
	}
	for i := range s.Objects {
		if s.Objects[i].Number == m.Number {
			m.Objects = append(m.Objects, s.Objects[i].Entry)
		}
	}
	return m
}

// listed says that the pending manifest is at the destination.
func (s *state) listed(sum Sum) {
	s.Manifest, s.Previous, s.Through, s.Since, s.Pending = s.Manifest+1, sum, s.Pending.Last, s.Pending.Made, nil
}

// confirmedBefore draws the conclusion from seq, the first that is offered after a
// restart: the journal is done with all before it. An object of that which was not at
// the store just now was never confirmed: its frames were dropped, and no manifest may
// say that it is there.
func (s *state) confirmedBefore(seq uint64) {
	for i := range s.Objects {
		if k := &s.Objects[i]; k.Last < seq && !k.Done {
			s.gap(Gap{First: k.First, Last: k.Last, Restart: true, Key: k.Key})
		}
	}
	s.Confirmed = max(s.Confirmed, min(s.Seen, seq-1))
}
