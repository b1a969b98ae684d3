// Package accesslog reads the lines that web servers write of requests in the
// common log format and the combined one, as nginx, Apache, Jetty and Winstone
// have them:
//
//	[VHOST ]ADDR IDENT USER [TIME] "METHOD TARGET PROTOCOL" STATUS BYTES["REFERER" "AGENT"][ MORE]
//
// It knows nothing of what a target means.
package accesslog

import (
	"strconv"
	"strings"
	"time"
)

// Line is one request. What the server wrote as "-" is empty.
type Line struct {
	VHost, Addr, User        string
	Time                     time.Time // UTC
	Method, Target, Protocol string
	Status                   int64
	Bytes                    int64 // -1 where it is not said
	Referer, Agent           string
	More                     string // what follows
}

// layout is the time of the common log format.
const layout = "02/Jan/2006:15:04:05 -0700"

// Parse reads one line; false says that it is none.
func Parse(line string) (l Line, ok bool) {
	// A quote in a name is escaped, so nothing that a client sends can look like
	// the end of the time.
	end := strings.Index(line, `] "`)
	if end < 0 {
		return l, false
	}
	from := strings.LastIndex(line[:end], " [")
	if from < 0 {
		return l, false
	}
	at, err := time.Parse(layout, line[from+2:end])
	if err != nil || !l.head(line[:from]) {
		return l, false
	}
	l.Time = at.UTC()
	request, rest, ok := quoted(line[end+2:])
	if !ok {
		return l, false
	}
	l.request(request)
	return l, l.tail(rest)
}

// head reads what stands before the time. A name may hold blanks.
func (l *Line) head(s string) bool {
	words := strings.SplitN(s, " ", 3)
	if len(words) < 3 {
		return false
	}
	// A virtual host stands before the address, "-" or a name of identd after it.
	if fourth, rest, more := strings.Cut(words[2], " "); more && fourth == "-" && !address(words[0]) && address(words[1]) {
		l.VHost, words = words[0], []string{words[1], words[2], rest}
	} else if more && words[1] != "-" && address(words[1]) && !address(words[0]) {
		l.VHost, words = words[0], []string{words[1], fourth, rest}
	}
	l.Addr, l.User = none(words[0]), none(unescape(words[2]))
	return l.Addr != ""
}

// address reports whether a word can be an IP address.
func address(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEF.:%[]") == "" && strings.ContainsAny(s, ".:")
}

func (l *Line) request(s string) {
	method, rest, ok := strings.Cut(s, " ")
	if !ok {
		l.Target = none(s)
		return
	}
	l.Method = method
	if at := strings.LastIndexByte(rest, ' '); at >= 0 && strings.HasPrefix(rest[at+1:], "HTTP/") {
		rest, l.Protocol = rest[:at], rest[at+1:]
	}
	l.Target = rest
}

// tail reads what follows the request.
func (l *Line) tail(s string) bool {
	s = strings.TrimPrefix(s, " ")
	status, s, _ := strings.Cut(s, " ")
	size, s, _ := strings.Cut(s, " ")
	var err error
	if l.Status, err = strconv.ParseInt(status, 10, 64); err != nil || l.Status < 0 || l.Status > 999 {
		return false
	}
	if l.Bytes, err = strconv.ParseInt(size, 10, 64); err != nil {
		if l.Bytes = -1; size != "-" && size != "" {
			return false
		}
	}
	if referer, rest, ok := quoted(s); ok {
		if agent, rest, ok := quoted(strings.TrimPrefix(rest, " ")); ok {
			l.Referer, l.Agent, s = none(referer), none(agent), rest
		}
	}
	l.More = strings.TrimSpace(s)
	return true
}

// none is the text, "" for the mark of nothing.
func none(s string) string {
	if s == "-" || s == `""` {
		return ""
	}
	return s
}

// quoted reads a text in double quotes, and what follows it.
func quoted(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return unescape(s[1:i]), s[i+1:], true
		}
	}
	return "", s, false
}

// unescape undoes what servers do to quotes, backslashes and control characters:
// \" \\ \n \r \t and \xHH. Anything else stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		switch c := s[i+1]; c {
		case '"', '\\':
			b = append(b, c)
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'x':
			n, err := strconv.ParseUint(s[min(i+2, len(s)):min(i+4, len(s))], 16, 8)
			if err != nil || i+4 > len(s) {
				b = append(b, s[i])
				continue
			}
			b = append(b, byte(n))
			i += 2
		default:
			b = append(b, s[i])
			continue
		}
		i++
	}
	return string(b)
}
