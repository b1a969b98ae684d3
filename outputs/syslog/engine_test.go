package syslog

import (
	"context"
	"fmt"
	"testing"

	"tallyman/pipeline/enginetest"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestOneBadEventThroughTheEngine: an event at which a receiver ends every connection
// is a dead letter, or is given up where it was unconfirmed already; it stops no other.
// So is one that cannot be written.
func TestOneBadEventThroughTheEngine(t *testing.T) {
	const n, bad = 100, 4
	for _, c := range []struct{ written, reset bool }{{false, false}, {true, true}, {true, false}} {
		t.Run(fmt.Sprintf("written %v, reset %v", c.written, c.reset), func(t *testing.T) {
			m := &moody{ends: func(_ int, text string) bool { return enginetest.Bad(text) }, reset: c.reset, early: true}
			ln := listen(t, "tcp", "127.0.0.1:0")
			serve(t, ln, m.serve)
			var out *output
			o := enginetest.Run{
				Output: func(env plugin.Env) (plugin.Output, error) {
					s := Default()
					s.Address.Value = "tcp://" + ln.Addr().String()
					o, err := New(&s, env)
					if err != nil {
						return nil, err
					}
					out = o.(*output)
					m.watch(out, ln.Addr().String())
					if !c.written {
						out.enc = enginetest.Refusing(out.enc)
					}
					return later{out, m, n - bad}, nil
				},
				Weather: plugintest.NewWeather(t, 1, 0), Events: n, Real: true,
			}.Deliver(t)
			if got := len(o.Dead) + int(out.givenUp.Value()); got > bad || got < bad && !c.written {
				t.Errorf("%d are refused and %d given up, of %d", len(o.Dead), out.givenUp.Value(), bad)
			}
			if there := m.has(); there != n-bad {
				t.Errorf("%d of %d are there", there, n-bad)
			}
		})
	}
}

// later is an output that has more to send before it is closed, for whether its last
// connection was lost shows when more is sent.
type later struct {
	*output
	moody *moody
	all   int
}

// Close implements plugin.Output.
func (l later) Close() error {
	for n := 0; n < 1000 && l.moody.has() < l.all; n++ {
		_ = l.Send(context.Background(), texts("end")) // what it says is the test's
	}
	return l.output.Close()
}
