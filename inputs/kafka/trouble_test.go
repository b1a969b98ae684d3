package kafka

import (
	"errors"
	"testing"
	"time"
)

// TestTrouble: a trouble is told as long as it lasts; where it ends and begins
// again with the same words soon, since one broker fails and another answers, it
// is told once.
func TestTrouble(t *testing.T) {
	const fails, works, asks = 'f', 'w', '?'
	gone, other := errors.New("broker 1 is gone"), errors.New("broker 2 is gone")
	type step struct {
		at   time.Duration
		what rune
		err  error // that is set, or that has to come
	}
	for name, steps := range map[string][]step{
		"all is well":   {{0, asks, nil}, {1, works, nil}, {2, asks, nil}},
		"it lasts":      {{0, works, nil}, {1, fails, gone}, {2, asks, gone}, {3, asks, gone}, {4, fails, gone}, {5, asks, gone}, {9 * calm, asks, gone}},
		"it ends":       {{0, fails, gone}, {1, asks, gone}, {2, works, nil}, {3, asks, nil}, {4, asks, nil}},
		"never noticed": {{0, fails, gone}, {1, works, nil}, {2, asks, nil}, {3, fails, gone}, {4, asks, gone}},
		"in part": {{0, fails, gone}, {1, asks, gone}, {2, works, nil}, {3, fails, gone}, {4, asks, nil}, {5, works, nil}, {6, fails, gone}, {7, asks, nil},
			{7 + calm, asks, gone}, {8 + calm, asks, gone}}, // by then nothing works
		"again, later": {{0, fails, gone}, {1, asks, gone}, {2, works, nil}, {calm, fails, gone}, {calm + 1, asks, gone}},
		"another":      {{0, fails, gone}, {1, asks, gone}, {2, works, nil}, {3, fails, other}, {4, asks, other}, {5, asks, other}},
	} {
		t.Run(name, func(t *testing.T) {
			var tr trouble
			for i, s := range steps {
				at := time.Unix(1_700_000_000, 0).Add(s.at)
				switch s.what {
				case fails:
					tr.set(s.err, at)
				case works:
					tr.works(at)
				default:
					if err := tr.lasts(at); !errors.Is(err, s.err) {
						t.Errorf("step %d: %v, want %v", i, err, s.err)
					}
				}
			}
		})
	}
}
