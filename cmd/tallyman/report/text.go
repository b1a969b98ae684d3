package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Inert returns text with what acts on who shows it written as \xHH or \u{H}:
// controls, marks that turn the direction of writing, what has no shape, and what a
// PDF of ours has no room for.
func Inert(s string) string {
	if !strings.ContainsFunc(s, acts) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !acts(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

func acts(r rune) bool {
	return r < 0x20 || r > 0xffff || r != ' ' && !unicode.IsGraphic(r) || unicode.In(r, unicode.Zl, unicode.Zp)
}

// csvCell returns text that no spreadsheet takes for a formula.
func csvCell(s string) string {
	s = Inert(s)
	if t := strings.TrimLeft(s, " \u00a0"); t != "" && strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", []rune(t)[0]) {
		return "'" + s
	}
	return s
}
