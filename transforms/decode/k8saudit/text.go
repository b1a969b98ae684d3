package k8saudit

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// mostArgs is how many arguments of a command are taken.
const mostArgs = 64

// command adds the container and the command of a session: they stand in the
// query of the URI at every audit level.
func (r *record) command(f *event.Fields) {
	_, query, _ := strings.Cut(r.uri, "?")
	var line []byte
	container, last, n := "", "", 0
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		if name != "container" && name != "command" {
			continue
		}
		v, err := url.QueryUnescape(value)
		switch {
		case err != nil:
			r.say("the query of requestURI is broken")
		case name == "container":
			container = v
		case n == mostArgs:
			r.say("the command has more arguments than are taken")
		default:
			if n++; n > 1 {
				line = append(quote(line, last), ' ')
			}
			last = v
			f.AddString(schema.ProcessArgs, v)
		}
	}
	f.AddString(schema.KubernetesContainerName, container)
	switch {
	case n == 1 && plain(last):
		f.AddString(schema.ProcessCommandLine, last)
	case n > 0:
		f.AddString(schema.ProcessCommandLine, string(quote(line, last)))
	}
}

// quote appends an argument as one would type it in a shell.
func quote(b []byte, s string) []byte {
	if plain(s) {
		return append(b, s...)
	}
	return append(append(append(b, '\''), strings.ReplaceAll(s, "'", `'\''`)...), '\'')
}

// plain reports whether a shell takes the text as it stands.
func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_-./:=,@%+", c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// message is one line for people: who did what to what, and how it ended.
func (d *decoder) message(r *record) string {
	b := d.buf[:0]
	b = append(b, orUnknown(r.user.name)...)
	if r.as.name != "" {
		b = append(append(append(b, " as "...), r.as.name...), ':')
	}
	b = append(append(b, ' '), r.verb...)
	if o := &r.ref; o.resource != "" {
		b = append(append(b, ' '), o.resource...)
		if o.subresource != "" {
			b = append(append(b, '/'), o.subresource...)
		}
		name := o.name
		if name == "" {
			name = r.objectName
		}
		switch {
		case o.namespace != "" && name != "":
			b = append(append(append(append(b, ' '), o.namespace...), '/'), name...)
		case name != "":
			b = append(append(b, ' '), name...)
		case o.namespace != "":
			b = append(append(b, " in "...), o.namespace...)
		}
	} else {
		path, _, _ := strings.Cut(r.uri, "?")
		b = append(append(b, ' '), path...)
	}
	if r.code > 0 {
		b = strconv.AppendInt(append(b, ": "...), r.code, 10)
	}
	if r.message != "" {
		b = append(append(b, ": "...), r.message...)
	}
	d.buf = b
	r.unknown = r.unknown || len(b) > mostMessage
	return string(bound(b))
}

// bound cuts a text at the most a message may have, between characters.
func bound(b []byte) []byte {
	if len(b) <= mostMessage {
		return b
	}
	n := mostMessage
	for n > mostMessage-utf8.UTFMax && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}

func orUnknown(s string) string {
	if s == "" {
		return "someone"
	}
	return s
}
