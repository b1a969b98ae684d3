package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestNoRuleIsMissed: whatever an event holds, a rule whose condition holds for it is
// among those that it is judged by; and the samples leave most rules out.
func TestNoRuleIsMissed(t *testing.T) {
	set, problems := compileAll(shipped(), ".")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	x, machine := newIndex(set.rules), expr.NewMachine()
	judge := func(t interface{ Errorf(string, ...any) }, e *event.Event) {
		list := candidates(x, e)
		machine.Load(e)
		for _, r := range set.rules {
			if !r.def.about(e) || contains(list, r) {
				continue
			}
			if ok, err := r.when.Match(machine); ok || err != nil {
				t.Errorf("%s holds (%v) and is not asked for %+v", r.def.id.Value, err, e.Fields)
			}
		}
	}
	asked, rules := 0, 0
	var events []*event.Event
	for _, r := range set.all {
		for i := range r.def.tests {
			e := r.def.tests[i].event(r.def)
			judge(t, e)
			events = append(events, e)
			asked += len(candidates(x, e))
			rules += len(x.of(module(e), e.Get(schema.EventAction).Str()).rules)
		}
	}
	if asked*3 > rules*2 {
		t.Errorf("of %d rules about the samples' actions %d were asked", rules, asked)
	}
	// Fields of several samples together, some of them changed.
	rapid.Check(t, func(t *rapid.T) {
		e := &event.Event{Time: time.Unix(1_700_000_000, 0)}
		for range rapid.IntRange(1, 4).Draw(t, "samples") {
			from := events[rapid.IntRange(0, len(events)-1).Draw(t, "sample")]
			for _, f := range from.Fields {
				switch rapid.IntRange(0, 5).Draw(t, "how") {
				case 0:
				case 1:
					if f.Kind() == event.KindString {
						f.SetValue(event.String(strings.ToUpper(f.Str())))
					}
					e.Fields = append(e.Fields, f)
				case 2:
					e.Shared = append(e.Shared, f)
				default:
					e.Fields = append(e.Fields, f)
				}
			}
		}
		judge(t, e)
	})
}

// crowd are n rules of which none matches an execve of curl.
func crowd(n int) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	forms := []string{`process.name == "p%d" && container.id != ""`, `process.executable in ["/x/%d", "/y/%d"]`, `user.name == "u%d" || user.name == "v%d"`,
		`lower(process.parent.name) == "q%d"`, `"k%d" in auditd.key`}
	for i := range n {
		form := forms[i%len(forms)]
		args := make([]any, strings.Count(form, "%d"))
		for k := range args {
			args[k] = i
		}
		fmt.Fprintf(&b, "- {id: C-%03d-%03d, title: x, severity: low, sources: [auditd], condition: '%s'}\n", i/1000, i%1000, fmt.Sprintf(form, args...))
	}
	return b.String()
}

// BenchmarkCrowd is what an event costs among rules of which none matches it: with a
// thousand at most twice what it is with ten.
func BenchmarkCrowd(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := Default()
			s.Files = []plugin.Text{text("0.yaml")}
			tr, err := New(&s, plugin.Env{Dir: write(b, crowd(n))})
			if err != nil {
				b.Fatal(err)
			}
			st := tr.Lane("audit")
			var in, out event.Batch
			in.Add(execEvent())
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				if err := st.Apply(b.Context(), &in, &out); err != nil {
					b.Fatal(err)
				}
			}
			if len(out.Events) != 1 {
				b.Fatal("a rule matched")
			}
		})
	}
}

// TestCrowd: of a thousand rules an event is judged by none that asks for other words.
func TestCrowd(t *testing.T) {
	s := Default()
	s.Files = []plugin.Text{text("0.yaml")}
	set, problems := compileAll(&s, write(t, crowd(1000)))
	if len(problems) > 0 {
		t.Fatal(problems[0])
	}
	x, e := newIndex(set.rules), execEvent()
	if n := len(candidates(x, &e)); n != 0 {
		t.Errorf("%d rules are asked", n)
	}
	e.Fields.Set(schema.ProcessName, event.String("p5"))
	e.Fields.Set(schema.ProcessParentName, event.String("Q8"))
	if list := candidates(x, &e); len(list) != 2 || list[0].def.id.Value != "C-000-005" || list[1].def.id.Value != "C-000-008" {
		t.Errorf("%d rules are asked", len(list))
	}
}
