package s3

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
)

// The bounds of a prefix. A key has 1,024 bytes at most.
const (
	mostLiteral = 256 // bytes of text
	mostValue   = 80  // bytes of what one expression gives
	mostValues  = 5   // expressions and times
)

// none stands for a value that an event does not have.
const none = "none"

const prefixHint = `write it as audit/{{ event.dataset }}/{{ time "2006/01/02" }}`

// prefix is a compiled template. It belongs to one goroutine.
type prefix struct {
	pieces  []piece
	root    string // what every key begins with: the text before the first value, up to a slash
	machine *expr.Machine
}

// piece is a text, a time or an expression: the one that is set.
type piece struct {
	text    string
	layout  string
	program *expr.Program
}

// compile reads a template: text, {{ time "layout" }} and {{ expression }}.
func compile(t plugin.Text) (*prefix, plugin.Problems) {
	p := &prefix{machine: expr.NewMachine()}
	bad := func(at, width int, format string, args ...any) (*prefix, plugin.Problems) {
		pos := t.Pos
		if pos.Line > 0 {
			pos.Col += at
		}
		return nil, plugin.Problems{{Pos: pos, Width: width, Key: "prefix", Text: "prefix: " + fmt.Sprintf(format, args...), Hint: prefixHint}}
	}
	values, literal := 0, 0
	for at := 0; at < len(t.Value); {
		head, rest, found := strings.Cut(t.Value[at:], "{{")
		if head != "" {
			p.pieces = append(p.pieces, piece{text: head})
			literal += len(head)
		}
		if !found {
			break
		}
		inner, _, closed := strings.Cut(rest, "}}")
		start := at + len(head)
		if !closed {
			return bad(start, 2, "there is no }} for this {{")
		}
		one, err := compilePiece(strings.TrimSpace(inner))
		if err != nil {
			return bad(start, len(inner)+4, "%v", err)
		}
		p.pieces = append(p.pieces, one)
		values++
		at = start + len(inner) + 4
	}
	if values > mostValues || literal > mostLiteral {
		return bad(0, len(t.Value), "it has %d values and %d bytes of text, and may have %d and %d", values, literal, mostValues, mostLiteral)
	}
	if err := p.confined(); err != nil {
		return bad(0, len(t.Value), "%v", err)
	}
	return p, nil
}

func compilePiece(s string) (piece, error) {
	if s == "" {
		return piece{}, errors.New("there is nothing between {{ and }}")
	}
	if layout, ok := strings.CutPrefix(s, "time "); ok {
		l, err := strconv.Unquote(strings.TrimSpace(layout))
		if err != nil || l == "" {
			return piece{}, errors.New(`time needs a layout in quotes, as {{ time "2006/01/02/15" }}`)
		}
		return piece{layout: l}, nil
	}
	program, err := expr.NewCompiler(expr.Options{}).String(plugin.Text{Value: s})
	if err != nil {
		var found plugin.Problems
		if errors.As(err, &found) && len(found) > 0 {
			text := found[0].Text
			if found[0].Hint != "" {
				text += " (" + found[0].Hint + ")"
			}
			return piece{}, errors.New(text)
		}
		return piece{}, err
	}
	return piece{program: program}, nil
}

// confined refuses texts that would lead out of the prefix or make keys that
// tools stumble over, and finds the root.
func (p *prefix) confined() error {
	const stand = "x" // for a value: never empty, no dot, no slash
	whole := ""
	for _, one := range p.pieces {
		text := one.text
		switch {
		case one.layout != "":
			text = time.Date(2006, 11, 12, 13, 14, 15, 0, time.UTC).Format(one.layout)
		case one.program != nil:
			text = stand
		}
		for i := range len(text) {
			if c := text[i]; c < ' ' || c >= 0x7f || strings.IndexByte("\\{}^%`[]\"<>~#|?*", c) >= 0 {
				return fmt.Errorf("%q holds the character %q, which keys should not have", text, c)
			}
		}
		whole += text
	}
	if strings.HasPrefix(whole, "/") {
		return errors.New("it begins with a slash, which would make a folder without a name")
	}
	for _, part := range strings.Split(strings.TrimSuffix(whole, "/"), "/") {
		if part == "." || part == ".." || (part == "" && whole != "") {
			return fmt.Errorf("it has a part %q between slashes", part)
		}
	}
	if whole != "" {
		if last := &p.pieces[len(p.pieces)-1]; last.text != "" {
			last.text = strings.TrimSuffix(last.text, "/")
		}
	}
	for i, one := range p.pieces {
		if one.text == "" {
			break
		}
		p.root += one.text
		if i == len(p.pieces)-1 && one.text != "" {
			p.root += "/"
		}
	}
	p.root = p.root[:strings.LastIndexByte(p.root, '/')+1]
	return nil
}

// append adds the prefix of e to dst and says whether a value had to be changed
// to be a part of a key.
func (p *prefix) append(dst []byte, e *event.Event) (_ []byte, changed bool) {
	loaded := false
	for i := range p.pieces {
		switch one := &p.pieces[i]; {
		case one.layout != "":
			t := e.Time
			if t.IsZero() {
				t = e.Seen
			}
			dst = t.UTC().AppendFormat(dst, one.layout)
		case one.program != nil:
			if !loaded {
				p.machine.Load(e)
				loaded = true
			}
			value, err := one.program.Text(p.machine)
			if err != nil {
				value = ""
			}
			var odd bool
			dst, odd = appendValue(dst, value)
			changed = changed || odd
		default:
			dst = append(dst, one.text...)
		}
	}
	return dst, changed
}

// appendValue adds what an expression gave as one part of a key: a value can
// neither make a part of its own nor leave the prefix.
func appendValue(dst []byte, s string) (_ []byte, changed bool) {
	if s == "" {
		return append(dst, none...), false
	}
	if len(s) > mostValue {
		s, changed = s[:mostValue], true
	}
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_=:@+,", c) >= 0 || (c == '.' && i > 0)
		if !plain {
			c, changed = '_', true
		}
		dst = append(dst, c)
	}
	return dst, changed
}
