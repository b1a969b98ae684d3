package translate

import (
	"net"
	"strings"

	"tallyman/pipeline/lazy"
)

var (
	object    = lazy.Regexp(`^([a-z_]+)\s*\(`)
	parameter = lazy.Regexp(`([A-Za-z0-9_.]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|\[([^\]]*)\]|([^\s")]+))`)
	legacy    = lazy.Regexp(`^\$([A-Za-z]+)(?:\s+(.*))?$`)
	selector  = lazy.Regexp(`^([A-Za-z0-9*][A-Za-z0-9*,;.!=\s]*?\.[A-Za-z0-9*!=]+(?:;[A-Za-z0-9*,.!=]+)*)\s+(\S.*)$`)
)

// rsyslog translates RainerScript and the older forms beside it.
func rsyslog(text string) *Result {
	w := newWork(Rsyslog, text)
	l := &legacyFiles{}
	last := "" // the selector that & repeats
	for i := 1; i <= len(w.lines); i++ {
		line := stripComment(w.lines[i-1])
		if line == "" {
			continue
		}
		end := w.statement(i)
		whole := make([]string, 0, end-i+1)
		for k := i; k <= end; k++ {
			whole = append(whole, stripComment(w.lines[k-1]))
		}
		statement := strings.Join(whole, " ")
		switch m := object().FindStringSubmatch(statement); {
		case startsWith(statement, "if ", "if(", "ruleset(", "foreach ", "foreach(", "set ", "unset ", "call ", "reset "):
			w.leave(i, end, "conditions, rulesets and variables of RainerScript have no counterpart: write what is meant as `when` of an output, or as a transform filter")
		case m != nil:
			w.rainer(i, end, m[1], params(statement))
		case legacy().MatchString(statement):
			l.directive(w, i, legacy().FindStringSubmatch(statement))
		case strings.HasPrefix(statement, ":"):
			w.leave(i, end, "property filters have no counterpart: write what is meant as `when` of an output")
		case strings.HasPrefix(statement, "&"):
			w.action(i, last, strings.TrimSpace(statement[1:]))
		case selector().MatchString(statement):
			s := selector().FindStringSubmatch(statement)
			last = s[1]
			w.action(i, last, s[2])
		default:
			w.leave(i, end, "not understood")
		}
		i = end
	}
	return w.finish()
}

func startsWith(s string, words ...string) bool {
	for _, word := range words {
		if strings.HasPrefix(s, word) {
			return true
		}
	}
	return false
}

// stripComment cuts what follows # outside of quotes, and blanks.
func stripComment(line string) string {
	var quote byte
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t' || line[i-1] == ')' || line[i-1] == '}'):
			return strings.TrimSpace(line[:i])
		}
	}
	return strings.TrimSpace(line)
}

// statement returns the last line of the statement that begins at a line: to where
// its brackets are closed, and of a condition its blocks.
func (w *work) statement(from int) int {
	depth := 0
	for i := from; i <= len(w.lines); i++ {
		line := stripComment(w.lines[i-1])
		var quote byte
		for k := 0; k < len(line); k++ {
			switch c := line[k]; {
			case quote != 0 && c == '\\':
				k++
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '(' || c == '{' || c == '[':
				depth++
			case c == ')' || c == '}' || c == ']':
				depth--
			}
		}
		next := ""
		if i < len(w.lines) {
			next = stripComment(w.lines[i])
		}
		open := strings.HasSuffix(line, "then") || strings.HasSuffix(line, "\\") || strings.HasSuffix(line, "else") || startsWith(next, "{", "else", "} else", "then")
		if depth <= 0 && !open {
			return i
		}
	}
	return len(w.lines)
}

// params are the parameters of an object, with names in lower case.
func params(statement string) map[string]string {
	out := map[string]string{}
	for _, m := range parameter().FindAllStringSubmatch(statement, -1) {
		out[strings.ToLower(m[1])] = strings.ReplaceAll(m[2]+m[3]+m[4]+m[5], `\"`, `"`)
	}
	return out
}

// rainer translates one object of RainerScript.
func (w *work) rainer(from, to int, name string, p map[string]string) {
	w.claim(from, to)
	switch name {
	case "module":
		take := taken(p)
		w.module(from, to, strings.TrimSuffix(take("load"), ".so"))
		if take("streamdriver.mode") == "1" {
			w.encrypted = true
		}
		w.rest(from, p)
	case "input":
		w.listen(from, to, p)
	case "action":
		w.act(from, to, "", p)
	case "include":
		w.leave(from, to, "included files are not read: translate each with --from")
	case "global", "main_queue":
		w.leave(from, to, "settings of rsyslog itself; the journal of the configuration does what its queues do")
	case "template":
		w.leave(from, to, "templates have no counterpart: an output has a format")
	default:
		w.leave(from, to, "%s() has no counterpart", name)
	}
}

func (w *work) module(from, to int, name string) {
	switch name {
	case "imuxsock", "imjournal", "imklog":
		w.input("host", from, "type: journald", "matches: [_TRANSPORT=syslog, _TRANSPORT=journal, _TRANSPORT=stdout, _TRANSPORT=kernel]")
	case "imudp", "imtcp", "imfile", "imptcp", "omfwd", "omfile", "omkafka", "builtin:omfile", "builtin:omfwd":
		// Built in.
	case "immark":
		w.leave(from, to, "marks are not made: metrics and /healthz say that the program lives")
	default:
		w.leave(from, to, "the module %s has no counterpart", name)
	}
}

// listen translates input().
func (w *work) listen(from, to int, p map[string]string) {
	kind := p["type"]
	take := taken(p, "type")
	switch kind {
	case "imudp", "imtcp", "imptcp":
		scheme := "tcp"
		if kind == "imudp" {
			scheme = "udp"
		}
		address := take("address")
		if address == "" {
			address = "0.0.0.0"
		}
		port := take("port")
		if port == "" {
			port = "514"
		}
		pairs := []string{"type: syslog"}
		if mode := take("streamdriver.mode"); mode == "1" || mode == "" && w.encrypted && kind == "imtcp" {
			scheme = "tls"
			pairs = append(pairs, "tls: {cert: /etc/tallyman/server.crt, key: /etc/tallyman/server.key}")
			w.todo("line %d: put the certificate and key of the listener into /etc/tallyman/server.crt and server.key", from)
		}
		w.input("syslog", from, append(pairs, pair("listen", scheme+"://"+net.JoinHostPort(address, port)))...)
	case "imfile":
		file := take("file")
		if file == "" {
			w.leave(from, to, "imfile without File")
			return
		}
		w.input("file", from, "type: file", list("path", file), "decode: plain")
	default:
		w.leave(from, to, "the input %s has no counterpart", kind)
		return
	}
	w.rest(from, p)
}

// taken returns a function that takes a parameter out of the map, so that what nobody
// took can be listed. These are taken already.
func taken(p map[string]string, names ...string) func(string) string {
	for _, n := range names {
		delete(p, n)
	}
	return func(name string) string {
		v := p[name]
		delete(p, name)
		return v
	}
}

// rest lists the parameters that nobody took.
func (w *work) rest(line int, p map[string]string) {
	for _, name := range sorted(p) {
		why := "this parameter has no counterpart"
		switch {
		case strings.HasPrefix(name, "queue.") || strings.HasPrefix(name, "action.resume"):
			why = "the journal keeps what waits and outputs try again: journal.max_size, when_full and max_lag"
		case name == "template":
			why = "templates have no counterpart: an output has a format"
		case name == "ruleset":
			why = "rulesets have no counterpart: every output gets all events that meet its `when`"
		case strings.HasPrefix(name, "streamdriver"):
			why = "see tls of the input or output"
		case name == "tag" || name == "facility" || name == "severity":
			why = "lines of files get no tag: tallyman.input and log.file.path say where they come from"
		}
		w.left(line, name+"="+p[name], "%s", why)
	}
}
