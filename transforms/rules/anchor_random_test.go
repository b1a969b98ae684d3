package rules

import (
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// condition draws one of the forms that anchors are made of, and of those that look
// like them, and joins them.
func condition(t *rapid.T, depth int) string {
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "joined") > 0 {
		left, right := condition(t, depth-1), condition(t, depth-1)
		return pick("join", "("+left+" && "+right+")", "("+left+" || "+right+")", "not ("+left+")", "("+left+" ? "+right+" : "+left+")", "("+left+") == ("+right+")", "!("+left+") || "+right,
			"let it = "+left+"; it and "+right)
	}
	word := func() string {
		return `"` + pick("word", "a", "b", "A", "é", "É", "K", "k", "ſ", "s", "", "ab", "7") + `"`
	}
	one := pick("field", "process.name", "user.name", "lower(process.name)", "upper(process.name)", "container.id", "event.dataset", "process.pid", "source.ip", "file.path",
		"basename(file.path)", "basename(process.name)", "event.action", "event.action")
	many := pick("many", "process.args", "tags", "auditd.key", "event.category")
	return pick("form", one+" == "+word(), word()+" == "+one, one+" != "+word(), one+" in ["+word()+", "+word()+"]", one+" not in ["+word()+"]", word()+" in "+many, word()+" not in "+many,
		one+" in []", "inlist("+one+", \"words\")", "inlist("+one+", \"none\")", one+" startsWith "+word(), `"a" == `+word(), one+" == user.name", "len("+many+") > 0", "any("+many+", # == "+word()+")", "process.pid == 7", "process.pid in [7, 8]", "process.pid in [0, 7]", "process.pid > 6", "process.pid == 0", "process.pid >= 0",
		pick("loop", "any", "any", "all", "none")+"("+many+", "+ofValue(pick, word)+")", many+" == ["+word()+"]",
		one+` != ""`, `"" != `+one, one+" contains "+word(), one+" startsWith "+word(), one+" endsWith "+word(), one+" matches "+pick("pattern", `"ab"`, `"(?i)ab"`, `"(?i)ks"`, `"^/(a|b)b$"`, `"\\bab\\b"`, `"a.b|bb"`, `"."`, `""`),
		"tallyman.container.host", one+` contains "'"`, "tallyman.container.host == true")
}

// ofValue draws what a loop asks of one value of a list.
func ofValue(pick func(string, ...string) string, word func() string) string {
	one := func() string {
		return pick("of a value", "# == "+word(), word()+" == #", "# != "+word(), "# in ["+word()+", "+word()+"]", "inlist(#, \"words\")", "lower(#) == "+word(), "basename(#) == "+word(),
			"# startsWith "+word(), "# endsWith "+word(), "# contains "+word(), `# matches "(?i)ab"`, `# matches "^ab"`, "process.name == "+word(), "any(tags, # contains "+word()+")", "# in tags", word()+" in tags")
	}
	return one() + pick("and", " && ", " || ") + one()
}

// anything draws an event of few keys: values of every kind, empty ones, several of
// one key, and of its own and shared.
func anything(t *rapid.T) *event.Event {
	keys := []schema.Key{schema.EventAction, schema.TallymanContainerHost, schema.ProcessName, schema.UserName, schema.ContainerID, schema.ProcessPID, schema.SourceIP, schema.FilePath, schema.ProcessArgs, schema.Tags, schema.AuditdKey, schema.EventCategory}
	address, _ := event.IP("10.0.0.1")
	values := []event.Value{event.String(""), event.String("a"), event.String("b"), event.String("A"), event.String("É"), event.String("k"), event.String("\u212a"), event.String("ſ"), event.String("\u212aſ"),
		event.String("S"), event.String("ab"), event.String("/a/ab"), event.String("/b/bb/"), event.String("it's bb"), event.String("A.B"), event.String("\xff"), event.Int(7), event.Uint(7), event.Bool(true), event.Float(7), address}
	e := &event.Event{Dataset: rapid.SampledFrom([]string{"", "a"}).Draw(t, "dataset")}
	if rapid.Bool().Draw(t, "acts") {
		e.Fields.AddString(schema.EventAction, rapid.SampledFrom([]string{"a", "b", "7", "s"}).Draw(t, "action"))
	}
	for _, to := range []*event.Fields{&e.Fields, &e.Shared} {
		for range rapid.IntRange(0, 8).Draw(t, "fields") {
			to.Add(rapid.SampledFrom(keys).Draw(t, "key"), rapid.SampledFrom(values).Draw(t, "value"))
		}
	}
	return e
}

// TestNoConditionIsMissed: whatever conditions ask, a rule whose condition holds is
// among those that an event is judged by.
func TestNoConditionIsMissed(t *testing.T) {
	held, spared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := expr.NewCompiler(expr.Options{Lists: map[string][]string{"words": {"a", "K"}, "none": {"", "b"}}})
		var rules []*rule
		var texts []string
		for range rapid.IntRange(1, 70).Draw(t, "rules") {
			text := plugin.Text{Value: condition(t, 3)}
			if when, err := c.Bool(text); err == nil {
				def := &definition{}
				if rapid.IntRange(0, 3).Draw(t, "of actions") == 0 {
					def.actions = []string{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "of action")}
				}
				rules, texts = append(rules, &rule{def: def, when: when, needs: c.Needs(text)}), append(texts, text.Value)
			}
		}
		x, m := newIndex(rules), expr.NewMachine()
		for range 20 {
			e := anything(t)
			list := candidates(x, e)
			spared += len(rules) - len(list)
			m.Load(e)
			for i, r := range rules {
				if ok, _ := r.when.Match(m); !ok || !r.def.about(e) {
					continue
				}
				if held++; !contains(list, r) {
					t.Fatalf("%s holds and is not asked for %+v, %+v", texts[i], e.Fields, e.Shared)
				}
			}
		}
	})
	if held == 0 || spared == 0 {
		t.Errorf("%d conditions held, %d were not asked: nothing was compared", held, spared)
	}
}
