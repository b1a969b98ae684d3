// Package translate reads configurations of other programs, rsyslog, auditd's
// dispatcher, LAUREL and Fluent Bit, and writes what of them has a counterpart as a
// configuration of ours. Nothing is left out in silence: each line of the source is
// either translated or listed with the reason. It opens no file, and does not check
// what it writes: its caller does.
package translate

import (
	"fmt"
	"slices"
	"strings"

	"tallyman/cmd/tallyman/setup"
	"tallyman/pipeline/lazy"
)

// The kinds of configuration that are understood.
const (
	Rsyslog   = "rsyslog"
	Audisp    = "audisp"
	Laurel    = "laurel"
	FluentBit = "fluentbit"
)

// Kinds are all of them.
func Kinds() []string { return []string{Rsyslog, Audisp, Laurel, FluentBit} }

// Left is something of the source that was not translated.
type Left struct {
	Line int    // in the source, from 1
	Text string // the line, or what of it is meant
	Why  string
}

// Result is a configuration, as far as it goes.
type Result struct {
	Kind       string
	Inputs     []Component
	Transforms []Component // besides audit, container, rules and redact
	Outputs    []Component
	Labels     map[string]string
	Left       []Left // in the order of their lines
	Todo       []string
}

// Component is one input, transform or output.
type Component struct {
	Name  string
	Line  int      // of the source
	Pairs []string // "type: file", in the order in which they are written
}

// work is one translation.
type work struct {
	lines   []string
	claimed []bool // by line: it was translated, or is listed
	r       *Result

	encrypted bool // rsyslog's module imtcp is told to use TLS
}

func newWork(kind, text string) *work {
	w := &work{r: &Result{Kind: kind, Labels: map[string]string{}}}
	for line := range strings.Lines(text) {
		w.lines = append(w.lines, strings.TrimRight(line, "\r\n"))
	}
	w.claimed = make([]bool, len(w.lines)+1)
	return w
}

// mayBeSecret finds what a line that is listed should not repeat.
var mayBeSecret = lazy.Regexp(`(?i)((?:token|passw(?:or)?d|pwd|passphrase|secret|credentials?|api[-_]?key|httpheaderkey|header)\S*?\s*[=: ]\s*)(?:"[^"]*"?|'[^']*'?|\S.*$)`)

// claim says that these lines are dealt with.
func (w *work) claim(from, to int) {
	for i := from; i <= to && i < len(w.claimed); i++ {
		w.claimed[i] = true
	}
}

// left lists something of a line, which is claimed thereby.
func (w *work) left(line int, text, why string, args ...any) {
	w.claim(line, line)
	text = mayBeSecret().ReplaceAllString(strings.TrimSpace(text), "${1}[redacted]")
	w.r.Left = append(w.r.Left, Left{line, text, fmt.Sprintf(why, args...)})
}

// leave lists whole lines.
func (w *work) leave(from, to int, why string, args ...any) {
	w.left(from, w.lines[from-1], why, args...)
	for i := from + 1; i <= to; i++ {
		if w.content(i) {
			w.left(i, w.lines[i-1], "belongs to line %d", from)
		}
	}
}

// content reports whether a line says anything.
func (w *work) content(line int) bool {
	text := strings.TrimSpace(w.lines[line-1])
	return text != "" && !strings.HasPrefix(text, "#")
}

// finish lists every line that nobody dealt with.
func (w *work) finish() *Result {
	for i := 1; i <= len(w.lines); i++ {
		if !w.claimed[i] && w.content(i) {
			w.left(i, w.lines[i-1], "not understood")
		}
	}
	slices.SortStableFunc(w.r.Left, func(a, b Left) int { return a.Line - b.Line })
	return w.r
}

// todo is something that a person has to do before the configuration works.
func (w *work) todo(text string, args ...any) {
	w.r.Todo = append(w.r.Todo, fmt.Sprintf(text, args...))
}

func (w *work) input(name string, line int, pairs ...string) {
	w.r.Inputs = add(w.r.Inputs, name, line, w.variables(pairs))
}

func (w *work) output(name string, line int, pairs ...string) {
	w.r.Outputs = add(w.r.Outputs, name, line, w.variables(pairs))
}

// variables lets ${NAME} stand where the source has variables of that form too.
func (w *work) variables(pairs []string) []string {
	if w.r.Kind != FluentBit {
		return pairs
	}
	for i := range pairs {
		pairs[i] = variable().ReplaceAllString(pairs[i], "$${$1}")
	}
	return pairs
}

// variable is one of the environment as setup.Quote wrote it.
var variable = lazy.Regexp(`\$\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

func (w *work) transform(line int, pairs ...string) {
	w.r.Transforms = append(w.r.Transforms, Component{Line: line, Pairs: pairs})
}

// add gives a component a name that no other has. One that is there already is not
// added again.
func add(list []Component, name string, line int, pairs []string) []Component {
	base := name
	for n := 2; ; n++ {
		i := slices.IndexFunc(list, func(c Component) bool { return c.Name == name })
		if i < 0 {
			return append(list, Component{name, line, pairs})
		}
		if slices.Equal(list[i].Pairs, pairs) {
			return list
		}
		name = fmt.Sprintf("%s_%d", base, n)
	}
}

// pair writes one setting.
func pair(key, value string) string { return key + ": " + setup.Quote(value) }

// list writes one setting of several texts.
func list(key string, values ...string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = setup.Quote(v)
	}
	return key + ": [" + strings.Join(out, ", ") + "]"
}

// Detect says what a file is by its name and text, "" where that is not clear.
func Detect(name, text string) string {
	has := func(words ...string) bool {
		for line := range strings.Lines(text) {
			for _, word := range words {
				if strings.HasPrefix(strings.TrimSpace(line), word) {
					return true
				}
			}
		}
		return false
	}
	switch {
	case has("[INPUT]", "[OUTPUT]", "[SERVICE]", "[input]", "[output]", "[service]", "pipeline:"):
		return FluentBit
	case has("[auditlog]", "[transform]", "[translate]", "[enrich]", "[label-process]"), strings.Contains(name, "laurel") && strings.HasSuffix(name, ".toml"):
		return Laurel
	case has("direction", "active") && has("path", "type", "format"), has("remote_server"):
		return Audisp
	case has("module(", "input(", "action(", "$ModLoad", "$Include", "global(", "template(", "*.", "auth", "$Action"), strings.Contains(name, "rsyslog"):
		return Rsyslog
	}
	return ""
}

// From translates the text of a file.
func From(kind, text string) (*Result, error) {
	switch kind {
	case Rsyslog:
		return rsyslog(text), nil
	case Audisp:
		return audisp(text), nil
	case Laurel:
		return laurel(text), nil
	case FluentBit:
		return fluentBit(text), nil
	}
	return nil, fmt.Errorf("there is no translation of %q; there are %s", kind, strings.Join(Kinds(), ", "))
}
