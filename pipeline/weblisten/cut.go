package weblisten

import (
	"strings"

	"tallyman/pipeline/jsonscan"
)

// Whole returns how long the front of text is that consists of whole JSON objects
// and arrays, as many as one Cut may give, with the space before each. It looks
// at their brackets alone. False says that what follows will never be one, whatever
// comes behind it.
func Whole(text string) (n int, ok bool) {
	for range mostOfCut {
		from := n + len(text[n:]) - len(strings.TrimLeft(text[n:], " \t\r\n"))
		if from == len(text) {
			return n, true
		}
		size, ok := end(text[from:])
		if size == 0 {
			return n, ok
		}
		n = from + size
	}
	return n, true
}

// end returns where the object or array ends that text begins with, 0 where it
// does not; false says that it is none.
func end(text string) (n int, ok bool) {
	if text[0] != '{' && text[0] != '[' {
		return 0, false
	}
	open := make([]byte, 0, 64)
	value := false // a value, or a name, ended before this
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
		case '{', '[':
			if value || len(open) == jsonscan.MaxDepth {
				return 0, false
			}
			open = append(open, c+2) // what closes it, in ASCII
		case '}', ']':
			if open[len(open)-1] != c {
				return 0, false
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return i + 1, true
			}
			value = true
		case '"':
			size, ok := quoted(text[i:])
			if size == 0 || value {
				return 0, ok && !value
			}
			i += size - 1
			value = true
		case ',', ':':
			value = false
		default:
			if c < ' ' {
				return 0, false
			}
		}
	}
	return 0, true
}

// quoted returns how long the string is that text begins with, 0 where it does
// not end; false says that it never will.
func quoted(text string) (n int, ok bool) {
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			i++
		case c < ' ':
			return 0, false
		}
	}
	return 0, true
}

// Lines takes lines off the front of text, as many as one Cut may give; only the
// last one of a body may be without its end.
func Lines(text string, last bool) (list []string, done int) {
	for line := range strings.Lines(text) {
		if len(list) == mostOfCut || !last && line[len(line)-1] != '\n' {
			break
		}
		done += len(line)
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			list = append(list, line)
		}
	}
	return list, done
}

// Splitter takes a body apart as Split does, while it comes.
type Splitter struct {
	Form string // of Split

	begun bool
	lines bool // each line is a record from here on
	texts int  // JSON texts that were taken
	mid   bool // one of them stands on the line that text begins in
}

// Cut takes records off the front of text, as Cutter has it.
func (p *Splitter) Cut(text string, last bool) (list []string, done int, err error) {
	switch {
	case !p.begun:
		return p.begin(text, last)
	case p.lines:
		list, done = Lines(text, last)
		return list, done, nil
	}
	return p.json(text, last)
}

func (p *Splitter) begin(text string, last bool) (list []string, done int, err error) {
	bare := strings.TrimPrefix(text, "\ufeff")
	first := strings.TrimLeft(bare, " \t\r\n")
	switch {
	case first == "" && last:
		return nil, len(text), nil
	case first == "":
		return nil, 0, nil
	}
	isJSON := first[0] == '{' || first[0] == '['
	if !isJSON && p.Form == "json" {
		return nil, 0, noJSON()
	}
	p.begun, p.lines = true, p.Form == "lines" || !isJSON
	list, done, err = p.Cut(bare, last)
	return list, done + len(text) - len(bare), err
}

// json takes whole JSON texts; from one that is not sound each line goes as it is.
func (p *Splitter) json(text string, last bool) (list []string, done int, err error) {
	whole, ok := Whole(text)
	list, n, from, err := sound(text[:whole])
	if err != nil {
		return nil, 0, err
	}
	p.texts += n
	rest := strings.TrimLeft(text[whole:], " \t\r\n")
	switch {
	case from < whole: // one of them is not sound
	case rest == "" && last:
		return list, len(text), nil
	case rest == "": // what begins a line of text that is to come is left to it
		whole = max(whole, strings.LastIndexByte(text, '\n')+1)
		p.pass(text[:whole])
		return list, whole, nil
	case ok && (!last || n == mostOfCut):
		p.pass(text[:whole])
		return list, whole, nil
	default:
		from = len(text) - len(rest)
	}
	seen := text
	if !last {
		seen = text[:strings.LastIndexByte(text, '\n')+1]
	}
	if p.texts == 0 && (p.Form == "json" || !everyLine(seen)) {
		s := jsonscan.New(text)
		s.Skip()
		return nil, 0, notSound(s.ErrorAt())
	}
	p.lines = true
	at := lineOf(text, from)
	if at == 0 && p.mid {
		at = from
	}
	if at > 0 {
		return list, at, nil
	}
	list, done = Lines(text, last)
	return list, done, nil
}

// pass notes what stands on the line that goes on behind text.
func (p *Splitter) pass(text string) {
	at := strings.LastIndexByte(text, '\n')
	p.mid = strings.TrimSpace(text[at+1:]) != "" || at < 0 && p.mid
}

// lineOf returns where the line begins that holds a place, the place itself where
// something else stands before it.
func lineOf(text string, place int) int {
	at := strings.LastIndexByte(text[:place], '\n') + 1
	if strings.TrimSpace(text[at:place]) != "" {
		return place
	}
	return at
}
