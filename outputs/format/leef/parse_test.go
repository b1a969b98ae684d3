package leef

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parsed is a LEEF event as an independent reader understands it.
type parsed struct {
	header []string // version of LEEF, vendor, product, version, event id
	order  []string // names as they came
	attr   map[string]string
}

// parse reads a LEEF event from the guide alone: fields of the header end at a
// pipe; attributes at a tab, in 2.0 at the character that the sixth field names,
// as itself or as its code in hex; a name ends at the first equals sign.
func parse(s string) (*parsed, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("no UTF-8: %q", s)
	}
	rest, ok := strings.CutPrefix(s, "LEEF:")
	if !ok {
		return nil, fmt.Errorf("no LEEF: in %q", s)
	}
	p := &parsed{attr: map[string]string{}}
	fields, delim := 5, "\t"
	if strings.HasPrefix(rest, "2.0|") {
		fields = 6
	}
	parts := strings.SplitN(rest, "|", fields+1)
	if len(parts) != fields+1 {
		return nil, fmt.Errorf("a header of %d fields", len(parts)-1)
	}
	p.header, rest = parts[:5], parts[fields]
	if fields == 6 {
		delim = parts[5]
		if code := strings.TrimPrefix(strings.TrimPrefix(delim, "0"), "x"); len(delim) > 1 {
			n, err := strconv.ParseUint(code, 16, 16)
			if err != nil {
				return nil, fmt.Errorf("delimiter %q: %w", delim, err)
			}
			delim = string(rune(n))
		}
	}
	for _, h := range p.header {
		if strings.ContainsFunc(h, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("a control character in the header %q", h)
		}
	}
	for one := range strings.SplitSeq(rest, delim) {
		name, value, ok := strings.Cut(one, "=")
		if !ok || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return nil, fmt.Errorf("attribute %q", one)
		}
		if _, twice := p.attr[name]; twice {
			return nil, fmt.Errorf("%s stands twice", name)
		}
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			return nil, fmt.Errorf("%s is %q", name, value)
		}
		p.order = append(p.order, name)
		p.attr[name] = value
	}
	return p, p.types()
}

// types holds the predefined keys against what the guide says of their values.
func (p *parsed) types() error {
	for _, k := range []string{"src", "dst", "identSrc"} {
		if s, ok := p.attr[k]; ok {
			if _, err := netip.ParseAddr(s); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	}
	for k, most := range map[string]uint64{"srcPort": 65535, "dstPort": 65535, "sev": 10} {
		if s, ok := p.attr[k]; ok {
			if n, err := strconv.ParseUint(s, 10, 32); err != nil || n > most || k == "sev" && n == 0 {
				return fmt.Errorf("%s is %q", k, s)
			}
		}
	}
	if s, ok := p.attr["devTime"]; ok {
		if _, err := time.Parse("Jan 02 2006 15:04:05.000 MST", s); err != nil || p.attr["devTimeFormat"] != "MMM dd yyyy HH:mm:ss.SSS z" {
			return fmt.Errorf("devTime %q, %q, %w", s, p.attr["devTimeFormat"], err)
		}
	} else if p.attr["devTimeFormat"] != "" {
		return fmt.Errorf("devTimeFormat without devTime")
	}
	return nil
}

// source is the bytes that a value was made of, but for what became a blank.
func (p *parsed) source(name string) (string, error) {
	s := p.attr[name]
	for one := range strings.SplitSeq(p.attr["TallymanEscaped"], ",") {
		if one == name {
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
