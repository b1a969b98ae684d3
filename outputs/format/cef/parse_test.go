package cef

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parsed is a CEF event as an independent reader understands it.
type parsed struct {
	header []string // version, vendor, product, version, class, name, severity
	order  []string // keys as they came
	ext    map[string]string
}

// parse reads a CEF event from its grammar alone: fields of the header end at a
// pipe without a backslash; a key of the extension is the word before an equals
// sign without a backslash.
func parse(s string) (*parsed, error) {
	p := &parsed{ext: map[string]string{}}
	rest, ok := strings.CutPrefix(s, "CEF:")
	if !ok {
		return nil, fmt.Errorf("no CEF: in %q", s)
	}
	for range 7 {
		end := bare(rest, '|')
		if end < 0 {
			return nil, fmt.Errorf("a header of %d fields", len(p.header))
		}
		v, err := unescape(rest[:end], `\|`)
		if err != nil {
			return nil, err
		}
		p.header = append(p.header, v)
		rest = rest[end+1:]
	}
	for rest != "" {
		eq := bare(rest, '=')
		if eq <= 0 {
			return nil, fmt.Errorf("no key in %q", rest)
		}
		key := rest[:eq]
		if strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return nil, fmt.Errorf("key %q", key)
		}
		rest = rest[eq+1:]
		end := len(rest)
		if next := bare(rest, '='); next >= 0 {
			if end = strings.LastIndexByte(rest[:next], ' '); end < 0 {
				return nil, fmt.Errorf("an unescaped = in the value of %s", key)
			}
		}
		if _, twice := p.ext[key]; twice {
			return nil, fmt.Errorf("key %s stands twice", key)
		}
		v, err := unescape(rest[:end], `\=nr`)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		p.order = append(p.order, key)
		p.ext[key] = v
		rest = strings.TrimPrefix(rest[end:], " ")
	}
	return p, nil
}

// bare returns where the first c without a backslash before it is, else -1.
func bare(s string, c byte) int {
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

// unescape undoes a backslash before the characters of known. An escape that CEF
// does not have is an error, as it is to strict parsers.
func unescape(s, known string) (string, error) {
	if dirty(s) || strings.ContainsAny(s, "\r\n") || !utf8.ValidString(s) {
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

// source is the bytes that the value of a key, or the name of the header, was
// made of: where TallymanEscaped lists it, the escape of SCHEMA rule 6 is undone.
func (p *parsed) source(key string) (string, error) {
	s := p.ext[key]
	if key == "name" {
		s = p.header[5]
	}
	for one := range strings.SplitSeq(p.ext["TallymanEscaped"], ",") {
		if one == key {
			return undo(s)
		}
	}
	return s, nil
}

// undo undoes \xHH and \\.
func undo(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			b.WriteByte('\\')
			i++
		case i+3 < len(s) && s[i+1] == 'x':
			c, err := hex.DecodeString(s[i+2 : i+4])
			if err != nil {
				return "", err
			}
			b.Write(c)
			i += 3
		default:
			return "", fmt.Errorf("%q has a backslash that is no escape", s)
		}
	}
	return b.String(), nil
}
