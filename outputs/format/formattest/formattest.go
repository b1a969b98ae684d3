// Package formattest holds readers of the formats, written from their standards
// alone, for tests: what an encoder writes is judged by what such a reader makes
// of it. It shares no line with the encoders and knows nothing of events.
package formattest

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Flat is an event of CEF or LEEF as a reader understands it.
type Flat struct {
	Header []string // CEF: version, vendor, product, version, class, name, severity; LEEF: version, vendor, product, version, event id
	Order  []string // the names of the attributes as they came
	Attr   map[string]string
}

// Source returns the bytes that the value of a key, or the name of a CEF header,
// was made of: where TallymanEscaped lists it, the escape of SCHEMA.md section 1
// rule 6 is undone.
func (f *Flat) Source(key string) (string, error) {
	s := f.Attr[key]
	if key == "name" && len(f.Header) == 7 {
		s = f.Header[5]
	}
	for one := range strings.SplitSeq(f.Attr["TallymanEscaped"], ",") {
		if one == key {
			return Undo(s)
		}
	}
	return s, nil
}

// Undo undoes \xHH and \\.
func Undo(s string) (string, error) {
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

// control reports whether r is a control character (C0, DEL, C1).
func control(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// word reports whether s is a name of an attribute: letters and digits.
func word(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
