package audit

import (
	"strings"

	"tallyman/pipeline/event"
)

// unwrap cuts the head off a record that came through syslog, the journal or the
// kernel log, and returns the record and who wrote it:
//
//	Jul  8 10:31:23 host kernel: [  270.853767] audit: type=1326 audit(…): …
//	<30>1 2026-11-25T10:00:00Z host audispd 712 - - type=SYSCALL msg=audit(…): …
//	Nov 25 10:00:00 host audit[712]: SERVICE_START pid=1 …
//	6,1234,270853767,-;audit: type=1326 audit(…): …
//	Jul 14 11:03:47 host kernel: [ 8665.951930] type=1400 audit(…): …    (before Linux 3.15)
//	Nov 25 10:00:00 host auditd type=SYSCALL msg=audit(…): …             (a tag without a colon)
//
// Only what stands before the first ": ", or before the record where its tag has
// no colon, can be the head, and only the kernel, the audit daemon's own programs
// and what is set up to read its log may have written it: a record inside the
// text of another program is that program's text.
//
// host is the one that the head of syslog names, "" where there is none.
func unwrap(line string) (rest, who, host string, ok bool) {
	if who, host, rest, ok = rfc5424(line); !ok {
		head, after, found := uncolonned(line)
		if !found {
			if head, after, found = strings.Cut(line, ": "); !found {
				return "", "", "", false
			}
		}
		if i := strings.LastIndexByte(head, ' '); i >= 0 {
			host, head = hostOf(head[:i]), head[i+1:]
		}
		if i := strings.IndexByte(head, ';'); i > 0 && head[0] >= '0' && head[0] <= '9' { // /dev/kmsg
			head = head[i+1:]
		}
		if i := strings.IndexByte(head, '['); i > 0 && strings.HasSuffix(head, "]") {
			head = head[:i]
		}
		who, rest = head, after
	}
	rest = strings.TrimLeft(rest, " ")
	switch who {
	case "kernel":
		rest = afterUptime(rest)
		return rest, who, host, strings.HasPrefix(rest, "audit: ") || numbered(rest)
	case "audispd", "audisp-syslog", "auditd", "audit",
		"tag_audit_log", "audit_log", "auditd_log", "audit-log", "auditlog": // the names that guides give to a reader of its log
		return rest, who, host, true
	}
	return "", "", "", false
}

// hostOf returns the word behind the time of a head of RFC 3164, whose tag is cut off:
// "<134>Oct 28 09:56:44 web-1", or with a time of ISO 8601.
func hostOf(head string) string {
	at := strings.LastIndexByte(head, ' ')
	if at < 0 {
		return ""
	}
	host, head := head[at+1:], head[:at]
	clock := head[strings.LastIndexByte(head, ' ')+1:]
	if i := strings.IndexByte(clock, 'T'); i >= 0 {
		clock = clock[i+1:]
	}
	if len(clock) < len("09:56:44") || clock[2] != ':' || clock[5] != ':' {
		return ""
	}
	return host
}

// elsewhere returns a host that a head of syslog names, "" for this one, with or
// without its domain: its serials, processes and users are ours.
func (s *stage) elsewhere(host string) string {
	if host == "-" || host == "localhost" || event.SameHost(host, s.t.host) {
		return ""
	}
	return host
}

// uncolonned parts a line at the record where no ": " stands before it. The kernel
// log before Linux 3.15, taken by itself, has no more than its clock there.
func uncolonned(line string) (head, rest string, ok bool) {
	head, _, ok = strings.Cut(line, " type=")
	if !ok || strings.Contains(head, ": ") {
		return "", "", false
	}
	rest = line[len(head)+1:]
	if afterUptime(line) == rest && numbered(rest) {
		return "kernel", rest, true
	}
	if j := strings.LastIndexByte(head, ' '); j >= 0 && strings.HasPrefix(head[j+1:], "node=") {
		head, rest = head[:j], line[j+1:]
	}
	return strings.TrimRight(head, ": "), rest, true
}

// numbered reports whether s begins as the kernel wrote records before Linux 3.15:
// "type=1400 audit(".
func numbered(s string) bool {
	typ, rest, ok := strings.Cut(strings.TrimPrefix(s, "type="), " ")
	return ok && len(typ) == 4 && len(typ)+len("type= ")+len(rest) == len(s) && strings.Trim(typ, "0123456789") == "" && strings.HasPrefix(rest, "audit(")
}

// afterUptime cuts off the clock of the kernel log: "[  270.853767] ".
func afterUptime(s string) string {
	if strings.HasPrefix(s, "[") {
		if _, after, ok := strings.Cut(s, "] "); ok {
			return after
		}
	}
	return s
}

// rfc5424 reads the head of a message of RFC 5424, section 6: <PRI>1 TIME HOST APP
// PROCID MSGID, structured data, the text.
func rfc5424(line string) (app, host, text string, ok bool) {
	pri, s, ok := strings.Cut(line, ">1 ")
	if !ok || len(pri) < 2 || len(pri) > 4 || pri[0] != '<' {
		return "", "", "", false
	}
	for i := range 5 {
		var word string
		if word, s, ok = strings.Cut(s, " "); !ok {
			return "", "", "", false
		}
		switch i {
		case 1:
			host = word
		case 2:
			app = word
		}
	}
	if s, ok = afterData(s); !ok {
		return "", "", "", false
	}
	return app, host, strings.TrimPrefix(s, "\ufeff"), true
}

// afterData returns what follows structured data and a blank. In a value a quote and
// a bracket may stand behind a backslash.
func afterData(s string) (string, bool) {
	if rest, ok := strings.CutPrefix(s, "- "); ok {
		return rest, true
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case i == 0 && c != '[':
			return "", false
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && i+1 < len(s) && s[i+1] == ' ':
			return s[i+2:], true
		}
	}
	return "", false
}

// parse reads a line that is a record, or holds one behind a head.
func parse(line string) (Record, error) {
	var r Record
	if !r.parse(line, &stampMemo{}) {
		return Record{}, ErrNoRecord
	}
	r.partBody()
	return r, nil
}

// parse is the same into r, which it leaves empty where there is no record. A host that
// a head names is left in memo.
func (r *Record) parse(line string, memo *stampMemo) bool {
	if r.read(line, memo) {
		return true
	}
	*r = Record{}
	if rest, _, host, ok := unwrap(line); ok {
		if r.read(rest, memo) {
			memo.host = host
			return true
		}
		*r = Record{}
	}
	return false
}

// unstamped reads a record as the journal writes it, without its time and its serial:
//
//	audit[712]: SERVICE_START pid=1 uid=0 …
//
// Its time is that of the line. It cannot be joined to the others of its event,
// so that a part of a system call is an event by itself, flagged as incomplete.
func (s *stage) unstamped(e *event.Event) (Record, bool) {
	rest, who, host, ok := unwrap(e.Raw)
	if !ok || who != "audit" {
		return Record{}, false
	}
	r := Record{Node: s.elsewhere(host)}
	if r.Type, rest, ok = strings.Cut(rest, " "); !ok {
		return Record{}, false
	}
	if _, ok = s.t.tables.kinds.number[r.Type]; !ok && !strings.HasPrefix(r.Type, "UNKNOWN[") {
		return Record{}, false
	}
	at := e.Time
	if at.IsZero() {
		at = e.Seen
	}
	ms := max(0, at.UnixMilli())
	r.Sec, r.Milli = ms/1000, uint16(ms%1000)
	r.Body = rest
	r.partBody()
	return r, true
}
