package redact

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
)

// Source records that were damaged on their way: cut, or out of order. The secrets that
// they hold are none the less whole enough to be read.

// halves replaces the secrets of texts in hex that were cut in the middle of a byte. No
// decoder reads such a text, so it stands in the fields as it was. It is called for events
// that say that something is wrong with them.
func (f *finder) halves() bool {
	changed := false
	for i := range f.e.Fields {
		x := &f.e.Fields[i]
		if f.t.kinds[int(x.Key)%len(f.t.kinds)] <= kindName {
			continue
		}
		s := x.Str()
		for at := 0; ; {
			from, to := halfHex(s, at)
			if from < 0 {
				break
			}
			at = to
			text := string(unhex(s[from:to]))
			if !f.suspect(text) {
				continue
			}
			if out, ok := f.text1(text, command); ok {
				out = hexed(out)
				s, at = s[:from]+out+s[to:], from+len(out)
				f.own(i).SetValue(event.String(s))
				changed = true
			}
		}
	}
	return changed
}

// halfHex returns the bounds of the next word of s, from i, that is hex of an odd number
// of digits; -1 for none.
func halfHex(s string, i int) (from, to int) {
	for i < len(s) {
		if !nameByte(s[i]) {
			i++
			continue
		}
		from, hex := i, true
		for ; i < len(s) && nameByte(s[i]); i++ {
			hex = hex && upperHex(s[i])
		}
		if n := i - from; hex && n > 2*least && n%2 == 1 {
			return from, i
		}
	}
	return -1, 0
}

// inTurn puts the EXECVE records of one event, of which there are indices into lines, in
// the order of their arguments: an option and what it takes may stand in two of them.
func inTurn(lines []string, records []int) {
	type turn struct{ record, arg, part int }
	turns := make([]turn, len(records))
	for i, r := range records {
		arg, part := firstArg(lines[r])
		turns[i] = turn{r, arg, part}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Or(cmp.Compare(a.arg, b.arg), cmp.Compare(a.part, b.part)) })
	for i := range turns {
		records[i] = turns[i].record
	}
}

// firstArg returns the argument that an EXECVE record begins with, and which piece of it;
// -1 where it has none, or the whole.
func firstArg(line string) (arg, part int) {
	_, body, _ := strings.Cut(line, "): ")
	for word := range strings.SplitSeq(body, " ") {
		key, _, _ := strings.Cut(word, "=")
		if key == "" || key[0] != 'a' {
			continue
		}
		number, piece, split := strings.Cut(key[1:], "[")
		number = strings.TrimSuffix(number, "_len")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		part = -1
		if split {
			part, _ = strconv.Atoi(strings.TrimSuffix(piece, "]"))
		}
		return n, part
	}
	return -1, -1
}
