package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tallyman/pipeline/lazy"
)

// Bounds of a line that is shown, in columns.
const (
	maxColumns = 100 // of the line
	lead       = 40  // at most of them before the mark, where the line is cut
	tabStop    = 4
)

// cell is one piece of a line as a terminal shows it.
type cell struct {
	text    string
	columns int
	from    int // the byte of the line where it starts
}

// show returns a line as it is printed, cut to maxColumns around the mark: tabs
// as spaces, what does not print made visible, what looks like a secret masked.
// The mark is bytes from..from+width of the line; it comes back as columns
// before it and columns under it, at least one.
func show(line string, from, width int) (text string, before, marked int) {
	cells := cellsOf(line)
	total, start, end := 0, -1, -1
	for i, c := range cells {
		next := len(line)
		if i+1 < len(cells) {
			next = cells[i+1].from
		}
		if start < 0 && from < next {
			start = total
		}
		total += c.columns
		if end < 0 && from+width <= next {
			end = total
		}
	}
	if start < 0 {
		start = total
	}
	if end < 0 {
		end = total
	}
	first, last := 0, total
	if total > maxColumns {
		first = max(0, min(start-lead, total-maxColumns))
		last = first + maxColumns
	}
	text, shift := window(cells, first, last)
	if first > 0 {
		shift++ // the sign of the cut
		text = "…" + text
	}
	if last < total {
		text += "…"
	}
	return text, start - first + shift, max(1, min(end, last)-start)
}

// window returns the cells that lie wholly in the columns first..last, and how
// many columns the first of them is to the left of where it belongs, negative.
func window(cells []cell, first, last int) (string, int) {
	var out strings.Builder
	at, shift := 0, 0
	for _, c := range cells {
		switch {
		case at < first && at+c.columns > first:
			shift = first - at - c.columns
		case at >= first && at+c.columns <= last:
			out.WriteString(c.text)
		}
		at += c.columns
	}
	return out.String(), shift
}

func cellsOf(line string) []cell {
	var cells []cell
	masks := secretSpans(line)
	at := 0
	add := func(from int, text string, columns int) {
		cells = append(cells, cell{text, columns, from})
		at += columns
	}
	for i := 0; i < len(line); {
		if len(masks) > 0 && i == masks[0][0] {
			add(i, "[redacted]", len("[redacted]"))
			i, masks = masks[0][1], masks[1:]
			continue
		}
		r, n := utf8.DecodeRuneInString(line[i:])
		switch {
		case r == '\t':
			pad := tabStop - at%tabStop
			add(i, strings.Repeat(" ", pad), pad)
		case printable(r, n):
			add(i, line[i:i+n], columns(r))
		default:
			text := escape(line[i:i+n], r)
			add(i, text, len(text))
		}
		i += n
	}
	return cells
}

// secretName are keys whose values are secrets by their name, and the user part
// of a URL: where the decoder did not get to know a setting, this keeps it from
// a screen.
var secretName = lazy.Regexp(`(?i)(?:token|password|passphrase|secret|credentials?|api[-_]?key|private[-_]?key)(?:[-_](?:key|id|value))?["']?\s*:\s*([^{\s][^,}]*)|://[^/\s:@]*:([^/\s@]+)@`)

// addressRest is what follows the host in the URL of a receiver: the address of a
// webhook is often its secret.
var addressRest = lazy.Regexp(`(?i)https?://[^/\s"'?#]*[/?#]([^\s"'\],}]+)`)

// secretSpans returns the byte ranges of a line that are masked, in order.
func secretSpans(line string) [][2]int {
	var list [][2]int
	for _, r := range []*regexp.Regexp{secretName(), addressRest()} {
		for _, m := range r.FindAllStringSubmatchIndex(line, -1) {
			for g := 2; g < len(m); g += 2 {
				if m[g] >= 0 {
					list = append(list, [2]int{m[g], m[g+1]})
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b [2]int) int { return a[0] - b[0] })
	var apart [][2]int
	for _, span := range list {
		if n := len(apart); n > 0 && span[0] < apart[n-1][1] {
			apart[n-1][1] = max(apart[n-1][1], span[1])
			continue
		}
		apart = append(apart, span)
	}
	return apart
}

// visible returns a message without anything that a terminal would obey.
func visible(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if printable(r, n) {
			out.WriteString(s[i : i+n])
		} else {
			out.WriteString(escape(s[i:i+n], r))
		}
		i += n
	}
	return out.String()
}

func printable(r rune, size int) bool {
	return (r != utf8.RuneError || size > 1) && unicode.IsPrint(r)
}

func escape(raw string, r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// wide are the characters that take two columns (Unicode Standard Annex 11),
// roughly.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff00, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

func columns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}
