package event

import "strings"

// SameHost reports whether two names are of one host, of which one may lack the
// domain; the case of letters says nothing (RFC 4343). An empty name is of none.
func SameHost(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a != "" && strings.EqualFold(b[:len(a)], a) && (len(a) == len(b) || b[len(a)] == '.')
}
