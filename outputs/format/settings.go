package format

import (
	"fmt"
	"time"

	"tallyman/outputs/format/ocsf"
	"tallyman/pipeline/plugin"
)

// Settings are the keys of a choice of formats, to be inlined into the settings
// of an output (`yaml:",inline"`). The output's defaults set Format.
type Settings struct {
	Format  string           `yaml:"format" doc:"What an event is written as: json (Elastic Common Schema, one object), splunk (flat JSON that Splunk searches as it is), ocsf (Open Cybersecurity Schema Framework 1.8, JSON), cef (Common Event Format), leef (Log Event Extended Format of QRadar), rfc5424 (a syslog message), rfc3164 (a syslog message of the old form), text (a line for people, which leaves most fields out), or raw (what was read, where it is kept, else the event's message, and nothing of tallyman's)." enum:"json,splunk,ocsf,cef,leef,rfc5424,rfc3164,text,raw"`
	Shape   string           `yaml:"shape" doc:"How json names fields: nested objects (where it is not set), or dotted names in one object." enum:"nested,dotted"`
	JSON    *JSONSettings    `yaml:"json" doc:"What may be chosen of formats json and splunk."`
	OCSF    *OCSFSettings    `yaml:"ocsf" doc:"What may be chosen of format ocsf."`
	CEF     *CEFSettings     `yaml:"cef" doc:"What may be chosen of format cef."`
	LEEF    *LEEFSettings    `yaml:"leef" doc:"What may be chosen of format leef."`
	RFC5424 *RFC5424Settings `yaml:"rfc5424" doc:"What may be chosen of format rfc5424."`
	RFC3164 *RFC3164Settings `yaml:"rfc3164" doc:"What may be chosen of format rfc3164."`

	OnlyFields    []string `yaml:"only_fields" doc:"The fields that are written, all where it is not set: each a field (host.name), a group of fields (process.parent), or a name below a field of named values (labels.env). @timestamp and event.id are always written. The journal and the rules have all fields." example:"[message, host.name, container, process]"`
	WithoutFields []string `yaml:"without_fields" doc:"Fields that are not written, by the same words. It takes away from only_fields." example:"[auditd.data, host.os]"`

	// Color asks text for the colours of a terminal. It is no key: an output that
	// knows that it writes to a terminal sets it.
	Color bool `yaml:"-"`
}

// JSONSettings are the keys of formats json and splunk.
type JSONSettings struct {
	MaxBytes plugin.Size `yaml:"max_bytes" doc:"The most bytes of one event; no limit where it is not set. A longer one loses its source text first, then arguments, the end of its command line and of its message, then other fields, and says so with the tag tallyman_shortened."`
}

// OCSFSettings are the keys of format ocsf.
type OCSFSettings struct {
	MaxBytes plugin.Size `yaml:"max_bytes" doc:"The most bytes of one event, 1MiB where it is not set. A longer one loses raw_data first, then members of unmapped, then the ends of its texts, and says so with metadata.is_truncated. What its class requires stays."`
}

// CEFSettings are the keys of format cef.
type CEFSettings struct {
	Version   int         `yaml:"version" doc:"The version of CEF in the header: 0, or 1 for receivers that ask for it."`
	Vendor    string      `yaml:"vendor" doc:"The device vendor in the header, at most 63 characters. Tallyman where it is not set."`
	Product   string      `yaml:"product" doc:"The device product in the header, at most 63 characters. tallyman where it is not set."`
	IPv6InSrc bool        `yaml:"ipv6_in_src" doc:"Puts IPv6 addresses into src and dst, for receivers that accept it, and not into c6a2 and c6a3."`
	MaxBytes  plugin.Size `yaml:"max_bytes" doc:"The most bytes of one event, 32KiB where it is not set. A longer one loses the end of its command line and message first, then keys from the end, and says so with TallymanTruncated=true."`
}

// LEEFSettings are the keys of format leef.
type LEEFSettings struct {
	Version   string      `yaml:"version" doc:"The version of LEEF: 2.0 where it is not set, or 1.0 for receivers that ask for it." enum:"2.0,1.0"`
	Delimiter string      `yaml:"delimiter" doc:"What parts attributes in LEEF 2.0: tab where it is not set, or one character. 1.0 has the tab alone." enum:"tab,^,~,;,!,#,$,%,&,*,@"`
	Vendor    string      `yaml:"vendor" doc:"The vendor in the header. Tallyman where it is not set."`
	Product   string      `yaml:"product" doc:"The product in the header. tallyman where it is not set."`
	MaxBytes  plugin.Size `yaml:"max_bytes" doc:"The most bytes of one event, 32KiB where it is not set; QRadar takes 4KiB over TCP unless it is told otherwise. A longer one loses the end of its command line and message first, then attributes from the end, and says so with TallymanTruncated=true." example:"4KiB"`
}

// RFC5424Settings are the keys of format rfc5424.
type RFC5424Settings struct {
	Body           string      `yaml:"body" doc:"What follows the structured data: text (the event's message, where it is not set), raw (what was read, where it is kept, else the message), or the whole event as json, splunk, ocsf, cef or leef." enum:"text,raw,json,splunk,ocsf,cef,leef"`
	StructuredData string      `yaml:"structured_data" doc:"Either full (id, dataset, action, outcome and container) or none. Where it is not set, none for the bodies cef and leef, which say all of it, and full for others." enum:"full,none"`
	MaxBytes       plugin.Size `yaml:"max_bytes" doc:"The most bytes of one message; no limit where it is not set, but that of the output. A longer one loses what the body gives up." example:"2KiB"`
}

// RFC3164Settings are the keys of format rfc3164.
type RFC3164Settings struct {
	Body     string      `yaml:"body" doc:"What follows the tag: text (the event's message, where it is not set), raw (what was read, where it is kept, else the message), or the whole event as json, splunk, ocsf, cef or leef." enum:"text,raw,json,splunk,ocsf,cef,leef"`
	MaxBytes plugin.Size `yaml:"max_bytes" doc:"The most bytes of one message, 1KiB where it is not set (RFC 3164 section 4.1)."`
	TimeZone string      `yaml:"time_zone" doc:"The zone of the time, which such a message does not name: a name of the tz database, or Local. UTC where it is not set." example:"Europe/Berlin"`
}

// The least max_bytes: less would not hold a header, or what a class requires.
const (
	leastFlat    = 512
	leastJSON    = 512
	leastMessage = 480 // RFC 5424 section 6.1
)

const zoneHint = "a name of the tz database such as Europe/Berlin, or Local"

// Check returns what a type cannot say; an output calls it from its own Check.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string, warn bool) {
		p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint, Warn: warn})
	}
	if s.Shape != "" && !s.writes(JSON) {
		add("shape", "shape is for format json, and format is "+s.Format, "remove shape", true)
	}
	for _, one := range []struct {
		key  string
		set  bool
		used bool
		size plugin.Size
		min  plugin.Size
	}{
		{"json", s.JSON != nil, s.writes(JSON) || s.writes(Splunk), or(s.JSON).MaxBytes, leastJSON},
		{"ocsf", s.OCSF != nil, s.writes(OCSF), or(s.OCSF).MaxBytes, ocsf.LeastMaxBytes},
		{"cef", s.CEF != nil, s.writes(CEF), or(s.CEF).MaxBytes, leastFlat},
		{"leef", s.LEEF != nil, s.writes(LEEF), or(s.LEEF).MaxBytes, leastFlat},
		{"rfc5424", s.RFC5424 != nil, s.Format == RFC5424, or(s.RFC5424).MaxBytes, leastMessage},
		{"rfc3164", s.RFC3164 != nil, s.Format == RFC3164, or(s.RFC3164).MaxBytes, leastMessage},
	} {
		if one.set && !one.used {
			add(one.key, one.key+" is for format "+one.key+", and format is "+s.Format, "remove "+one.key, true)
		}
		if one.size != 0 && one.size < one.min {
			add(one.key+".max_bytes", fmt.Sprintf("%s.max_bytes is %d, and an event needs %d", one.key, one.size, one.min), "", false)
		}
	}
	if v := or(s.CEF).Version; v != 0 && v != 1 {
		add("cef.version", fmt.Sprintf("cef.version is %d, and there are 0 and 1", v), "", false)
	}
	if l := or(s.LEEF); l.Version == "1.0" && l.Delimiter != "" && l.Delimiter != "tab" {
		add("leef.delimiter", "LEEF 1.0 has no delimiter but the tab", "remove delimiter, or take version 2.0", false)
	}
	if _, problems := selectionOf(s.OnlyFields, s.WithoutFields); len(problems) > 0 {
		p = append(p, problems...)
	} else if bare := s.Format == Raw || s.Format == RFC5424 && !bodied(or(s.RFC5424).Body) || s.Format == RFC3164 && !bodied(or(s.RFC3164).Body); bare && len(s.OnlyFields)+len(s.WithoutFields) > 0 {
		key, hint := "only_fields", "remove them, or set "+s.Format+".body"
		if s.Format == Raw {
			hint = "remove them, or take another format"
		}
		if len(s.OnlyFields) == 0 {
			key = "without_fields"
		}
		add(key, "only_fields and without_fields are of no use where format "+s.Format+" writes the event's text alone", hint, true)
	}
	if zone := or(s.RFC3164).TimeZone; zone != "" {
		if _, err := time.LoadLocation(zone); err != nil {
			add("rfc3164.time_zone", "rfc3164.time_zone: "+err.Error(), zoneHint, false)
		}
	}
	return p
}

// bodied reports whether the body of a message is more than the event's message.
func bodied(body string) bool { return body != "" && body != Text && body != Raw }

// writes reports whether events are written as word, alone or as what a message
// says.
func (s *Settings) writes(word string) bool {
	switch s.Format {
	case RFC5424:
		return or(s.RFC5424).Body == word
	case RFC3164:
		return or(s.RFC3164).Body == word
	}
	return s.Format == word
}
