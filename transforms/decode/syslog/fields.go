package syslog

import (
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

// head adds what the head of the message says; inner is the decoder that goes on.
func (d *decoder) head(f *event.Fields, inner string) {
	m := &d.m
	if m.pri != noPriority {
		f.Add(schema.LogSyslogPriority, event.Int(int64(m.pri)))
		f.Add(schema.LogSyslogFacilityCode, event.Int(int64(m.pri>>3)))
		f.Add(schema.LogSyslogFacilityName, event.String(facilities[m.pri>>3]))
		f.Add(schema.LogSyslogSeverityCode, event.Int(int64(m.pri&7)))
		f.Add(schema.LogSyslogSeverityName, event.String(severities[m.pri&7]))
	}
	f.AddString(schema.LogSyslogVersion, m.version)
	f.AddString(schema.LogSyslogHostname, m.host)
	f.AddString(schema.LogSyslogAppname, m.app)
	f.AddString(schema.LogSyslogProcID, m.proc)
	f.AddString(schema.LogSyslogMsgID, m.msgid)
	first := len(*f)
	for i := range m.params {
		d.param(f, first, &m.params[i])
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
	if m.doubt != "" {
		m.flag(f)
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
func (d *decoder) param(f *event.Fields, first int, p *param) {
	if p.name == "" {
		f.AddNamed(schema.LogSyslogStructuredData, p.id, event.String(""))
		return
	}
	name := d.name(p.pair)
	turn := 1
	for i := first; i < len(*f); i++ {
		if one := &(*f)[i]; one.Name == name || strings.HasPrefix(one.Name, name) && strings.HasPrefix(one.Name[len(name):], "#") {
			turn++
		}
	}
	if turn > 1 {
		name += "#" + strconv.Itoa(turn)
	}
	f.AddNamed(schema.LogSyslogStructuredData, name, event.String(p.value))
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

// event adds what the message says, when nothing else decodes its text.
func (d *decoder) event(f *event.Fields) {
	m := &d.m
	program := programOf(m.app)
	say := programs.Said{Action: "syslog", Category: "host", Kind: "info"}
	if m.pri != noPriority {
		say.Severity = weights[m.pri&7]
	}
	programs.Read(program, m.text, &say)
	if say.Twice != "" {
		m.wrong(say.Twice)
	}
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventCategory, say.Category)
	f.AddString(schema.EventType, say.Kind)
	f.AddString(schema.EventType, say.Kind2)
	f.AddString(schema.EventAction, say.Action)
	f.AddString(schema.EventOutcome, say.Outcome)
	f.AddString(schema.EventReason, say.Reason)
	f.AddString(schema.EventModule, Module)
	f.AddString(schema.EventCode, m.code)
	if say.Severity > 0 {
		f.Add(schema.EventSeverity, event.Int(say.Severity))
	}
	d.head(f, "")
	f.AddString(schema.ProcessName, program)
	if strings.HasPrefix(m.app, "/") {
		f.AddString(schema.ProcessExecutable, m.app)
	}
	if n := len(m.proc); n > 0 && n < 11 && digits(m.proc) == n {
		if pid, err := strconv.ParseInt(m.proc, 10, 32); err == nil {
			f.Add(schema.ProcessPID, event.Int(pid))
		}
	}
	if say.Known {
		say.Fields(f, program)
	}
	f.AddString(schema.Message, m.text)
}

// programOf is the name of the program of a tag; Cisco's mnemonics and numbers
// are none.
func programOf(app string) string {
	if app == "" || app[0] == '%' || digits(app) == len(app) {
		return ""
	}
	return app[strings.LastIndexByte(app, '/')+1:]
}
