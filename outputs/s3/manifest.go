package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Sum is a SHA-256, in hexadecimal where it is written.
type Sum [sha256.Size]byte

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// IsZero reports whether it is no sum at all.
func (s Sum) IsZero() bool { return s == Sum{} }

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(s)) {
		return fmt.Errorf("a SHA-256 has %d digits, not %d", hex.EncodedLen(len(s)), len(b))
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// Entry is one object of an archive.
type Entry struct {
	Key     string `json:"key"`
	Bytes   int64  `json:"bytes"`
	SHA256  Sum    `json:"sha256"`
	Events  uint64 `json:"events"`
	Records uint64 `json:"records"`        // source records that the events stand for
	First   uint64 `json:"first_sequence"` // of the journal's frames whose events of this partition it holds
	Last    uint64 `json:"last_sequence"`
}

// Gap is a range of sequences that the output was not given: frames that the
// journal dropped or lost, which its ledger counts.
type Gap struct {
	First uint64 `json:"first_sequence"`
	Last  uint64 `json:"last_sequence"`

	// Restart says that the range lies before a start of the program, where it
	// may also have been empty: what was confirmed and held nothing leaves no trace.
	Restart bool `json:"restart,omitempty"`

	// Key is of an object whose end was settled, and which was not at the store when
	// the journal had nothing more of it.
	Key string `json:"key,omitempty"`
}

// Manifest says which objects make an archive whole up to a sequence: every event
// of the frames up to Last is in an object that this manifest or one before it
// lists.
type Manifest struct {
	Version  int       `json:"version"`
	Archive  string    `json:"archive"` // the host and the journal that it is of
	Output   string    `json:"output"`
	Number   uint64    `json:"number"`   // from 1 on, without a hole
	Previous Sum       `json:"previous"` // of the bytes of the manifest before; zeros for the first
	Made     time.Time `json:"made"`
	First    uint64    `json:"first_sequence"` // one more than Last of the manifest before
	Last     uint64    `json:"last_sequence"`
	Gaps     []Gap     `json:"gaps"`
	Objects  []Entry   `json:"objects"`
}

const manifestVersion = 1

// manifestDir is where manifests are, below the root of the prefix. No value of a
// prefix makes a key that ends as theirs do.
const manifestDir = "_manifest/"

func manifestKey(root, archive string, number uint64) string {
	return fmt.Sprintf("%s%s%s/%010d.json", root, manifestDir, archive, number)
}

// encode returns the bytes of a manifest, always the same for the same content.
func (m *Manifest) encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write manifest %d: %w", m.Number, err)
	}
	return append(b, '\n'), nil
}

func decodeManifest(b []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if m.Version != manifestVersion {
		return nil, fmt.Errorf("version %d is not known", m.Version)
	}
	return m, nil
}
