package expr

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/expr-lang/expr/builtin"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestEveryFieldCanBeRead(t *testing.T) {
	c, m := NewCompiler(Options{}), NewMachine()
	for name, k := range c.names.fields {
		if _, group := c.names.groups[name]; group {
			t.Errorf("%s is a field and a group of fields", name)
		}
		top, _, _ := strings.Cut(name, ".")
		if _, taken := builtin.Index[top]; taken {
			t.Errorf("the library has a function %s, which hides the field %s", top, name)
		}
		if in := k.Info(); in.Many && !in.Type.IsMap() && in.Type != schema.Keyword && in.Type != schema.IP {
			t.Errorf("lists of %s, as %s, are not read", in.Type, name)
		}
		text := name
		if in := k.Info(); in.Many || in.Type.IsMap() {
			text = "len(" + name + ")"
		}
		p, err := c.String(at(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !slices.Equal(p.Fields(), []schema.Key{k}) {
			t.Errorf("%s reads %v", text, p.Fields())
		}
		if _, err := p.Eval(m, &event.Event{}); err != nil {
			t.Errorf("%s of an empty event: %v", text, err)
		}
	}
}

func TestEveryFunctionIsDescribed(t *testing.T) {
	c := NewCompiler(Options{Lists: map[string][]string{"list": {"10.0.0.0/8"}}})
	fill := strings.NewReplacer("text", `"a"`, "ip", `"a"`, "path", `"a"`, "image", `"a"`, "port", "1", "pattern", "p", ", …", "")
	for _, f := range Functions() {
		call := f.Name + fill.Replace(f.Args)
		if _, err := c.String(at(call)); err != nil {
			t.Errorf("%s%s does not compile as %s: %v", f.Name, f.Args, call, err)
		}
		if !strings.HasSuffix(f.Text, ".") {
			t.Errorf("the text of %s is no sentence: %q", f.Name, f.Text)
		}
		if builtin.Index[f.Name] != 0 {
			t.Errorf("the library has a function %s of its own", f.Name)
		}
	}
	for name := range c.config(true).Functions {
		if !slices.Contains(bounded, name) && !slices.ContainsFunc(Functions(), func(f Function) bool { return f.Name == name }) {
			t.Errorf("%s is not described", name)
		}
	}
}

func TestFieldsAreNamedOnce(t *testing.T) {
	p, err := NewCompiler(options()).Bool(at(`process.pid > 1 && (auditd.data["op"] == "" || any(tags, # == process.name)) && process.pid < 9`))
	if err != nil {
		t.Fatal(err)
	}
	want := []schema.Key{schema.Tags, schema.ProcessPID, schema.ProcessName, schema.AuditdData}
	slices.Sort(want)
	if !slices.Equal(p.Fields(), want) {
		t.Errorf("the fields are %v, not %v", p.Fields(), want)
	}
}

func TestRunningFailsWithAnError(t *testing.T) {
	c, m := NewCompiler(options()), NewMachine()
	for _, one := range []struct{ text, says string }{
		{`int(process.name) > 1`, "invalid"},
		{`process.args[process.pid] == ""`, "index out of range"},
		{`len(repeat(process.name, 1000000000)) > 1`, "memory"},
	} {
		p, err := c.Bool(at(one.text))
		if err != nil {
			t.Errorf("%s: %v", one.text, err)
			continue
		}
		if _, err := p.Test(m, sample()); err == nil || !strings.Contains(err.Error(), one.says) || !strings.Contains(err.Error(), "r.yaml:7:5") {
			t.Errorf("%s: the error is %v", one.text, err)
		}
	}
	// The machine is as good as new afterwards.
	p, err := c.Bool(at(`len(process.args) == 2`))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.Test(m, sample()); !ok || err != nil {
		t.Errorf("after an error: %v, %v", ok, err)
	}
}

func TestWithoutAnInventoryEverythingIsDocumented(t *testing.T) {
	p, err := NewCompiler(Options{}).Bool(at(`doc_listen("a", 1) && doc_egress("a", "192.0.2.1", 1) && image_allowed("a")`))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.Test(NewMachine(), sample()); !ok || err != nil {
		t.Errorf("the answer is %v, %v", ok, err)
	}
}

func TestTermsOfACondition(t *testing.T) {
	c := NewCompiler(options())
	for text, want := range map[string][]string{
		`process.pid > 1 && ("x" in tags || true) and !(process.interactive && true)`: {
			`process.pid > 1`, `"x" in tags || true`, `!(process.interactive && true)`},
		`true || false`: {`true || false`},
		`true &&`:       {`true &&`},
	} {
		var got []string
		for _, term := range c.Terms(at(text)) {
			got = append(got, term.Value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the terms %q, not %q", text, got, want)
		}
	}
}

func TestOneProgramRunsInManyGoroutines(t *testing.T) {
	p, err := NewCompiler(options()).Bool(at(`process.pid == 4242 && len(process.args) == 2 && "start" in event.type`))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			m := NewMachine()
			for range 200 {
				if ok, err := p.Test(m, sample()); !ok || err != nil {
					t.Errorf("%v, %v", ok, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestClosuresAgreeWithTheLibrary builds conditions from parts that fuse, and
// compares each with its twin, in which a conditional around every part keeps
// the library's machine in charge.
func TestClosuresAgreeWithTheLibrary(t *testing.T) {
	c, m := NewCompiler(options()), NewMachine()
	var parts []string
	for _, one := range conditions {
		if !strings.HasPrefix(one.text, "let ") {
			parts = append(parts, one.text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		fast, slow := "true", "(len(tags) == 0 ? true : false)"
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			part := rapid.SampledFrom(parts).Draw(t, "part")
			op := rapid.SampledFrom([]string{"&&", "||", "==", "!="}).Draw(t, "operator")
			not := rapid.SampledFrom([]string{"", "!"}).Draw(t, "not")
			fast = "(" + fast + ") " + op + " " + not + "(" + part + ")"
			slow = "(" + slow + ") " + op + " " + not + "(len(tags) == 0 ? (" + part + ") : false)"
		}
		var got [2]bool
		for i, text := range []string{fast, slow} {
			p, err := c.Bool(at(text))
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got[i], err = p.Test(m, sample()); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		if got[0] != got[1] {
			t.Fatalf("%v as a closure, %v by the library: %s", got[0], got[1], fast)
		}
	})
}

// TestMapsAreMergedByName: what an event has of a map itself hides of what it shares
// the same name alone, as the formats have it: a label of the settings is there beside
// those of the record.
func TestMapsAreMergedByName(t *testing.T) {
	e := &event.Event{}
	e.Fields.AddNamed(schema.Labels, "stream", event.String("stdout"))
	e.Fields.AddNamed(schema.Labels, "team", event.String("own"))
	e.Shared.AddNamed(schema.Labels, "env", event.String("prod"))
	e.Shared.AddNamed(schema.Labels, "team", event.String("shared"))
	c, m := NewCompiler(options()), NewMachine()
	for text, want := range map[string]bool{
		`labels.env == "prod"`: true, `labels["env"] == "prod"`: true, `labels.team == "own"`: true, `labels.stream == "stdout"`: true, `labels.none == ""`: true,
		`"env" in labels && "stream" in labels && len(labels) == 3`: true, `labels[lower("ENV")] == "prod" && labels[lower("TEAM")] == "own"`: true,
	} {
		p, err := c.Bool(at(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			e    *event.Event
			want bool
		}{{e, want}, {&event.Event{}, strings.HasSuffix(text, `""`)}, {e, want}} {
			if got, err := p.Test(m, one.e); err != nil || got != one.want {
				t.Errorf("%s: %v, %v", text, got, err)
			}
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, one := range conditions {
		f.Add(one.text)
	}
	c, m := NewCompiler(options()), NewMachine()
	f.Fuzz(func(t *testing.T, text string) {
		p, err := c.Bool(at(text))
		if err != nil {
			var all plugin.Problems
			if !errors.As(err, &all) || !all.Bad() {
				t.Fatalf("%q: %v is no problem", text, err)
			}
			return
		}
		for _, e := range []*event.Event{sample(), {}} {
			_, _ = p.Test(m, e) // an error may be, a panic may not
		}
	})
}

func benchmark(b *testing.B, text string) {
	p, err := NewCompiler(options()).Bool(at(text))
	if err != nil {
		b.Fatal(err)
	}
	m, e := NewMachine(), sample()
	m.Load(e)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Match(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFirstTermFails(b *testing.B) {
	benchmark(b, `container.id != "" && inlist(process.name, "shells") && process.interactive`)
}

func BenchmarkFourTerms(b *testing.B) {
	benchmark(b, `process.pid > 1 && inlist(process.name, "shells") && process.interactive && under(process.executable, "/opt", "/usr/bin")`)
}

func BenchmarkLibrary(b *testing.B) {
	benchmark(b, `process.pid > 1 ? process.name startsWith "ba" : false`)
}

func BenchmarkLoad(b *testing.B) {
	m, e := NewMachine(), sample()
	b.ReportAllocs()
	for b.Loop() {
		m.Load(e)
	}
}

// TestBounds: what an event makes of an expression ends, with an error that says
// why (RELIABILITY C10).
func TestBounds(t *testing.T) {
	args := make([]string, 1500)
	for i := range args {
		args[i] = "a"
	}
	long := strings.Repeat("a", 1<<20)
	e := &event.Event{Raw: long}
	for _, a := range args {
		e.Fields.AddString(schema.ProcessArgs, a)
	}
	for _, c := range []struct{ text, want string }{
		{`len(split(event.original, "a")) > 1`, "more than 10000 pieces"},
		{`len(split(event.original, "a", 5)) == 5`, ""},
		{`len(split(event.original, "b")) == 1`, ""},
		{`len(splitAfter(event.original, "a", 20000)) > 1`, "more than 10000 pieces"},
		{`len(replace(event.original, "a", "0123456789")) > 0`, "bytes, more than"},
		{`len(replace(event.original, "a", "0123456789", 3)) > 0`, ""},
		{`len(replace(event.original, "a", "")) == 0`, ""},
		{`any(process.args, any(process.args, # == "x"))`, "loops look at more than 1000000 items"},
		{`all(process.args, none(process.args, # == "x"))`, "loops look at more than 1000000 items"},
		{`len(filter(process.args, len(filter(process.args, # == "x")) > 0)) > 0`, "loops look at more than 1000000 items"},
		{`any(process.args, any(event.type, # == "x")) || true`, ""},
		{`count(process.args, # == "a") == 1500`, ""},
		{`sum(map(process.args, len(#))) == 1500`, ""},
		{`any(process.args, # == "x") == false`, ""},
	} {
		p, err := NewCompiler(Options{}).Bool(plugin.Text{Value: c.text})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		m := NewMachine()
		for range 2 { // a machine is of use after an error
			yes, err := p.Test(m, e)
			switch {
			case c.want == "" && (err != nil || !yes):
				t.Errorf("%s: %v, %v", c.text, yes, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%s: %v, want %q", c.text, err, c.want)
			}
		}
	}
}
