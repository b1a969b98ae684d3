package falco

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// Falco's plain text, as it prints it and sends it to syslog where json_output is off:
//
//	03:04:05.123456789: Notice A shell was spawned (user=root … command=sh -c x terminal=0 container_id=c0ffee…)
//	2026-11-21T03:04:05.123456789+0000: Notice A shell was spawned | user=root … command=sh -c x terminal=0 …
//
// It does not name the rule, and its values have neither quotes nor escapes: whoever
// chooses a command line can write `container_id=…` into it. What follows a name is
// therefore only believed where the text has one reading.

var errText = errors.New("no alert: neither JSON, nor a line with a time, a priority and a text")

// line is what a line of plain text says.
type line struct {
	at       time.Time
	timed    bool // the line has a date and a zone; else clock is since midnight, wherever it was
	clock    time.Duration
	priority string
	text     string // the rule's own words, without the pairs
	pairs    string
	tail     string // what follows the bracket of the pairs
}

// readLine reads a line; false says that it is none.
func readLine(s string) (l line, ok bool) {
	stamp, rest, found := strings.Cut(s, ": ")
	if !found || len(stamp) < len("03:04:05.0") || len(stamp) > len("2026-11-21T03:04:05.123456789+0000") {
		return l, false
	}
	if stamp[2] == ':' {
		t, err := time.Parse("15:04:05.999999999", stamp)
		if err != nil {
			return l, false
		}
		l.clock = t.Sub(t.Truncate(24 * time.Hour))
	} else if l.at, l.timed = record.Time(stamp); !l.timed {
		return l, false
	}
	l.priority, l.text, found = strings.Cut(rest, " ")
	if _, known := priorities[strings.ToLower(l.priority)]; !known || !found || l.text == "" {
		return l, false
	}
	l.split()
	return l, true
}

// split cuts the pairs from the text, at the bar or the bracket that is first: what
// follows is of others. A bracket counts where a name begins in it.
func (l *line) split() {
	bar := strings.Index(l.text, " | ")
	for from := 0; ; {
		at := strings.Index(l.text[from:], " (")
		if at += from; at < from || bar >= 0 && bar < at {
			break
		}
		name, _, pair := strings.Cut(l.text[at+2:], "=")
		if from = at + 2; pair && !strings.ContainsAny(name, " ()") {
			l.pairs = l.text[from:]
			if end := strings.LastIndexByte(l.pairs, ')'); end >= 0 {
				l.pairs, l.tail = l.pairs[:end], l.pairs[end+1:]
			}
			l.text = l.text[:at]
			return
		}
	}
	if bar >= 0 {
		l.text, l.pairs = l.text[:bar], l.text[bar+3:]
	}
}

// when is the time of a line without a date: the moment with that minute and second
// which is nearest to what the transport says, since their zones may differ (Falco in a
// container writes UTC) and zones differ by quarters of an hour. Without a word of
// the transport it is the last one before it was read, in the zone of the source.
func (l *line) when(given, seen time.Time, loc *time.Location) time.Time {
	const quarter = 15 * time.Minute
	if !given.IsZero() && !given.Equal(seen) {
		t := given.Truncate(quarter).Add(l.clock % quarter)
		switch off := t.Sub(given); {
		case off > quarter/2:
			t = t.Add(-quarter)
		case off < -quarter/2:
			t = t.Add(quarter)
		}
		if off := t.Sub(given); off > -2*time.Minute && off < 2*time.Minute {
			return t.UTC()
		}
		return given
	}
	y, m, d := seen.In(loc).Date()
	clock := int(l.clock / time.Second)
	t := time.Date(y, m, d, clock/3600, clock/60%60, clock%60, int(l.clock%time.Second), loc)
	if t.After(seen.Add(time.Minute)) {
		t = time.Date(y, m, d-1, clock/3600, clock/60%60, clock%60, int(l.clock%time.Second), loc)
	}
	return t.UTC()
}

// plain adds the event of a line of plain text.
func (d *decoder) plain(e *event.Event, text string, out *event.Batch) error {
	l, ok := readLine(text)
	if !ok {
		return errText
	}
	ev := *e
	ev.Decode, ev.Dataset, ev.Raw = "", Dataset, ""
	if ev.Time = l.at; !l.timed {
		ev.Time = l.when(e.Time, e.Seen, d.zones.Of(e, func() *time.Location { return d.env.Now().Location() }))
	}
	ev.Fields = out.Take(e.Fields, spare)
	f := &ev.Fields
	head(f, priorities[strings.ToLower(l.priority)])
	f.AddString(schema.FalcoPriority, l.priority)
	f.AddString(schema.RuleDescription, l.text)
	if len(text) <= record.MaxText {
		f.AddString(schema.FalcoOutput, text)
		f.AddString(schema.Message, text)
	} else {
		ev.Raw = e.Raw
		record.Doubt(f, "the output is too long for a field")
	}
	l.saw(f)
	ev.ID, d.seed = record.LineID(d.seed, d.env.HostID, &ev, text, 0)
	out.Events = append(out.Events, ev)
	return nil
}

// block are the names that the rules which Falco ships write in this order, and the
// fields that have them. The command line is the only one that anybody may fill
// with what he likes; no other may stand twice.
var block = [...]struct {
	name string
	key  schema.Key
}{
	{"user=", schema.UserName}, {"user_uid=", schema.UserID}, {"user_loginuid=", schema.UserAuditID}, {"process=", schema.ProcessName},
	{"proc_exepath=", schema.ProcessExecutable}, {"parent=", schema.ProcessParentName}, {"command=", schema.ProcessCommandLine}, {"terminal=", schema.ProcessTTYName},
}

// saw adds what the pairs say where they have one reading: all of block, each once
// and in order, and what follows it. Of a text that is not so, no more is believed than
// who it was where it begins with that.
func (l *line) saw(f *event.Fields) {
	var at [len(block) + 1]int
	s := " " + l.pairs
	for i, b := range block {
		name := " " + b.name
		at[i] = strings.Index(s, name)
		if at[i] < 0 || strings.Count(s, name) != 1 || i > 0 && at[i] < at[i-1] {
			l.first(f)
			return
		}
	}
	at[len(block)] = len(s)
	for i, b := range block {
		value := s[at[i]+1+len(b.name) : at[i+1]]
		if b.key == schema.ProcessTTYName {
			var rest string
			value, rest, _ = strings.Cut(value, " ")
			where(f, rest+" "+strings.TrimLeft(l.tail, " "))
			if _, err := strconv.Atoi(value); err == nil {
				continue // the number of the device, which no field has
			}
		}
		who(f, b.key, value)
	}
}

// first adds the pairs in front, as long as they say who it was.
func (l *line) first(f *event.Fields) {
	for word := range strings.SplitSeq(l.pairs, " ") {
		name, value, ok := strings.Cut(word, "=")
		switch {
		case !ok:
			return
		case name == "user":
			who(f, schema.UserName, value)
		case name == "user_uid":
			who(f, schema.UserID, value)
		case name == "user_loginuid":
			who(f, schema.UserAuditID, value)
		case name != "evt_type":
			return
		}
	}
}

// who adds a value that there is; -1 is nobody's login.
func who(f *event.Fields, k schema.Key, value string) {
	if value == none || k == schema.UserAuditID && (value == "-1" || value == "4294967295") {
		return
	}
	f.AddString(k, value)
	if k == schema.UserName {
		f.AddString(schema.RelatedUser, value)
	}
}

// where adds container, image and pod from words that are all pairs, which Falco
// writes at the end. Of a name that stands twice, as with -pk, the first counts.
func where(f *event.Fields, words string) {
	var id, name, namespace, pod string
	var image record.Image
	set := func(to *string, value string) {
		if *to == "" && value != none {
			*to = value
		}
	}
	for word := range strings.SplitSeq(words, " ") {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "container_id", "container":
			set(&id, value)
		case "container_name":
			set(&name, value)
		case "container_image", "image", "container_image_repository":
			if value != none && image.Name == "" {
				image = record.ParseImage(value)
			}
		case "container_image_tag":
			set(&image.Tag, value)
		case "k8s_pod_name", "k8s_pod", "k8s.pod":
			set(&pod, value)
		case "k8s_ns_name", "k8s_ns", "k8s.ns":
			set(&namespace, value)
		}
	}
	place(f, id, name, image, namespace, pod)
}
