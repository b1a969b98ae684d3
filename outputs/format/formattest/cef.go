package formattest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CEF reads a CEF event from its grammar alone: fields of the header end at a
// pipe without a backslash; a key of the extension is the word before an equals
// sign without a backslash.
func CEF(s string) (*Flat, error) {
	p := &Flat{Attr: map[string]string{}}
	rest, ok := strings.CutPrefix(s, "CEF:")
	if !ok {
		return nil, fmt.Errorf("no CEF: in %q", s)
	}
	for range 7 {
		end := Bare(rest, '|')
		if end < 0 {
			return nil, fmt.Errorf("a header of %d fields", len(p.Header))
		}
		v, err := Unescape(rest[:end], `\|`)
		if err != nil {
			return nil, err
		}
		p.Header = append(p.Header, v)
		rest = rest[end+1:]
	}
	for rest != "" {
		eq := Bare(rest, '=')
		if eq <= 0 {
			return nil, fmt.Errorf("no key in %q", rest)
		}
		key := rest[:eq]
		if !word(key) {
			return nil, fmt.Errorf("key %q", key)
		}
		rest = rest[eq+1:]
		end := len(rest)
		if next := Bare(rest, '='); next >= 0 {
			if end = strings.LastIndexByte(rest[:next], ' '); end < 0 {
				return nil, fmt.Errorf("an unescaped = in the value of %s", key)
			}
		}
		if _, twice := p.Attr[key]; twice {
			return nil, fmt.Errorf("key %s stands twice", key)
		}
		v, err := Unescape(rest[:end], `\=nr`)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		p.Order = append(p.Order, key)
		p.Attr[key] = v
		rest = strings.TrimPrefix(rest[end:], " ")
	}
	return p, nil
}

// Bare returns where the first c without a backslash before it is, else -1.
func Bare(s string, c byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case c:
			return i
		}
	}
	return -1
}

// Unescape undoes a backslash before the characters of known. An escape that CEF
// does not have is an error, as it is to strict parsers.
func Unescape(s, known string) (string, error) {
	if strings.ContainsFunc(s, control) || !utf8.ValidString(s) {
		return "", fmt.Errorf("a bare control character in %q", s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i >= len(s):
			return "", fmt.Errorf("%q ends inside an escape", s)
		case strings.IndexByte(known, s[i]) < 0:
			return "", fmt.Errorf("escape \\%c in %q", s[i], s)
		case s[i] == 'n':
			b.WriteByte('\n')
		case s[i] == 'r':
			b.WriteByte('\r')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}
