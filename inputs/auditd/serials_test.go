package auditd

import (
	"context"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// nothing is an input that has nothing to give.
type nothing struct{ plugin.Input }

func (nothing) Read(context.Context, *event.Batch, time.Duration) error { return nil }

// TestWhoseSerialsAreWhole: every way in says what a missing serial means there.
func TestWhoseSerialsAreWhole(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *Settings)
		want   event.Serials
	}{
		"a file":            {func(*Settings) {}, event.SerialsUnknown}, // it has a path
		"a socket":          {func(s *Settings) { s.Socket.Value = "s" }, event.SerialsWhole},
		"stdin":             {func(s *Settings) { s.Stdin = true }, event.SerialsWhole},
		"multicast":         {func(s *Settings) { s.Netlink = "multicast" }, event.SerialsWhole},
		"unicast":           {func(s *Settings) { s.Netlink = "unicast" }, event.SerialsOurs},
		"behind a filter":   {func(s *Settings) { s.Stdin, s.Serials = true, false }, event.SerialsUnknown},
		"unicast, not told": {func(s *Settings) { s.Netlink, s.Serials = "unicast", false }, event.SerialsUnknown},
	} {
		for _, once := range []bool{false, true} { // a run that has an end does not ask the kernel
			s := defaults()
			c.change(&s)
			e := env("/")
			e.Meter, e.Once = new(meter.Registry), once
			in, err := build(&s, e)
			if err != nil {
				t.Fatal(err)
			}
			in.(*watch).Input = nothing{}
			b := event.Batch{}
			if err := in.Read(t.Context(), &b, 0); err != nil || b.Serials != c.want {
				t.Errorf("%s: %d, want %d (%v)", name, b.Serials, c.want, err)
			}
		}
	}
}
