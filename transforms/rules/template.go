package rules

import (
	"strings"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
)

// template is a message: texts, and expressions in ${…} between them.
type template []part

type part struct {
	text  string
	value *expr.Program
}

// template compiles a message. $$ stands for one dollar sign.
func (c *compiler) template(t plugin.Text) template {
	var out template
	var text strings.Builder
	for i := 0; i < len(t.Value); i++ {
		switch {
		case strings.HasPrefix(t.Value[i:], "$$"):
			text.WriteByte('$')
			i++
		case strings.HasPrefix(t.Value[i:], "${"):
			end := strings.IndexByte(t.Value[i:], '}')
			if end < 0 {
				c.l.report(t, plugin.Problems{{Pos: within(t, i), Hint: "write $$ for a dollar sign", Text: "${ has no } after it"}})
				return nil
			}
			out = append(out, part{text: text.String()}, part{value: c.value(plugin.Text{Value: t.Value[i+2 : i+end], Pos: within(t, i+2)})})
			text.Reset()
			i += end
		default:
			text.WriteByte(t.Value[i])
		}
	}
	if text.Len() > 0 {
		out = append(out, part{text: text.String()})
	}
	return out
}

// within is the place of a byte of t.
func within(t plugin.Text, offset int) plugin.Pos {
	p := t.Pos
	if p.Line > 0 {
		p.Col += offset
	}
	return p
}
