// Package zone finds the time zone of a source whose times do not say theirs. The
// input that knows it puts its name on each record as event.timezone; decoders of
// such times ask here. It knows no form of a time.
package zone

import (
	"fmt"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Hint says how a setting names a zone.
const Hint = "write a name of the tz database, Europe/Berlin, or an offset, +02:00"

// Parse returns the zone of a name of the tz database, or of an offset as
// "+02:00". The empty name is none: nil.
func Parse(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	if t, err := time.Parse("-07:00", name); err == nil {
		_, east := t.Zone()
		return time.FixedZone(name, east), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("timezone %q is not known here", name)
	}
	return loc, nil
}

// Finder remembers the last zone that it found. It belongs to one goroutine.
type Finder struct {
	name string
	loc  *time.Location
}

// Of returns the zone of a record: event.timezone where its input says one, else
// that of this host, which host returns.
func (z *Finder) Of(e *event.Event, host func() *time.Location) *time.Location {
	name := e.Get(schema.EventTimezone).Str()
	if name == "" {
		return host()
	}
	return z.Named(name, host())
}

// Named returns the zone of a name, else otherwise.
func (z *Finder) Named(name string, otherwise *time.Location) *time.Location {
	if z.name != name {
		z.name = strings.Clone(name)
		if loc, err := Parse(z.name); err == nil { // it keeps the name
			z.loc = loc
		} else {
			z.loc = nil
		}
	}
	if z.loc == nil {
		return otherwise
	}
	return z.loc
}
