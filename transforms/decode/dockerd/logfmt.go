package dockerd

import "strings"

// pair is one name and its value; a name without "=" has the value "".
type pair struct{ name, value string }

// maxPairs bounds what one line may say.
const maxPairs = 256

// split reads a line of logfmt as logrus writes it: names without blanks, values
// bare or in the quotes of strconv.Quote. It returns what is wrong.
func split(s string, dst []pair) ([]pair, string) {
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		end := strings.IndexAny(s, "= \"")
		if end <= 0 || s[end] != '=' {
			return dst, "a part of the line is no name=value"
		}
		if len(dst) == maxPairs {
			return dst, "the line has too many names"
		}
		p := pair{name: s[:end]}
		s = s[end+1:]
		if s == "" || s[0] != '"' {
			end = strings.IndexByte(s, ' ')
			if end < 0 {
				end = len(s)
			}
			p.value, s = s[:end], s[end:]
			dst = append(dst, p)
			continue
		}
		var ok bool
		if p.value, s, ok = quoted(s); !ok || s != "" && s[0] != ' ' {
			return dst, "a value in quotes has no end"
		}
		dst = append(dst, p)
	}
	return dst, ""
}

// quoted reads a value that begins with a quote, and returns what follows it. A
// value without a backslash is a view.
func quoted(s string) (value, rest string, ok bool) {
	escaped := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if !escaped {
				return s[1:i], s[i+1:], true
			}
			value, ok := unquote(s[:i+1])
			return value, s[i+1:], ok
		}
	}
	return "", "", false
}
