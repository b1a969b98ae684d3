package syslog

import (
	"math"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/programs"
	"tallyman/pipeline/schema"
)

const (
	// fieldRoom is how many fields a message may give beside its structured data.
	fieldRoom = 48

	// spare is the room for what transforms add.
	spare = 8
)

// facilities and severities are the names of RFC 5427 and of RFC 5424.
var (
	facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "console", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	severities = [...]string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}
)

// weights are event.severity by the severity of syslog (SCHEMA.md, section 5).
var weights = [...]int64{10, 10, 10, 8, 5, 3, 2, 1}

// priorities is how many values PRI has.
const priorities = 192

// priority are the fields that say what PRI says.
func priority(f *event.Fields, pri int) {
	if pri == noPriority {
		return
	}
	f.Add(schema.LogSyslogPriority, event.Int(int64(pri)))
	f.Add(schema.LogSyslogFacilityCode, event.Int(int64(pri>>3)))
	f.Add(schema.LogSyslogFacilityName, event.String(facilities[pri>>3]))
	f.Add(schema.LogSyslogSeverityCode, event.Int(int64(pri&7)))
	f.Add(schema.LogSyslogSeverityName, event.String(severities[pri&7]))
}

// common are the fields of a message of which no more is known than its priority:
// nearly all have the same, so that they are added at once.
func (d *decoder) common() event.Fields {
	at := &d.heads[d.m.pri-noPriority]
	if *at == nil {
		var say programs.Said
		usual(&say, d.m.pri)
		kind(at, &say, "")
		priority(at, d.m.pri)
	}
	return *at
}

// usual is what a message says of which no program is known.
func usual(say *programs.Said, pri int) {
	say.Action, say.Category, say.Kind = "syslog", "host", "info"
	if pri != noPriority {
		say.Severity = weights[pri&7]
	}
}

// kind adds what kind of event it is; code is that of a device.
func kind(f *event.Fields, say *programs.Said, code string) {
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventCategory, say.Category)
	f.AddString(schema.EventType, say.Kind)
	f.AddString(schema.EventType, say.Kind2)
	f.AddString(schema.EventAction, say.Action)
	f.AddString(schema.EventOutcome, say.Outcome)
	f.AddString(schema.EventReason, say.Reason)
	f.AddString(schema.EventModule, Module)
	f.AddString(schema.EventCode, code)
	if say.Severity > 0 {
		f.Add(schema.EventSeverity, event.Int(say.Severity))
	}
}

// head adds what the head of the message says, but its priority; inner is the decoder
// that goes on.
func (d *decoder) head(f *event.Fields, inner string) {
	m := &d.m
	f.AddString(schema.LogSyslogVersion, m.version)
	f.AddString(schema.LogSyslogHostname, m.host)
	f.AddString(schema.LogSyslogAppname, m.app)
	f.AddString(schema.LogSyslogProcID, m.proc)
	f.AddString(schema.LogSyslogMsgID, m.msgid)
	first := len(*f)
	for i := range m.params {
		d.param(f, first, i)
	}
	f.AddString(schema.HostName, m.host)
	if m.local && inner != "audit" { // whose records have a time of their own
		f.AddString(schema.EventTimezone, d.zoneText(m.east))
	}
	if m.sequence != "" {
		if n, err := strconv.ParseInt(m.sequence, 10, 64); err == nil {
			f.Add(schema.EventSequence, event.Int(n))
		}
	}
	if m.count != "" {
		f.AddNamed(schema.Labels, "syslog_count", event.String(m.count))
	}
	if m.clock != "" {
		f.AddNamed(schema.Labels, "syslog_clock", event.String(clockNames[m.clock]))
	}
	f.AddString(schema.LogLevel, m.level)
	if m.zone != "" || m.uptime != "" || m.node != "" || m.selector != "" || m.relayed {
		m.labels(f)
	}
	if m.doubt != "" {
		m.flag(f)
	}
}

// labels adds what the head of a device, or of a relay before it, says beside.
func (m *message) labels(f *event.Fields) {
	if !m.relayed {
		m.outer = ""
	}
	for _, label := range [...]struct{ name, value string }{{"syslog_zone", m.zone}, {"syslog_uptime", m.uptime}, {"syslog_node", m.node}, {"syslog_selector", m.selector},
		{"syslog_relay", m.relay}, {"syslog_relay_time", m.outer}} {
		if label.value != "" {
			f.AddNamed(schema.Labels, label.name, event.String(label.value))
		}
	}
}

// flag says that a part is in doubt, beside what the input said of the message.
func (m *message) flag(f *event.Fields) {
	f.AddString(schema.ErrorCode, CodeParse)
	f.AddString(schema.Tags, TagIncomplete)
	if before := f.Get(schema.ErrorMessage).Str(); before != "" {
		f.Set(schema.ErrorMessage, event.String(before+"; "+m.doubt))
	} else {
		f.AddString(schema.ErrorMessage, m.doubt)
	}
}

// clockNames say what Cisco's mark before a time means.
var clockNames = map[string]string{"*": "not set", ".": "not synchronised"}

// param adds one value of structured data. A name that stands twice in one
// element gets the number of its turn, so that no value is lost.
func (d *decoder) param(f *event.Fields, first, at int) {
	p := &d.m.params[at]
	if p.name == "" {
		f.AddNamed(schema.LogSyslogStructuredData, p.id, event.String(""))
		return
	}
	name := p.full
	if name == "" {
		name = d.nameAt(at, p.pair)
	}
	turn := 1
	for i := range at { // each before has its field, whose name may have a number that it did not come with
		if q := &d.m.params[i]; q.name != "" && (*f)[first+i].Name()[:len(q.id)+1+len(q.name)] == name {
			turn++
		}
	}
	if turn > 1 {
		name += "#" + strconv.Itoa(turn)
	}
	f.AddNamed(schema.LogSyslogStructuredData, name, event.String(p.value))
}

// recentName is the name of a parameter of a message before.
type recentName struct {
	pair
	full    string // "id.name"
	grammar bool   // RFC 5424 allows both names of the pair
}

// recentNames is how many parameters of a message are looked for at their place.
const recentNames = 8

// nameAt returns "id.name" of a parameter: most often that of the one which stood
// at its place in the message before.
func (d *decoder) nameAt(at int, p pair) string {
	if at >= recentNames {
		return d.name(p)
	}
	if r := &d.recent[at]; r.pair == p {
		return r.full
	}
	full := d.name(p)
	if len(full) <= 2*maxName+1 {
		d.recent[at] = recentName{pair{full[:len(p.id)], full[len(p.id)+1:]}, full,
			isSDName(p.id) && isSDName(p.name)}
	}
	return full
}

// keptNames is how many names of structured data are kept. A sender that makes
// new ones all the time pays for them alone.
const keptNames = 1024

// name returns "id.name".
func (d *decoder) name(p pair) string {
	if name, ok := d.names[p]; ok {
		return name
	}
	name := p.id + "." + p.name
	if len(name) > 2*maxName+1 {
		return name
	}
	if len(d.names) >= keptNames {
		clear(d.names)
	}
	d.names[pair{name[:len(p.id)], name[len(p.id)+1:]}] = name
	return name
}

// zoneText returns an offset as "+01:00".
func (d *decoder) zoneText(east int) string {
	if east != d.offset {
		sign, n := "+", east
		if n < 0 {
			sign, n = "-", -n
		}
		at := func(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
		d.offset, d.zone = east, sign+at(n/3600)+":"+at(n/60%60)
	}
	return d.zone
}

// handed adds, to a message whose record goes on to another decoder, the head
// that would be lost, where it is in doubt.
func (d *decoder) handed(f *event.Fields, text string) {
	if d.m.doubt != "" {
		f.AddNamed(schema.Labels, "syslog_head", event.String(strings.TrimSuffix(text, d.m.text)))
	}
}

// pidOf reads a number that a process may have.
func pidOf(s string) (pid int64, ok bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		pid = pid*10 + int64(s[i]-'0')
	}
	return pid, pid <= math.MaxInt32
}

// event adds what the message says, when nothing else decodes its text.
func (d *decoder) event(f *event.Fields) {
	m := &d.m
	program := programOf(m.app)
	var say programs.Said
	usual(&say, m.pri)
	text, times := repeated(m.text)
	if n := len(program); n > 0 && program[n-1] == ')' {
		program, text = ofModule(program, text)
	}
	programs.Read(program, text, &say)
	worded := m.pri == noPriority && m.level != ""
	if code := severityOf(m.level); worded && code >= 0 && !say.Known {
		say.Severity = weights[code]
	}
	if say.Twice != "" {
		m.wrong(say.Twice)
	}
	if say.Known || m.code != "" || worded {
		kind(f, &say, m.code)
		priority(f, m.pri)
	} else {
		*f = append(*f, d.common()...)
	}
	d.head(f, "")
	f.AddString(schema.ProcessName, program)
	if strings.HasPrefix(m.app, "/") {
		f.AddString(schema.ProcessExecutable, m.app)
	}
	if pid, ok := pidOf(m.proc); ok {
		f.Add(schema.ProcessPID, event.Int(pid))
	}
	if say.Known {
		say.Fields(f, program)
	}
	if times != "" {
		f.AddNamed(schema.Labels, "syslog_repeated", event.String(times))
	}
	f.AddString(schema.Message, m.text)
}
