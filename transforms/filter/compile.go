package filter

import (
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
)

// compiler turns entries into rules and keeps what is wrong with them.
type compiler struct {
	expr     *expr.Compiler
	calls    map[string]bool
	types    map[string]bool
	problems plugin.Problems
	names    map[string]bool
}

func newCompiler() *compiler {
	c := &compiler{expr: expr.NewCompiler(expr.Options{}), calls: map[string]bool{"socketcall": true}, types: map[string]bool{}, names: map[string]bool{}}
	for _, byNumber := range auparse.AuditSyscalls {
		for _, name := range byNumber {
			c.calls[name] = true
		}
	}
	for n := auparse.AuditMessageType(1000); n < 3000; n++ {
		// The table also has the bounds of its ranges, which are no types.
		if name := n.String(); !strings.HasPrefix(name, "UNKNOWN") && !strings.HasPrefix(name, "LAST_") && !strings.HasPrefix(name, "FIRST_") {
			c.types[name] = true
		}
	}
	for _, newer := range [...]string{"IPE_ACCESS", "IPE_CONFIG_CHANGE", "IPE_POLICY_LOAD", "LANDLOCK_ACCESS", "LANDLOCK_DOMAIN",
		"MAC_TASK_CONTEXTS", "MAC_OBJ_CONTEXTS"} {
		c.types[newer] = true
	}
	return c
}

func (c *compiler) add(t plugin.Text, hint, text string) {
	c.problems = append(c.problems, plugin.Problem{Pos: t.Pos, Width: len(t.Value), Text: text, Hint: hint})
}

func (c *compiler) rules(list string, entries []Entry) []rule {
	var out []rule
	for i := range entries {
		e := &entries[i]
		name := e.Name
		if name == "" {
			name = place(list, i)
		}
		if c.names[name] {
			c.problems = append(c.problems, plugin.Problem{Key: list, Text: "two entries of a filter are named " + strconv.Quote(name)})
		}
		c.names[name] = true
		out = append(out, c.rule(name, list, e))
	}
	return out
}

func (c *compiler) rule(name, list string, e *Entry) rule {
	r := rule{name: name}
	for _, t := range e.Key {
		if t.Value == "" {
			c.add(t, "", "an empty word is no key")
			continue
		}
		r.say(termKey, factKey, t.Value)
	}
	for _, t := range e.Type {
		word := strings.ToUpper(t.Value)
		if !c.types[word] && !numbered(word) {
			c.add(t, meant(word, c.types), "there is no audit record type "+strconv.Quote(t.Value))
		}
		r.say(termType, factType, word)
	}
	for _, t := range e.Syscall {
		if _, err := strconv.ParseUint(t.Value, 10, 32); err != nil && !c.calls[t.Value] {
			c.add(t, meant(t.Value, c.calls), "there is no system call "+strconv.Quote(t.Value))
		}
		r.say(termSyscall, factSyscall, t.Value)
	}
	c.users(e.UID, &r)
	c.programs(e.Exe, &r)
	c.results(e.Exit, &r)
	if e.When.Value != "" {
		p, err := c.expr.Bool(e.When)
		if err != nil {
			c.failed(err)
		}
		r.when = p
	}
	if r.empty() && e.When.Value == "" {
		c.problems = append(c.problems, plugin.Problem{Key: list, Text: "the entry " + name + " of a filter describes every event",
			Hint: "name at least one of key, type, syscall, uid, exe, exit and when"})
	}
	return r
}

// failed keeps the problems of an expression.
func (c *compiler) failed(err error) {
	if p, ok := err.(plugin.Problems); ok { //nolint:errorlint // Bool gives it as it is
		c.problems = append(c.problems, p...)
		return
	}
	c.problems = append(c.problems, plugin.Problem{Text: err.Error()})
}

func (r *rule) say(t term, f fact, is string) {
	r.terms[t] = append(r.terms[t], word{fact: f, is: is})
}

func (r *rule) empty() bool {
	for _, words := range r.terms {
		if len(words) > 0 {
			return false
		}
	}
	return true
}

// users parts numbers from names: the number 0 is no user whose name is "0".
func (c *compiler) users(list []plugin.Text, r *rule) {
	for _, t := range list {
		if t.Value == "" {
			c.add(t, "", "an empty word is no user")
			continue
		}
		if _, err := strconv.ParseUint(t.Value, 10, 32); err == nil {
			r.say(termUID, factUID, t.Value)
		} else {
			r.say(termUID, factUser, t.Value)
		}
	}
}

func (c *compiler) programs(list []plugin.Text, r *rule) {
	for _, t := range list {
		if !strings.HasPrefix(t.Value, "/") && !strings.HasPrefix(t.Value, "*") {
			c.add(t, `write its whole path, or begin with "**/"`, "the program "+strconv.Quote(t.Value)+" is no absolute path")
			continue
		}
		if !strings.ContainsAny(t.Value, "*?") {
			r.say(termExe, factExe, t.Value)
			continue
		}
		match, err := expr.Glob(t.Value)
		if err != nil {
			c.add(t, "", err.Error())
		}
		r.terms[termExe] = append(r.terms[termExe], word{fact: factExe, like: match})
	}
}

func (c *compiler) results(list []plugin.Text, r *rule) {
	for _, t := range list {
		word := t.Value
		if _, err := strconv.ParseInt(word, 10, 64); err == nil {
			r.say(termExit, factExit, word)
			continue
		}
		if word == "success" || word == "failure" {
			r.say(termExit, factOutcome, word)
			continue
		}
		if _, ok := auparse.AuditErrnoToNum[word]; !ok {
			known := map[string]bool{"success": true, "failure": true}
			for name := range auparse.AuditErrnoToNum {
				known[name] = true
			}
			c.add(t, meant(word, known), "there is no result "+strconv.Quote(word))
		}
		r.say(termExit, factReason, word)
	}
}

// numbered reports whether a type is one that no table has, as the log names it.
func numbered(word string) bool {
	n, ok := strings.CutPrefix(word, "UNKNOWN[")
	n, end := strings.CutSuffix(n, "]")
	_, err := strconv.ParseUint(n, 10, 16)
	return ok && end && err == nil
}

// meant is the hint for a word that is not known, "" where none is near.
func meant(word string, known map[string]bool) string {
	var list []string
	for k := range known {
		list = append(list, k)
	}
	slices.Sort(list)
	near := expr.Nearest(word, list)
	if near == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(near) + "?"
}
