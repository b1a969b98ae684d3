package k8saudit

import (
	"strings"

	"tallyman/pipeline/jsonscan"
)

const (
	// mostIPs is how many addresses of a request are taken.
	mostIPs = 16
	// mostGroups is how many groups of a user are taken.
	mostGroups = 64
	// mostNotes is how many annotations are taken.
	mostNotes = 64
)

// identity is who asks, or whom that one plays.
type identity struct {
	name, uid string
	groups    []string
	extra     string // the object, as it stands
}

// reference is what a request is about.
type reference struct {
	resource, subresource, namespace, name, uid, group, version, revision string
}

// record is what one audit event says. Strings are views of the record where
// they have no escapes.
type record struct {
	ok                                              bool
	kind, version, level, auditID, stage, uri, verb string
	agent, received, staged, stamp                  string
	user, as                                        identity
	ips                                             []string
	ref                                             reference
	code                                            int64 // 0 for none
	status, reason, message                         string
	notes                                           string // the annotations, as they stand
	noteCount                                       int
	decision, why                                   string // of the annotations: how access was decided
	request, response                               string // as they stand, "" for none
	items                                           string
	seen                                            uint32 // the members that came, by their place in names
	unknown                                         bool   // there is more than what is listed here
	doubt                                           string // what is not as it should be, "" for nothing
	pod                                             pod
	role                                            string
	subjects                                        subjects
	objectName, objectUID                           string // of the objects, where the reference lacks them
	secret                                          bool   // its objects hold secrets
	cloud                                           bool   // a record of Google's, of whose text no part can be left out
	kept                                            bool   // whose text says more
}

func (r *record) reset() {
	ips, a, b, p, s := r.ips[:0], r.user.groups[:0], r.as.groups[:0], r.pod, r.subjects
	*r = record{ips: ips}
	r.user.groups, r.as.groups = a, b
	r.pod.images, r.pod.paths = p.images[:0], p.paths[:0]
	r.subjects.users, r.subjects.groups = s.users[:0], s.groups[:0]
}

// names are the members of an audit event; their places are bits of seen.
var names = [...]string{
	"kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser", "sourceIPs",
	"userAgent", "objectRef", "responseStatus", "requestObject", "responseObject", "requestReceivedTimestamp",
	"stageTimestamp", "annotations", "metadata", "timestamp", "items",
}

// parse reads one object. Of a member that stands twice the last counts, as with
// the API server's own decoder, and it is said.
func (r *record) parse(text string) {
	s := jsonscan.New(text)
	if s.Peek() != '{' {
		return
	}
	s.Object(func(name string) {
		r.once(name)
		r.member(&s, name)
	})
	r.ok = s.Done()
	r.objects()
}

func (r *record) once(name string) {
	for i, n := range names {
		if n != name {
			continue
		}
		if r.seen&(1<<i) != 0 {
			r.say(n + " stands twice; the last one counts")
		}
		r.seen |= 1 << i
		return
	}
}

// say notes the first thing that is in doubt.
func (r *record) say(what string) {
	if r.doubt == "" {
		r.doubt = what
	}
}

func (r *record) member(s *jsonscan.Scanner, name string) {
	switch name {
	case "kind":
		r.text(s, &r.kind, name)
	case "apiVersion":
		r.text(s, &r.version, name)
	case "level":
		r.text(s, &r.level, name)
	case "auditID":
		r.text(s, &r.auditID, name)
	case "stage":
		r.text(s, &r.stage, name)
	case "requestURI":
		r.text(s, &r.uri, name)
	case "verb":
		r.text(s, &r.verb, name)
	case "userAgent":
		r.text(s, &r.agent, name)
	case "requestReceivedTimestamp":
		r.text(s, &r.received, name)
	case "stageTimestamp":
		r.text(s, &r.staged, name)
	case "timestamp":
		r.text(s, &r.stamp, name)
	default:
		r.structured(s, name)
	}
}

// structured takes the members that are objects and arrays.
func (r *record) structured(s *jsonscan.Scanner, name string) {
	switch name {
	case "user":
		r.identity(s, &r.user, name)
	case "impersonatedUser":
		r.identity(s, &r.as, name)
	case "sourceIPs":
		r.ips = r.list(s, r.ips[:0], mostIPs, name)
	case "objectRef":
		r.reference(s)
	case "responseStatus":
		r.result(s)
	case "annotations":
		r.annotations(s)
	case "requestObject":
		r.request = objectOf(s)
	case "responseObject":
		r.response = objectOf(s)
	case "items":
		r.items = s.Raw()
	case "metadata":
		s.Skip() // of the betas: when the event was made
	default:
		r.unknown = true
		s.Skip()
	}
}

// objectOf takes a value; null is none.
func objectOf(s *jsonscan.Scanner) string {
	if raw := s.Raw(); raw != "null" {
		return raw
	}
	return ""
}

// text takes a string into dst; null is none.
func (r *record) text(s *jsonscan.Scanner, dst *string, name string) {
	c := s.Peek()
	v, ok := s.Str()
	if !ok && c != 'n' {
		r.say(name + " is no text")
	}
	*dst = v
}

// inner is text for a member of an object.
func (r *record) inner(s *jsonscan.Scanner, dst *string, name string) {
	if *dst != "" {
		r.say(name + " stands twice in its object; the last one counts")
	}
	r.text(s, dst, name)
}

// list takes an array of strings.
func (r *record) list(s *jsonscan.Scanner, dst []string, most int, name string) []string {
	null := s.Peek() == 'n'
	isList := s.Items(func() {
		v, ok := s.Str()
		switch {
		case !ok:
			r.say(name + " holds what is no text")
		case len(dst) == most:
			r.say(name + " holds more than is taken")
		case v != "":
			dst = append(dst, v)
		}
	})
	if !isList && !null {
		r.say(name + " is no list")
	}
	return dst
}

// object takes an object by its members; null is an empty one.
func (r *record) object(s *jsonscan.Scanner, name string, member func(name string)) {
	null := s.Peek() == 'n'
	if !s.Members(member) && !null {
		r.say(name + " is no object")
	}
}

// objectAt returns where the objects of a request, or what was patched in them,
// begin, -1 for nowhere.
func objectAt(text string) int {
	first := -1
	for _, name := range [...]string{`"requestObject"`, `"responseObject"`, `"` + patches, `\"requestObject`, `\"responseObject`, `\"` + patches, `"request":`, `"response":`} {
		if at := strings.Index(text, name); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}
