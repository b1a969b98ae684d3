package formattest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// LEEF reads a LEEF event from the guide alone: fields of the header end at a
// pipe; attributes at a tab, in 2.0 at the character that the sixth field names,
// as itself or as its code in hex; a name ends at the first equals sign.
func LEEF(s string) (*Flat, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("no UTF-8: %q", s)
	}
	rest, ok := strings.CutPrefix(s, "LEEF:")
	if !ok {
		return nil, fmt.Errorf("no LEEF: in %q", s)
	}
	p := &Flat{Attr: map[string]string{}}
	fields, delim := 5, "\t"
	if strings.HasPrefix(rest, "2.0|") {
		fields = 6
	}
	parts := strings.SplitN(rest, "|", fields+1)
	if len(parts) != fields+1 {
		return nil, fmt.Errorf("a header of %d fields", len(parts)-1)
	}
	p.Header, rest = parts[:5], parts[fields]
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
	for _, h := range p.Header {
		if strings.ContainsFunc(h, control) {
			return nil, fmt.Errorf("a control character in the header %q", h)
		}
	}
	for one := range strings.SplitSeq(rest, delim) {
		name, value, ok := strings.Cut(one, "=")
		if !ok || !word(name) {
			return nil, fmt.Errorf("attribute %q", one)
		}
		if _, twice := p.Attr[name]; twice {
			return nil, fmt.Errorf("%s stands twice", name)
		}
		if value == "" || strings.ContainsFunc(value, control) {
			return nil, fmt.Errorf("%s is %q", name, value)
		}
		p.Order = append(p.Order, name)
		p.Attr[name] = value
	}
	return p, leefTypes(p)
}

// leefTypes holds the predefined keys against what the guide says of their values.
func leefTypes(p *Flat) error {
	for _, k := range []string{"src", "dst", "identSrc"} {
		if s, ok := p.Attr[k]; ok {
			if _, err := netip.ParseAddr(s); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	}
	for k, most := range map[string]uint64{"srcPort": 65535, "dstPort": 65535, "sev": 10} {
		if s, ok := p.Attr[k]; ok {
			if n, err := strconv.ParseUint(s, 10, 32); err != nil || n > most || k == "sev" && n == 0 {
				return fmt.Errorf("%s is %q", k, s)
			}
		}
	}
	if s, ok := p.Attr["devTime"]; ok {
		if _, err := time.Parse("Jan 02 2006 15:04:05.000 MST", s); err != nil || p.Attr["devTimeFormat"] != "MMM dd yyyy HH:mm:ss.SSS z" {
			return fmt.Errorf("devTime %q, %q, %w", s, p.Attr["devTimeFormat"], err)
		}
	} else if p.Attr["devTimeFormat"] != "" {
		return fmt.Errorf("devTimeFormat without devTime")
	}
	return nil
}
