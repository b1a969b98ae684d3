// Package top is the live view of a running tallyman in a terminal: what it reads,
// delivers, keeps and loses, once every interval. It knows how a screen looks and
// which key does what. It does not know how the process is asked (a Source does), and
// it changes nothing of it. Names that it shows were written by strangers: each is
// made inert before it comes near a terminal.
package top

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"tallyman/pipeline/engine"
)

// State is what the running process says of itself.
type State struct {
	PID int `json:"pid"`
	engine.Status
	Rules  []Rule `json:"rules,omitempty"`
	Losses []Loss `json:"losses,omitempty"`
}

// Rule is how often a rule matched since the process began.
type Rule struct {
	ID      string `json:"id"`
	Matches uint64 `json:"matches"`
}

// Loss is what was lost before an input could read it, for one reason.
type Loss struct {
	Input  string `json:"input"`
	Reason string `json:"reason"`
	Times  uint64 `json:"times"`
	Count  uint64 `json:"count"` // in the unit that the reason names; source records where it names none
}

// Event is what the view needs of an event that flows by.
type Event struct {
	ID, Name, Image, Action string // of the container; the action of the event
	Alert                   bool
	Missed                  uint64 // events that were passed over before this one
}

// Source asks the running process. Both methods are called from several goroutines.
type Source interface {
	// State returns how the process is now.
	State(ctx context.Context) (*State, error)
	// Watch calls seen with events as they flow, until ctx is done, the process ends,
	// or it refuses. It may pass events over.
	Watch(ctx context.Context, seen func(Event)) error
}

// inert makes a text of a stranger one that a terminal only shows: what is not
// printable stands as its number, so that nothing of it moves the cursor, changes a
// colour or turns the direction of the text.
func inert(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == unicode.ReplacementChar || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// count writes a number with its thousands apart.
func count(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate writes a number a second.
func rate(v float64) string {
	if v > 0 && v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return count(uint64(v + 0.5))
}

// size writes a number of bytes, in units of 1024.
func size(n int64) string {
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.*f %s", min(unit, 1), v, []string{"B", "KiB", "MiB", "GiB", "TiB"}[unit])
}

// span writes a duration in at most two units.
func span(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
