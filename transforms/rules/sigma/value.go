package sigma

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// want is one field with its modifiers.
type want struct {
	name string
	f    field
	mods []string
}

// has takes a modifier out of those that are left.
func (w *want) has(mod string) bool {
	i := slices.Index(w.mods, mod)
	if i < 0 {
		return false
	}
	w.mods = slices.Delete(w.mods, i, i+1)
	return true
}

// term translates one entry of a selection.
func (s *source) term(key string, n *yaml.Node, calls bool) (string, error) {
	parts := strings.Split(key, "|")
	w := &want{name: parts[0], mods: parts[1:]}
	if s.audit && w.name == "type" {
		return recordType(n, w)
	}
	var err error
	if w.f, err = s.field(w.name, calls); err != nil {
		return "", err
	}
	if w.has("exists") {
		if w.f.kind != isText || len(w.mods) > 0 {
			return "", not("%s cannot be asked whether it exists", w.name)
		}
		return map[bool]string{true: w.f.expr + ` != ""`, false: w.f.expr + ` == ""`}[n.Value == "true"], nil
	}
	every := w.has("all")
	values := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		values = n.Content
	}
	test, err := w.test()
	if err != nil {
		return "", err
	}
	var terms []string
	for _, v := range values {
		t, err := w.value(v, test)
		if err != nil {
			return "", err
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 {
		return "", not("%s has no value", w.name)
	}
	return join(terms, map[bool]string{true: " && ", false: " || "}[every]), nil
}

// recordType translates the type of an audit record.
func recordType(n *yaml.Node, w *want) (string, error) {
	values := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		values = n.Content
	}
	if len(w.mods) > 0 {
		return "", not("type with modifiers")
	}
	var terms []string
	for _, v := range values {
		switch t := strings.ToUpper(v.Value); t {
		case "EXECVE", "PROCTITLE":
			terms = append(terms, `event.action == "executed"`)
		case "PATH":
			terms = append(terms, `file.path != ""`)
		case "CWD":
			terms = append(terms, `process.working_directory != ""`)
		case "SOCKADDR":
			terms = append(terms, `(destination.address != "" || server.port != 0)`)
		default:
			if !auditName().MatchString(t) {
				return "", not("type %q", v.Value)
			}
			terms = append(terms, fmt.Sprintf("event.code == %q", t))
		}
	}
	return join(terms, " || "), nil
}

func join(terms []string, by string) string {
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, by) + ")"
}

// test makes the expression of a text by the modifiers: subject is what is asked.
type test func(subject, text string) (string, error)

func (w *want) test() (test, error) {
	cased := w.has("cased")
	encode := func(s string) []string { return []string{s} }
	switch {
	case w.has("base64offset"):
		encode, cased = offsets, true
	case w.has("base64"):
		encode, cased = func(s string) []string { return []string{base64.StdEncoding.EncodeToString([]byte(s))} }, true
	}
	var form func(subject, text string) (string, error)
	switch {
	case w.has("re"):
		flags := ""
		for _, f := range []string{"i", "m", "s"} {
			if w.has(f) {
				flags += f
			}
		}
		form = func(subject, text string) (string, error) { return pattern(subject, flags, text) }
	case w.has("cidr"):
		form = func(subject, text string) (string, error) {
			if _, err := netip.ParsePrefix(text); err != nil {
				return "", not("%q is no network", text)
			}
			return fmt.Sprintf("cidr(%s, %q)", subject, text), nil
		}
	default:
		before, after := "", ""
		switch {
		case w.has("contains"):
			before, after = "*", "*"
		case w.has("startswith"):
			after = "*"
		case w.has("endswith"):
			before = "*"
		}
		form = func(subject, text string) (string, error) { return wildcards(subject, before, text, after, cased) }
	}
	if len(w.mods) > 0 && !number(w.mods) {
		return nil, not("the modifier %s of %s", strings.Join(w.mods, "|"), w.name)
	}
	return func(subject, text string) (string, error) {
		var terms []string
		for _, one := range encode(text) {
			t, err := form(subject, one)
			if err != nil {
				return "", err
			}
			terms = append(terms, t)
		}
		return join(terms, " || "), nil
	}, nil
}

// compares are the modifiers of numbers.
var compares = map[string]string{"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

func number(mods []string) bool { return len(mods) == 1 && compares[mods[0]] != "" }

// offsets are a text in base64 at each of its three places in a longer one, without
// what depends on its neighbours.
func offsets(s string) []string {
	var out []string
	for i, cut := range [3][2]int{{0, 0}, {2, 0}, {3, 0}} {
		b := base64.StdEncoding.EncodeToString(append(make([]byte, i), s...))
		end := [3]int{0, 3, 2}[(len(s)+i)%3]
		out = append(out, b[cut[0]:len(b)-end])
	}
	return out
}

// value translates one value.
func (w *want) value(v *yaml.Node, is test) (string, error) {
	if v.Kind == yaml.AliasNode {
		v = v.Alias
	}
	if v.Kind != yaml.ScalarNode {
		return "", not("a value of %s is no single one", w.name)
	}
	absent := v.Tag == "!!null" || v.Value == ""
	switch w.f.kind {
	case isNumber:
		n, err := strconv.ParseInt(v.Value, 0, 64)
		if err != nil {
			return "", not("%s is a number, and %q is none", w.name, v.Value)
		}
		op := "=="
		if number(w.mods) {
			op = compares[w.mods[0]]
		}
		return fmt.Sprintf("%s %s %d", w.f.expr, op, n), nil
	case isTruth:
		switch strings.ToLower(v.Value) {
		case "true", "yes", "success", "1":
			return w.f.expr, nil
		case "false", "no", "failed", "0":
			return "!(" + w.f.expr + ")", nil
		}
		return "", not("%s is %q, and neither yes nor no", w.name, v.Value)
	case isList:
		if absent {
			return fmt.Sprintf("len(%s) == 0", w.f.expr), nil
		}
		t, err := is("#", v.Value)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("any(%s, {%s})", w.f.expr, t), nil
	}
	if number(w.mods) {
		return "", not("%s is a text, and %s compares numbers", w.name, w.mods[0])
	}
	if absent {
		return w.f.expr + ` == ""`, nil
	}
	return is(w.f.expr, v.Value)
}

// pattern translates a regular expression, which is found anywhere in the text.
func pattern(subject, flags, text string) (string, error) {
	if flags != "" {
		text = "(?" + flags + ")" + text
	}
	if _, err := regexp.Compile(text); err != nil {
		return "", not("the regular expression %q is none of RE2's: %v", text, err)
	}
	return fmt.Sprintf("%s matches %q", subject, text), nil
}

// wildcards translates a text with * and ? in it, which a backslash takes the meaning
// of. Texts are compared without regard to case, unless cased.
func wildcards(subject, before, text, after string, cased bool) (string, error) {
	type piece struct {
		text string
		wild byte
	}
	var pieces []piece
	var plain strings.Builder
	wild := func(c byte) {
		if n := len(pieces); c == '*' && plain.Len() == 0 && n > 0 && pieces[n-1].wild == '*' {
			return // one star is as good as several
		}
		pieces = append(pieces, piece{text: plain.String()}, piece{wild: c})
		plain.Reset()
	}
	if before != "" {
		wild('*')
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`*?\`, text[i+1]) >= 0:
			i++
			plain.WriteByte(text[i])
		case c == '*' || c == '?':
			wild(c)
		default:
			plain.WriteByte(c)
		}
	}
	if after != "" {
		wild('*')
	}
	pieces = append(pieces, piece{text: plain.String()})
	fold := func(s string) (string, string) {
		if cased {
			return subject, s
		}
		return "lower(" + subject + ")", strings.ToLower(s)
	}
	var inner []string
	shape := ""
	for _, p := range pieces {
		switch {
		case p.wild != 0:
			shape += string(p.wild)
		case p.text != "":
			shape += "t"
			inner = append(inner, p.text)
		}
	}
	one := func(op string) (string, error) {
		subject, s := fold(inner[0])
		return fmt.Sprintf("%s %s %q", subject, op, s), nil
	}
	switch shape {
	case "t":
		return one("==")
	case "*t*":
		return one("contains")
	case "t*":
		return one("startsWith")
	case "*t":
		return one("endsWith")
	case "*":
		return subject + ` != ""`, nil
	}
	var re strings.Builder
	re.WriteString(map[bool]string{true: `(?s)^`, false: `(?is)^`}[cased])
	for _, p := range pieces {
		switch p.wild {
		case '*':
			re.WriteString(".*")
		case '?':
			re.WriteString(".")
		default:
			re.WriteString(regexp.QuoteMeta(p.text))
		}
	}
	re.WriteString("$")
	return pattern(subject, "", re.String())
}
