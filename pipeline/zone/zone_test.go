package zone

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func TestParse(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, east := range map[string]int{"+02:00": 7200, "-05:30": -19800, "UTC": 0} {
		loc, err := Parse(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, got := at.In(loc).Zone(); got != east {
			t.Errorf("%s is %d seconds east, want %d", name, got, east)
		}
	}
	for _, name := range []string{"Local", "Nowhere/City", "+2", "../../etc/passwd"} {
		if loc, err := Parse(name); err == nil {
			t.Errorf("%q is %v", name, loc)
		}
	}
	if loc, err := Parse(""); loc != nil || err != nil {
		t.Errorf("no name is %v, %v", loc, err)
	}
}

// TestOf: the zone is that of the record, and of the host where it has none or one
// that is not known.
func TestOf(t *testing.T) {
	host := time.FixedZone("host", 3600)
	var z Finder
	for _, c := range []struct {
		name string
		east int
	}{{"", 3600}, {"+02:00", 7200}, {"", 3600}, {"-01:00", -3600}, {"Nowhere/City", 3600}, {"+02:00", 7200}} {
		var e event.Event
		e.Fields.AddString(schema.EventTimezone, c.name)
		loc := z.Of(&e, func() *time.Location { return host })
		if _, east := time.Unix(0, 0).In(loc).Zone(); east != c.east {
			t.Errorf("%q is %d seconds east, want %d", c.name, east, c.east)
		}
	}
}

func TestAbbreviation(t *testing.T) {
	for name, want := range map[string]int{"UTC": 0, "EST": -5 * 3600, "CEST": 2 * 3600, "NZDT": 13 * 3600} {
		if east, ok := Abbreviation(name, false); !ok || east != want {
			t.Errorf("%s is %d seconds east, %v", name, east, ok)
		}
	}
	for _, name := range []string{"IST", "BST", "", "est", "Europe/Berlin"} { // several meanings, or none
		if _, ok := Abbreviation(name, false); ok {
			t.Errorf("%q is believed", name)
		}
	}
	if east, ok := Abbreviation("mdt", true); !ok || east != -6*3600 {
		t.Errorf("mdt is %d seconds east, %v", east, ok)
	}
}
