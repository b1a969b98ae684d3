package k8sevent

import "tallyman/pipeline/jsonscan"

// object is what an event is about.
type object struct {
	kind, namespace, name, uid, version, path, revision string
}

// record is what one Event says. Strings are views of the record where they have
// no escapes.
type record struct {
	ok                                      bool
	change                                  string // of a watch: ADDED, MODIFIED, DELETED, BOOKMARK, ERROR
	kind, version                           string
	name, namespace, uid, revision, created string // of the Event itself
	about, related                          object
	reason, message, action                 string
	level                                   string // Normal, Warning
	component, host, instance               string
	first, last, at, observed               string // when it happened
	count                                   int64  // how often
	items                                   string // of a list
	unknown                                 bool   // there is more than what is listed here
	doubt                                   string // what is not as it should be, "" for nothing
}

func (r *record) say(what string) {
	if r.doubt == "" {
		r.doubt = what
	}
}

// read reads one record, whatever stands around the Event.
func (r *record) read(text string) {
	s := jsonscan.New(text)
	switch s.Peek() {
	case '{':
		r.outer(&s)
	case '[': // of fluent-bit: its time, which says no more than the Event, and the Event
		n := 0
		s.Array(func() {
			if n++; n == 2 && s.Peek() == '{' {
				r.outer(&s)
				return
			}
			c := s.Peek()
			s.Skip()
			r.unknown = r.unknown || n != 1 || c == '{'
		})
		if n < 2 {
			return
		}
	default:
		return
	}
	r.ok = s.Done()
}

// outer reads an Event, or the line of a watch around one: there the member type
// is the change, here whether the event is normal.
func (r *record) outer(s *jsonscan.Scanner) {
	watch := false
	s.Object(func(name string) {
		if name == "object" && s.Peek() == '{' {
			watch = true
			r.change, r.level = r.level, ""
			s.Object(func(name string) { r.member(s, name) })
			return
		}
		if name == "type" && watch {
			r.text(s, &r.change, name)
			return
		}
		r.member(s, name)
	})
}

func (r *record) member(s *jsonscan.Scanner, name string) {
	switch name {
	case "kind":
		r.text(s, &r.kind, name)
	case "apiVersion":
		r.text(s, &r.version, name)
	case "reason":
		r.text(s, &r.reason, name)
	case "message", "note":
		r.text(s, &r.message, name)
	case "action":
		r.text(s, &r.action, name)
	case "type":
		r.text(s, &r.level, name)
	case "firstTimestamp", "deprecatedFirstTimestamp":
		r.text(s, &r.first, name)
	case "lastTimestamp", "deprecatedLastTimestamp":
		r.text(s, &r.last, name)
	case "eventTime":
		r.text(s, &r.at, name)
	case "reportingInstance":
		r.text(s, &r.instance, name)
	case "reportingComponent", "reportingController":
		r.reporter(s, &r.component, name)
	case "items":
		r.items = s.Raw()
	default:
		r.structured(s, name)
	}
}

// reporter takes the newer name of who reports, which may be empty beside an
// older one.
func (r *record) reporter(s *jsonscan.Scanner, to *string, name string) {
	var v string
	r.text(s, &v, name)
	if v != "" {
		*to = v
	}
}

func (r *record) structured(s *jsonscan.Scanner, name string) {
	switch name {
	case "metadata":
		r.metadata(s)
	case "involvedObject", "regarding":
		r.object(s, &r.about)
	case "related":
		r.object(s, &r.related)
		r.unknown = r.unknown || r.related != object{}
	case "source", "deprecatedSource":
		r.source(s)
	case "count", "deprecatedCount":
		r.number(s)
	case "series":
		r.series(s)
	default:
		r.unknown = true
		s.Skip()
	}
}

// text takes a string into dst; null is none. What stands twice and differs is
// in doubt, and the last counts.
func (r *record) text(s *jsonscan.Scanner, dst *string, name string) {
	c := s.Peek()
	v, ok := s.Str()
	switch {
	case !ok && c != 'n':
		r.say(name + " is no text")
	case *dst != "" && *dst != v:
		r.say(name + " is said twice; the last one counts")
	}
	*dst = v
}

func (r *record) number(s *jsonscan.Scanner) {
	c := s.Peek()
	n, ok := s.Int()
	switch {
	case ok && n >= 0:
		r.count = max(r.count, n)
	case c != 'n':
		r.say("count is no number of times")
	}
}

// members takes an object by its members; null is an empty one.
func (r *record) members(s *jsonscan.Scanner, what string, member func(name string)) {
	null := s.Peek() == 'n'
	if !s.Members(member) && !null {
		r.say(what + " is no object")
	}
}

func (r *record) metadata(s *jsonscan.Scanner) {
	r.members(s, "metadata", func(name string) {
		switch name {
		case "name":
			r.text(s, &r.name, name)
		case "namespace":
			r.text(s, &r.namespace, name)
		case "uid":
			r.text(s, &r.uid, name)
		case "resourceVersion":
			r.text(s, &r.revision, name)
		case "creationTimestamp":
			r.text(s, &r.created, name)
		case "managedFields", "selfLink", "generateName", "generation":
			s.Skip() // how the API server keeps the object
		default:
			r.unknown = true
			s.Skip()
		}
	})
}

func (r *record) object(s *jsonscan.Scanner, to *object) {
	r.members(s, "what the event is about", func(name string) {
		switch name {
		case "kind":
			r.text(s, &to.kind, name)
		case "namespace":
			r.text(s, &to.namespace, name)
		case "name":
			r.text(s, &to.name, name)
		case "uid":
			r.text(s, &to.uid, name)
		case "apiVersion":
			r.text(s, &to.version, name)
		case "fieldPath":
			r.text(s, &to.path, name)
		case "resourceVersion":
			r.text(s, &to.revision, name)
		default:
			r.unknown = true
			s.Skip()
		}
	})
}

func (r *record) source(s *jsonscan.Scanner) {
	r.members(s, "source", func(name string) {
		switch name {
		case "component":
			var v string
			if r.text(s, &v, name); r.component == "" {
				r.component = v
			}
		case "host":
			r.text(s, &r.host, name)
		default:
			r.unknown = true
			s.Skip()
		}
	})
}

func (r *record) series(s *jsonscan.Scanner) {
	r.members(s, "series", func(name string) {
		switch name {
		case "count":
			r.number(s)
		case "lastObservedTime":
			r.text(s, &r.observed, name)
		default:
			r.unknown = true
			s.Skip()
		}
	})
}
