package template

import (
	"slices"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// Choice is the choice of a name (an index, a topic) that a template makes for
// each event. What an event says must not choose just any: either the name begins
// with a text that is fixed, or a list says what may be chosen.
type Choice struct {
	Key, ListKey string            // the keys of the settings: index, indexes
	What         string            // "an index"
	List         []string          // what may be chosen; nil where the beginning is fixed
	Legal        func(string) bool // whether a text can be a name
	Hint         string            // what a name consists of
}

// Check says what is wrong with the template at a setting, nothing where it makes
// the choice as it should.
func (c *Choice) Check(t *Template, at plugin.Text) plugin.Problems {
	for _, name := range c.List {
		if !c.Legal(name) {
			return plugin.Problems{{Key: c.ListKey, Text: c.ListKey + ": " + strconv.Quote(name) + " is no name of " + c.What, Hint: c.Hint}}
		}
	}
	text, hint := c.problem(t)
	if text == "" {
		return nil
	}
	return plugin.Problems{{Pos: at.Pos, Width: len(at.Value), Key: c.Key, Text: text, Hint: hint}}
}

// problem says what is wrong with a template, "" for nothing.
func (c *Choice) problem(t *Template) (text, hint string) {
	head := t.Head()
	_, noun, _ := strings.Cut(c.What, " ")
	switch {
	case t.Empty() && len(c.List) == 0:
		return "", ""
	case t.Fixed() && len(c.List) > 0:
		return c.ListKey + " is set, and " + c.Key + " has no field", "remove " + c.ListKey
	case t.Fixed() && !c.Legal(head):
		return c.Key + " " + strconv.Quote(head) + " is no name of " + c.What, c.Hint
	case !t.Fixed() && head == "" && len(c.List) == 0:
		return c.Key + " begins with a field, so that an event could choose any " + noun, "write a beginning that is fixed, as audit-{{ event.module }}, or list what may be chosen in " + c.ListKey
	case head != "" && !c.Legal(head):
		return c.Key + " begins with " + strconv.Quote(head) + ", which no name of " + c.What + " does", c.Hint
	case !c.Legal(t.Example("x")):
		return c.Key + " gives names such as " + strconv.Quote(t.Example("x")) + ", which is no name of " + c.What, c.Hint
	}
	return "", ""
}

// Append appends the name for an event; nothing where the list does not have it.
func (c *Choice) Append(dst []byte, t *Template, e *event.Event, r *Rule) []byte {
	start := len(dst)
	dst, _ = t.Append(dst, e, r)
	if len(c.List) > 0 && !slices.Contains(c.List, string(dst[start:])) {
		return dst[:start]
	}
	return dst
}
