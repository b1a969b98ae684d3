package translate

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/cmd/tallyman/setup"
)

// Configuration writes the result: source is the name of the file that it comes of,
// state the folder of the journal ("" for that of the configuration), rules the
// pattern of the packs ("" for none).
func (r *Result) Configuration(source, state, rules string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Translated by `tallyman init --from %s`; each entry says the line it comes of.\n", oneLine(source))
	if len(r.Left) > 0 {
		b.WriteString("# Not translated:\n")
		for _, l := range r.Left {
			fmt.Fprintf(&b, "#   line %d: %s\n", l.Line, oneLine(l.Why))
		}
	}
	for _, t := range r.Todo {
		fmt.Fprintf(&b, "# To do: %s.\n", oneLine(t))
	}
	at := func(name string) string {
		if state == "" {
			return name
		}
		return setup.Quote(strings.TrimSuffix(state, "/") + "/" + name)
	}
	fmt.Fprintf(&b, "journal: {dir: %s, max_size: 2GiB}\n", at("journal"))
	if len(r.Labels) > 0 {
		b.WriteString("labels:\n")
		for _, name := range sorted(r.Labels) {
			fmt.Fprintf(&b, "  %s: %s\n", setup.Quote(name), setup.Quote(r.Labels[name]))
		}
	}
	b.WriteString("inputs:\n")
	if len(r.Inputs) == 0 {
		b.WriteString("  # The source names none that has a counterpart; this is the usual one.\n  audit: {type: auditd}\n")
	}
	components(&b, r.Inputs)
	b.WriteString("transforms:\n  - {type: audit}\n  - {type: container}\n")
	for _, c := range r.Transforms {
		fmt.Fprintf(&b, "  # line %d\n  - {%s}\n", c.Line, strings.Join(c.Pairs, ", "))
	}
	if rules != "" {
		fmt.Fprintf(&b, "  - {type: rules, files: [%s]}\n", setup.Quote(rules))
	}
	fmt.Fprintf(&b, "  - {type: redact, key_file: %s}\noutputs:\n", at("redact.key"))
	if len(r.Outputs) == 0 {
		b.WriteString("  # The source names none that has a counterpart; this prints events.\n  screen: {type: stdout, format: text}\n")
	}
	components(&b, r.Outputs)
	return b.String()
}

func components(b *strings.Builder, list []Component) {
	for _, c := range list {
		if c.Line > 0 {
			fmt.Fprintf(b, "  # line %d\n", c.Line)
		}
		fmt.Fprintf(b, "  %s: {%s}\n", c.Name, strings.Join(c.Pairs, ", "))
	}
}

// Report lists for people what was translated, and line by line what was not.
func (r *Result) Report() string {
	var b strings.Builder
	for _, c := range []struct {
		what string
		list []Component
	}{{"input", r.Inputs}, {"transform", r.Transforms}, {"output", r.Outputs}} {
		for _, one := range c.list {
			fmt.Fprintf(&b, "line %-4d became the %s %s\n", one.Line, c.what, strings.TrimSpace(one.Name+" {"+strings.Join(one.Pairs, ", ")+"}"))
		}
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "line %-4d LEFT: %s\n          → %s\n", l.Line, l.Text, l.Why)
	}
	for _, t := range r.Todo {
		fmt.Fprintf(&b, "to do     %s\n", t)
	}
	return b.String()
}

// oneLine keeps what comes of a foreign file within one comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

func sorted(m map[string]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
