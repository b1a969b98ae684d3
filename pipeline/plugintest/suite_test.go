package plugintest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// recorder is a test that remembers what it was told instead of failing.
type recorder struct {
	testing.TB
	said strings.Builder
}

func (r *recorder) Errorf(format string, args ...any) { r.say(format, args...) }
func (r *recorder) Error(args ...any)                 { r.say("%v", args) }
func (r *recorder) Fatalf(format string, args ...any) { r.say(format, args...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any)                 { r.say("%v", args); runtime.Goexit() }

func (r *recorder) say(format string, args ...any) {
	r.said.WriteString(fmt.Sprintf(format, args...) + "\n")
}

// finds checks that a check says what is wrong.
func finds(t *testing.T, name, want string, check func(testing.TB)) {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); check(r) }()
	<-done
	if !strings.Contains(r.said.String(), want) {
		t.Errorf("%s: the suite said %q, want %q", name, r.said.String(), want)
	}
}

var errRefused = errors.New("refused")

func noMode(testing.TB) any { return &fakeSettings{Mode: "refused"} }

func fakeInputs(fault string) InputSuite {
	file := func(dir string) string { return filepath.Join(dir, "src") }
	return InputSuite{
		Plugin: plugin.NewInput("fake", "Is a fake.", func() fakeSettings { return fakeSettings{Mode: "good"} },
			func(c *fakeSettings, env plugin.Env) (plugin.Input, error) {
				switch {
				case c.Mode != "refused":
				case fault == "typed nil":
					return (*fakeInput)(nil), errRefused
				case fault != "takes all":
					return nil, errRefused
				}
				return &fakeInput{fault: fault, path: c.Path, env: env}, nil
			}),
		Golden:   "testdata/input",
		Refused:  noMode,
		Settings: func(_ testing.TB, dir string) any { return &fakeSettings{Path: file(dir)} },
		Append: func(t testing.TB, dir string, content []byte) {
			f, err := os.OpenFile(file(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = f.Write(content)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		Vanish: func(t testing.TB, dir string) {
			if err := os.Remove(file(dir)); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestInputSuite(t *testing.T) { Input(t, fakeInputs("")) }

func TestInputSuiteFinds(t *testing.T) {
	content := []byte("one\ntwo\nthree\n")
	for _, c := range []struct {
		fault, want string
		check       func(InputSuite, testing.TB)
	}{
		{"no position", "without a position", func(s InputSuite, t testing.TB) { s.resume(t, content) }},
		{"reads again", "(- wanted, + read)", func(s InputSuite, t testing.TB) { s.resume(t, content) }},
		{"skips", "(- wanted, + read)", func(s InputSuite, t testing.TB) { s.resume(t, content) }},
		{"no shared", "lacks what Env.Shared gives", func(s InputSuite, t testing.TB) { s.pressure(t, content) }},
		{"no records", "is not whole", func(s InputSuite, t testing.TB) { s.pressure(t, content) }},
		{"all at once", "a batch holds", func(s InputSuite, t testing.TB) { s.pressure(t, content) }},
		{"ends when gone", "a source that vanished gave", func(s InputSuite, t testing.TB) { s.vanishes(t) }},
		{"fails idle", "a read of nothing gave", func(s InputSuite, t testing.TB) { s.waits(t) }},
		{"swallows the stop", "a stopped read returned", func(s InputSuite, t testing.TB) { s.stops(t) }},
		{"upper case", "differs (- golden, + now)", func(s InputSuite, t testing.TB) {
			s.golden(t, "testdata/input/lines.in", content)
		}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			if os.Getenv("UPDATE_GOLDEN") != "" {
				t.Skip("NOT RUN: goldens are being written")
			}
			finds(t, c.fault, c.want, func(t testing.TB) { c.check(fakeInputs(c.fault), t) })
		})
	}
}

func fakeTransforms(fault string) TransformSuite {
	return TransformSuite{
		Plugin: plugin.NewTransform("fake", "Is a fake.", func() fakeSettings { return fakeSettings{Mode: "good"} },
			func(c *fakeSettings, _ plugin.Env) (plugin.Transform, error) {
				switch {
				case c.Mode != "refused":
				case fault == "typed nil":
					return fakeTransform(fault), errRefused
				case fault != "takes all":
					return nil, errRefused
				}
				return fakeTransform(fault), nil
			}),
		Golden:  "testdata/transform",
		Refused: noMode,
		Decode:  "fake",
	}
}

func TestTransformSuite(t *testing.T) { Transform(t, fakeTransforms("")) }

func TestTransformSuiteFinds(t *testing.T) {
	good := fakeTransforms("")
	in := good.events(t, "testdata/transform/pairs.in")
	tr := good.build(t)
	whole := good.pass(t, tr.Lane("x"), in, len(in))
	for _, c := range []struct {
		fault, want string
		check       func(TransformSuite, testing.TB)
	}{
		{"loses", "are out or held", func(s TransformSuite, t testing.TB) { s.batches(t, in, whole) }},
		{"hides", "are out or held", func(s TransformSuite, t testing.TB) { s.batches(t, in, whole) }},
		{"ends batches", "(- in one, + now)", func(s TransformSuite, t testing.TB) { s.batches(t, in, whole) }},
		{"holds decoded", "is not as it was read", func(s TransformSuite, t testing.TB) { s.batches(t, in, whole) }},
		{"hides", "(- without a stop, + now)", func(s TransformSuite, t testing.TB) { s.restart(t, in, whole) }},
		{"keeps", "are held after a flush", func(s TransformSuite, t testing.TB) { s.restart(t, in, whole) }},
	} {
		finds(t, c.fault, c.want, func(t testing.TB) { c.check(fakeTransforms(c.fault), t) })
	}
}

func fakeOutputs(fault string) OutputSuite {
	made := func(out *fakeOutput) plugin.Plugin {
		return plugin.NewOutput("fake", "Is a fake.", func() fakeSettings { return fakeSettings{Mode: "good"} },
			func(c *fakeSettings, _ plugin.Env) (plugin.Output, error) {
				switch {
				case c.Mode != "refused":
				case out.fault == "typed nil":
					return (*fakeOutput)(nil), errRefused
				case out.fault != "takes all":
					return nil, errRefused
				}
				out.mode = c.Mode
				return out, nil
			})
	}
	out := &fakeOutput{fault: fault}
	return OutputSuite{
		Plugin: made(out),
		Destination: func(testing.TB) (any, func() []string) {
			out.got = nil
			return &fakeSettings{Mode: "good"}, func() []string { return out.got }
		},
		Refused: noMode,
		Broken:  func(testing.TB) any { return &fakeSettings{Mode: "broken"} },
		Stuck:   func(testing.TB) any { return &fakeSettings{Mode: "stuck"} },
	}
}

func TestOutputSuite(t *testing.T) { Output(t, fakeOutputs("")) }

func TestOutputSuiteFinds(t *testing.T) {
	for _, c := range []struct {
		fault, want string
		check       func(OutputSuite, testing.TB)
	}{
		{"turns", "lacks", func(s OutputSuite, t testing.TB) { s.order(t) }},
		{"doubles", "received", func(s OutputSuite, t testing.TB) { s.order(t) }},
		{"changes", "the events were changed", func(s OutputSuite, t testing.TB) { s.order(t) }},
		{"keeps texts", "lacks", func(s OutputSuite, t testing.TB) { s.order(t) }},
		{"late error", "the error reads events that were given back", func(s OutputSuite, t testing.TB) { s.broken(t) }},
		{"no kind", "has no kind", func(s OutputSuite, t testing.TB) { s.broken(t) }},
		{"wrong index", "a failure is wrong", func(s OutputSuite, t testing.TB) { s.broken(t) }},
		{"no order", "in no order", func(s OutputSuite, t testing.TB) { s.broken(t) }},
		{"blind probe", "found nothing", func(s OutputSuite, t testing.TB) { s.broken(t) }},
	} {
		finds(t, c.fault, c.want, func(t testing.TB) { c.check(fakeOutputs(c.fault), t) })
	}
}

func TestRefusalFinds(t *testing.T) {
	for _, c := range []struct{ fault, want string }{
		{"typed nil", `with the error "refused" came a`},
		{"takes all", "to be refused were taken"},
	} {
		in, tr, out := fakeInputs(c.fault), fakeTransforms(c.fault), fakeOutputs(c.fault)
		finds(t, c.fault+" of an input", c.want, func(t testing.TB) { refused(t, in.Refused, in.Plugin.Input) })
		finds(t, c.fault+" of a transform", c.want, func(t testing.TB) { refused(t, tr.Refused, tr.Plugin.Transform) })
		finds(t, c.fault+" of an output", c.want, func(t testing.TB) { refused(t, out.Refused, out.Plugin.Output) })
	}
}

func TestDocumentedFinds(t *testing.T) {
	type bad struct {
		NoDoc string            `yaml:"no_doc"`
		Upper string            `yaml:"Upper" doc:"Is upper."`
		Twice string            `yaml:"upper" doc:"Is it."`
		Again string            `yaml:"upper" doc:"Is it again."`
		Word  string            `yaml:"word" doc:"Is a word." enum:"a,b"`
		Chan  chan int          `yaml:"chan" doc:"Is a channel."`
		Deep  *struct{ In int } `yaml:"deep" doc:"Is deep."`
	}
	p := plugin.NewInput("Bad", "no sentence", func() bad { return bad{Word: "c"} }, func(*bad, plugin.Env) (plugin.Input, error) {
		return nil, io.EOF
	})
	p.Kind = plugin.KindOutput
	for _, want := range []string{"Bad.no_doc has no sentence", "Bad.Upper (Upper): no key", "Bad.upper (Again): no key",
		`Bad.word is "c" by default`, "Bad.chan is a chan int", "Bad.deep. (In)", "not written in small letters", "is no sentence",
		"builds [input]"} {
		finds(t, want, want, func(t testing.TB) { Documented(t, p) })
	}
	one := new(fakeSettings)
	p.Settings = func() any { return one }
	finds(t, "one for all", "are not made afresh", func(t testing.TB) { Documented(t, p) })
}

func TestEventsAreToldApart(t *testing.T) {
	a := Events(0, 3)
	if len(a) != 3 || a[0].ID == a[1].ID || total(a) != 3 {
		t.Errorf("made %q", dump(a))
	}
	e := event.Event{Raw: "a\nb", Records: 2, Offset: 7}
	if got, want := Dump(&e), `records=2 offset=7 raw="a\nb"`; got != want {
		t.Errorf("dumped %s, want %s", got, want)
	}
}
