package jenkins

import (
	"errors"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/lazy"
	"tallyman/pipeline/multiline"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
	"tallyman/pipeline/zone"
)

// DatasetAudit is that of the audit trail's events.
const DatasetAudit = "jenkins.audit"

var errAudit = errors.New("no record of the audit-trail plugin")

// scriptLead begins the one record that has more than one line.
const scriptLead = "A groovy script was executed"

// auditDecoder implements plugin.HoldingDecoder.
type auditDecoder struct {
	env   plugin.Env
	join  *multiline.Joiner
	zones zone.Finder
	doc   jsontree.Doc
	seed  []byte
}

func newAudit(env plugin.Env) plugin.Decoder {
	return &auditDecoder{env: env, join: multiline.New(env.Now, env.Meter, env.Name, "jenkins_audit", auditKind)}
}

// auditKind says what a line is by itself. Whoever may run a script on the
// controller can make its text look like a record of its own; the plugin writes
// nothing that would tell the two apart.
func auditKind(line string) multiline.Kind {
	text, stamped := line, false
	if s, ok := parseStamp(line); ok {
		text, stamped = s.rest, true
	} else if _, rest, ok := consoleTime(line); ok {
		text, stamped = rest, true
	}
	switch {
	case strings.Contains(text, scriptLead) && !strings.Contains(text, "\n"):
		if _, isURI := requestOf(text); !isURI {
			return multiline.Begins
		}
		return multiline.Whole
	case stamped || strings.HasPrefix(text, "{") || meansSomething(text):
		return multiline.Whole
	}
	return multiline.Follows
}

// Decode implements plugin.Decoder.
func (d *auditDecoder) Decode(e event.Event, out *event.Batch) error {
	d.join.Add(&e, func(whole *event.Event) { d.one(*whole, out) })
	return nil
}

// one decodes a whole record.
func (d *auditDecoder) one(e event.Event, out *event.Batch) {
	f := facts{dataset: DatasetAudit}
	at, ok := d.read(&e, &f)
	if !ok {
		unread(&d.env, "jenkins_audit", e, errAudit, out)
		return
	}
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
}

// read reads the time and the message of a record in each of its forms.
func (d *auditDecoder) read(e *event.Event, f *facts) (at time.Time, ok bool) {
	text := e.Raw
	if strings.HasPrefix(text, "{") {
		return d.object(e, f)
	}
	if s, ok := parseStamp(text); ok {
		if at, ok = s.in(d.zones.Of(e, d.here)); !ok {
			f.doubt = "the time is in a language that is not known"
		}
		return at, f.message1(strings.TrimLeft(s.rest, " |;,:-–=>\t"), false)
	}
	if at, rest, ok := consoleTime(text); ok {
		local := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), d.zones.Of(e, d.here))
		return local.UTC(), f.message1(rest, true)
	}
	return e.Time, f.message1(text, false)
}

// object reads what the Elasticsearch logger writes.
func (d *auditDecoder) object(e *event.Event, f *facts) (at time.Time, ok bool) {
	root, ok := d.doc.Parse(e.Raw)
	if !ok {
		return at, false
	}
	at, _ = record.Time(root.Any("@timestamp", "timestamp").Str())
	if ok = f.message1(root.Get("message").Str(), false); ok && root.Left() {
		f.keep = true
	}
	return at, ok
}

// consoleTime reads "yyyy-MM-dd HH:mm:ss:SSS - ", the console logger's default.
func consoleTime(line string) (at time.Time, rest string, ok bool) {
	when, rest, ok := strings.Cut(line, " - ")
	if !ok || len(when) < 19 || len(when) > 23 {
		return at, "", false
	}
	if len(when) > 19 {
		when = when[:19] + "." + when[20:]
	}
	at, err := time.Parse("2006-01-02 15:04:05.999", when)
	return at, rest, err == nil
}

// prefixed matches the prefix of the console logger: a word in capitals.
var prefixed = lazy.Regexp(`^[A-Z][A-Z0-9_.-]* - `)

// message1 reads a message, the first time as it stands, and in the console's
// form again without its prefix.
func (f *facts) message1(text string, console bool) bool {
	text = strings.TrimRight(text, " \r\n")
	f.message, _, _ = strings.Cut(text, "\n")
	if console {
		if at := strings.Index(text, " - "); at >= 0 && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "'") {
			rest := text[at+3:]
			if prefixed().MatchString(text) || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "job/") {
				text = rest
				f.message, _, _ = strings.Cut(text, "\n")
			}
		}
	}
	return f.scriptRun(text) || f.credentialUse(text) || f.requestMade(text) || f.run(text)
}

// meansSomething reports whether a text without a time is a message.
func meansSomething(text string) bool {
	var f facts
	return f.message1(text, false)
}

// scriptRun reads "A groovy script was executed[ by user 'U']. Origin: O." and
// the script below it.
func (f *facts) scriptRun(text string) bool {
	rest, ok := strings.CutPrefix(text, scriptLead)
	if !ok {
		return false
	}
	f.kind, f.action, f.outcome = "script", "script-executed", "success"
	head, script, _ := strings.Cut(rest, "\n")
	who, origin, _ := strings.Cut(head, ". Origin: ")
	if user, ok := strings.CutPrefix(strings.TrimSpace(who), "by user '"); ok {
		f.user = strings.TrimSuffix(strings.TrimSuffix(user, "."), "'")
	}
	f.code = strings.TrimRight(origin, ". ")
	if label, body, ok := strings.Cut(script, "\n"); ok && strings.HasPrefix(label, "The executed script:") {
		script = body
	}
	f.script = script
	return true
}

var credentialForm = lazy.Regexp(`^'(.*)' \(class ([\w.$]+)\) used credentials '(.*)' \(class ([\w.$]+)\)\.?$`)

// credentialUse reads "'ITEM' (class C) used credentials 'ID' (class T).".
func (f *facts) credentialUse(text string) bool {
	m := credentialForm().FindStringSubmatch(text)
	if m == nil {
		return false
	}
	f.kind, f.action, f.outcome = "credential_usage", "credential-used", "success"
	f.credential, f.credentialType = m[3], m[4]
	item := m[1]
	if at := strings.LastIndexByte(item, '#'); at > 0 {
		if n, ok := hash(item[at:]); ok {
			f.job, f.number = strings.TrimSpace(item[:at]), n
			return true
		}
	}
	if class := m[2][strings.LastIndexByte(m[2], '.')+1:]; strings.Contains(class, "Slave") || strings.Contains(class, "Computer") || strings.Contains(class, "Node") {
		f.node = item
		return true
	}
	f.job = item
	return true
}

// requestOf parts "URI[ (extra)] by USER[ from IP]".
func requestOf(text string) (m struct{ uri, extra, user, origin string }, ok bool) {
	if !strings.HasPrefix(text, "/") || strings.Contains(text, "\n") {
		return m, false
	}
	rest := text
	if at := strings.LastIndex(rest, " from "); at >= 0 && strings.LastIndex(rest, " by ") < at {
		rest, m.origin = rest[:at], rest[at+len(" from "):]
	}
	at := strings.LastIndex(rest, " by ")
	if at < 0 {
		return m, false
	}
	m.uri, m.user = rest[:at], rest[at+len(" by "):]
	if strings.HasSuffix(m.uri, ")") {
		if at := strings.LastIndex(m.uri, " ("); at >= 0 {
			m.uri, m.extra = m.uri[:at], m.uri[at+2:len(m.uri)-1]
		}
	}
	return m, m.user != ""
}

// requestMade reads a request to the controller.
func (f *facts) requestMade(text string) bool {
	m, ok := requestOf(text)
	if !ok {
		return false
	}
	r := judge(m.uri, m.extra)
	f.kind, f.action, f.outcome = "http_request", r.action, "unknown"
	f.uri, f.job, f.node, f.origin = m.uri, r.job, r.node, m.origin
	if f.job == "" && strings.HasPrefix(m.extra, "job/") {
		f.job = jobOf(m.extra)
	}
	if f.user = m.user; m.user == "NA" {
		f.user = ""
	}
	if strings.Contains(m.uri, " by ") || strings.Contains(m.user, " from ") {
		f.doubt = "the request and its user cannot be parted for certain"
	}
	return true
}

// Held implements plugin.HoldingDecoder.
func (d *auditDecoder) Held(dst []event.Event) []event.Event { return d.join.Held(dst) }

// Idle implements plugin.HoldingDecoder.
func (d *auditDecoder) Idle(out *event.Batch) {
	d.join.Idle(func(e *event.Event) { d.one(*e, out) })
}

// Flush implements plugin.HoldingDecoder.
func (d *auditDecoder) Flush(out *event.Batch) {
	d.join.Flush(func(e *event.Event) { d.one(*e, out) })
}

var _ plugin.HoldingDecoder = (*auditDecoder)(nil)

// here is the zone of this host.
func (d *auditDecoder) here() *time.Location { return d.env.Now().Location() }
