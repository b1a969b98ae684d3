package redact

import (
	"strings"

	"tallyman/pipeline/event"
)

// A secret that was told in one text of an event may stand in another where nothing tells
// it: the title of a process has no quotes, a shell gives a variable to the next program.
// Secrets that are nothing else by accident are replaced there too.

// found is a secret of an event.
type found struct {
	secret string
	id     pattern
	hash   digest
}

// leastDistinct is the length of the shortest secret that is looked for elsewhere, and
// leastFree of the shortest that may be a part of a word.
const (
	leastDistinct = 8
	leastFree     = 12
	maxFound      = 32 // how many are looked for: each costs a look through the event
)

// distinct reports whether a secret is nothing else by accident, as the name of a database
// may be that of its user and its password.
func distinct(s string) bool {
	return len(s) >= leastDistinct && len(s) <= longest && strings.ContainsAny(s, "0123456789") && s[0] != '/' &&
		strings.IndexFunc(s, func(c rune) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }) >= 0
}

// copies replaces the secrets that were found wherever else they stand.
func (f *finder) copies() {
	if len(f.found) == 0 {
		return
	}
	for i := range f.e.Fields {
		x := &f.e.Fields[i]
		k := f.t.kinds[int(x.Key)%len(f.t.kinds)]
		if k == kindNone {
			continue
		}
		if s, ok := f.without(x.Str()); ok {
			f.own(i).SetValue(event.String(s))
		}
	}
	raw, ok := f.without(f.e.Raw)
	if strings.Contains(raw, "audit(") {
		if hidden, more := f.withoutHex(raw); more {
			raw, ok = hidden, true
		}
	}
	if ok {
		f.rehash(raw)
	}
}

// withoutHex returns records without the secrets that were found, where they are hex.
func (f *finder) withoutHex(s string) (string, bool) {
	changed := false
	for i := range f.found {
		x := &f.found[i]
		if secret := hexed(x.secret); strings.Contains(s, secret) {
			f.count(x.id)
			s, changed = strings.ReplaceAll(s, secret, hexed(string(x.hash.append(nil)))), true
		}
	}
	return s, changed
}

// without returns a text without the secrets that were found.
func (f *finder) without(s string) (string, bool) {
	changed := false
	for i := range f.found {
		x := &f.found[i]
		for from := 0; len(s)-from >= len(x.secret); {
			n := strings.Index(s[from:], x.secret)
			if n < 0 {
				break
			}
			at := from + n
			end := at + len(x.secret)
			if len(x.secret) < leastFree && (at > 0 && setPlain.has(s[at-1]) || end < len(s) && setPlain.has(s[end])) {
				from = end
				continue
			}
			f.count(x.id)
			s = s[:at] + string(x.hash.append(nil)) + s[end:]
			from, changed = at+markSize, true
		}
	}
	return s, changed
}
