package translate

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// legacyFiles is what $InputFile… said so far.
type legacyFiles struct{ name string }

// directive translates $Name value.
func (l *legacyFiles) directive(w *work, line int, m []string) {
	value := strings.Trim(strings.TrimSpace(m[2]), `"`)
	w.claim(line, line)
	switch strings.ToLower(m[1]) {
	case "modload":
		w.module(line, line, strings.TrimSuffix(value, ".so"))
	case "udpserverrun":
		w.input("syslog", line, "type: syslog", pair("listen", "udp://0.0.0.0:"+value))
	case "inputtcpserverrun":
		w.input("syslog", line, "type: syslog", pair("listen", "tcp://0.0.0.0:"+value))
	case "inputfilename":
		l.name = value
	case "inputrunfilemonitor":
		if l.name != "" {
			w.input("file", line, "type: file", list("path", l.name), "decode: plain")
		}
		l.name = ""
	case "inputfiletag", "inputfilestatefile", "inputfileseverity", "inputfilefacility", "inputfilepollinterval":
		w.left(line, w.lines[line-1], "lines of files get no tag: tallyman.input and log.file.path say where they come from")
	case "includeconfig":
		w.left(line, w.lines[line-1], "included files are not read: translate each with --from")
	case "actionqueuetype", "actionqueuefilename", "actionqueuemaxdiskspace", "actionqueuesaveonshutdown", "actionresumeretrycount", "mainmsgqueuesize", "workdirectory":
		w.left(line, w.lines[line-1], "the journal keeps what waits and outputs try again: journal.dir, journal.max_size")
	case "fileowner", "filegroup", "filecreatemode", "dircreatemode", "umask", "privdroptouser", "privdroptogroup":
		w.left(line, w.lines[line-1], "users and modes: the service's user, and `mode` of the output file")
	default:
		w.left(line, w.lines[line-1], "this directive has no counterpart")
	}
}

// action translates what stands behind a selector.
func (w *work) action(line int, sel, text string) {
	when, err := whenOf(sel)
	if err != nil {
		w.left(line, w.lines[line-1], "%v", err)
		return
	}
	target, template, _ := strings.Cut(text, ";")
	p := map[string]string{}
	if template != "" {
		p["template"] = template
	}
	switch {
	case strings.HasPrefix(text, "action("):
		p = params(text)
	case strings.HasPrefix(target, "@"):
		p["type"], p["protocol"] = "omfwd", "udp"
		if target = target[1:]; strings.HasPrefix(target, "@") {
			target, p["protocol"] = target[1:], "tcp"
		}
		if options := regexp.MustCompile(`^\(([^)]*)\)`).FindStringSubmatch(target); options != nil {
			target = strings.TrimPrefix(target, options[0])
			if options[1] == "o" {
				p["tcp_framing"] = "octet-counted"
			} else {
				p["options"] = options[1]
			}
		}
		if host, port, err := net.SplitHostPort(target); err == nil {
			p["target"], p["port"] = host, port
		} else {
			p["target"] = strings.Trim(target, "[]")
		}
	case strings.HasPrefix(target, "/") || strings.HasPrefix(target, "-/"):
		p["type"], p["file"] = "omfile", strings.TrimPrefix(target, "-")
	case target == "~" || target == "stop":
		w.left(line, w.lines[line-1], "nothing is dropped on the way: leave it out with `when` of the outputs, or a transform filter")
		return
	case strings.HasPrefix(target, ":omusrmsg:") || target == "*":
		p["type"] = "omusrmsg"
	default:
		p["type"] = target
	}
	w.act(line, line, when, p)
}

// act translates action().
func (w *work) act(from, to int, when string, p map[string]string) {
	w.claim(from, to)
	kind := strings.TrimPrefix(p["type"], "builtin:")
	take := taken(p, "type", "name")
	var pairs []string
	var name string
	switch kind {
	case "omfwd":
		pairs, name = w.forward(from, take), "forward"
	case "omfile":
		file := take("file")
		if file == "" {
			w.leave(from, to, "files whose name comes of the message have no counterpart: an output has one file")
			return
		}
		name = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(strings.TrimSuffix(filepath.Base(file), ".log")), "_"), "_")
		if name == "" {
			name = "file"
		}
		pairs = []string{"type: file", pair("path", file), "format: rfc3164"}
		w.todo("line %d: rsyslog writes %s as well while it runs: stop it, or name another file", from, file)
	case "omkafka":
		pairs, name = []string{"type: kafka", list("brokers", split(strings.NewReplacer(`"`, "", "'", "").Replace(take("broker")))...), pair("topic", take("topic"))}, "kafka"
	case "omusrmsg":
		w.leave(from, to, "messages to terminals are not written: send alerts to whoever watches")
		return
	default:
		w.leave(from, to, "the output %s has no counterpart", kind)
		return
	}
	if slices.Contains(pairs, `topic: ""`) || slices.Contains(pairs, `address: "udp://:514"`) {
		w.leave(from, to, "it does not say where to send")
		return
	}
	if when != "" {
		pairs = append(pairs, "when: '"+when+"'")
	}
	w.output(name, from, pairs...)
	w.rest(from, p)
}

// forward translates omfwd. Without a template rsyslog sends the older form.
func (w *work) forward(line int, take func(string) string) []string {
	host, port, scheme := take("target"), take("port"), strings.ToLower(take("protocol"))
	if scheme == "" {
		scheme = "udp"
	}
	if port == "" {
		port = "514"
	}
	pairs := []string{"type: syslog"}
	if driver, mode := take("streamdriver"), take("streamdrivermode"); driver != "" && mode != "0" || mode == "1" {
		scheme = "tls"
		pairs = append(pairs, "tls: {ca: /etc/tallyman/ca.crt}")
		w.todo("line %d: put the authority of the receiver's certificate into /etc/tallyman/ca.crt", line)
	}
	pairs = append(pairs, pair("address", scheme+"://"+net.JoinHostPort(host, port)))
	switch template := take("template"); template {
	case "RSYSLOG_SyslogProtocol23Format":
		pairs = append(pairs, "format: rfc5424")
	case "", "RSYSLOG_ForwardFormat", "RSYSLOG_TraditionalForwardFormat", "RSYSLOG_TraditionalFileFormat":
		pairs = append(pairs, "format: rfc3164")
	default:
		pairs = append(pairs, "format: rfc5424")
		w.left(line, "template="+template, "templates have no counterpart; rfc5424 is written in its place")
	}
	if framing := take("tcp_framing"); scheme != "udp" {
		words := "framing: newline"
		if framing == "octet-counted" {
			words = "framing: octet_counting"
		}
		pairs = append(pairs, words)
	}
	return pairs
}

// severities are those of RFC 5424 by the words of syslog.conf(5).
var severities = map[string]int{"emerg": 0, "panic": 0, "alert": 1, "crit": 2, "err": 3, "error": 3, "warning": 4, "warn": 4, "notice": 5, "info": 6, "debug": 7}

// whenOf writes a selector of syslog.conf(5) as an expression, "" for all.
func whenOf(sel string) (string, error) {
	var some, none []string
	for _, part := range strings.Split(strings.TrimSpace(sel), ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		at := strings.LastIndexByte(part, '.')
		if at < 0 {
			return "", fmt.Errorf("the selector %q has no priority", part)
		}
		term := ""
		if f := part[:at]; f != "*" {
			term = facilityTerm(f)
		}
		prio := strings.ToLower(part[at+1:])
		if prio == "none" {
			none = append(none, "!("+term+")")
			continue
		}
		level, err := priorityTerm(prio)
		if err != nil {
			return "", err
		}
		switch {
		case term == "" && level == "":
			some = append(some, `log.syslog.severity.name != ""`)
		case term == "":
			some = append(some, `log.syslog.severity.name != "" && `+level)
		case level == "":
			some = append(some, term)
		default:
			some = append(some, term+" && "+level)
		}
	}
	if len(none) == 0 && len(some) == 1 && strings.TrimSpace(sel) == "*.*" {
		return "", nil
	}
	out := strings.Join(some, " || ")
	if len(some) > 1 {
		out = "(" + strings.Join(some, ") || (") + ")"
	}
	if len(none) > 0 {
		if len(some) > 0 {
			none = append([]string{"(" + out + ")"}, none...)
		}
		out = strings.Join(none, " && ")
	}
	return out, nil
}

func facilityTerm(f string) string {
	var words []string
	for _, word := range strings.Split(f, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if word == "security" {
			word = "auth"
		}
		words = append(words, fmt.Sprintf("%q", word))
	}
	if len(words) == 1 {
		return "log.syslog.facility.name == " + words[0]
	}
	return "log.syslog.facility.name in [" + strings.Join(words, ", ") + "]"
}

func priorityTerm(prio string) (string, error) {
	if prio == "*" {
		return "", nil
	}
	op := "<="
	if strings.HasPrefix(prio, "=") {
		op, prio = "==", prio[1:]
	}
	n, ok := severities[prio]
	if !ok {
		return "", fmt.Errorf("the priority %q has no counterpart: write `when` by hand", prio)
	}
	return fmt.Sprintf("log.syslog.severity.code %s %d", op, n), nil
}
