package s3

import (
	"errors"
	"fmt"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/template"
)

// The bounds of a prefix. A key has 1,024 bytes at most.
const (
	mostLiteral = 256 // bytes of text
	mostValue   = 80  // bytes of what one expression gives
	mostValues  = 5   // expressions and times
)

const prefixHint = `write it as audit/{{ event.dataset }}/{{ time "2006/01/02" }}`

// prefix is what keys begin with. It belongs to one goroutine.
type prefix struct {
	text *template.Template
	part template.Rule
	root string // what every key begins with: the text before the first value, up to a slash
}

// compile reads a template: text, {{ time "layout" }} and {{ expression }}.
func compile(t plugin.Text) (*prefix, plugin.Problems) {
	text, wrong := template.Parse(t, "prefix", template.Options{Expressions: true, Text: mostLiteral, Places: mostValues})
	if wrong != nil {
		for i := range wrong {
			wrong[i].Hint = prefixHint
		}
		return nil, wrong
	}
	p := &prefix{text: text, part: template.Part(mostValue)}
	if err := p.confined(); err != nil {
		return nil, plugin.Problems{{Pos: t.Pos, Width: len(t.Value), Key: "prefix", Text: "prefix: " + err.Error(), Hint: prefixHint}}
	}
	return p, nil
}

// confined refuses texts that would lead out of the prefix or make keys that
// tools stumble over, and finds the root.
func (p *prefix) confined() error {
	for text := range p.text.Texts {
		for i := range len(text) {
			if c := text[i]; c < ' ' || c >= 0x7f || strings.IndexByte("\\{}^%`[]\"<>~#|?*", c) >= 0 {
				return fmt.Errorf("%q holds the character %q, which keys should not have", text, c)
			}
		}
	}
	whole := p.text.Example("x") // a value is never empty, and has no dot and no slash
	if strings.HasPrefix(whole, "/") {
		return errors.New("it begins with a slash, which would make a folder without a name")
	}
	for _, part := range strings.Split(strings.TrimSuffix(whole, "/"), "/") {
		if part == "." || part == ".." || (part == "" && whole != "") {
			return fmt.Errorf("it has a part %q between slashes", part)
		}
	}
	p.text.TrimEnd("/")
	p.root = p.text.Head()
	if p.text.Fixed() && p.root != "" {
		p.root += "/"
	}
	p.root = p.root[:strings.LastIndexByte(p.root, '/')+1]
	return nil
}

// append adds the prefix of e to dst and says whether a value had to be changed
// to be a part of a key.
func (p *prefix) append(dst []byte, e *event.Event) (_ []byte, changed bool) {
	return p.text.Append(dst, e, &p.part)
}
