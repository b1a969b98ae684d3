package fields

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func settings(testing.TB) any {
	s := Default()
	s.Pattern.Value = `user=(?P<login>\S+) from (?P<peer>\S+)`
	s.Map = map[string]string{"login": "user.name", "peer": "source.ip", "code": "http.response.status_code", "tag": "tags", "what": "event.action"}
	return &s
}

// TestConformance: the transform passes the suite.
func TestConformance(t *testing.T) {
	plugintest.Transform(t, plugintest.TransformSuite{
		Plugin: Plugin, Golden: "testdata", Settings: settings,
		Refused: func(testing.TB) any { s := Default(); return &s },
		Event: func(_ testing.TB, line string, n int) event.Event {
			e := event.Event{Dataset: "generic.json", Records: 1, Offset: int64(n), Seen: plugintest.Env("").Now()}
			for pair := range strings.SplitSeq(line, ";") {
				name, value, _ := strings.Cut(pair, ":")
				if name == "message" {
					e.Fields.AddString(schema.Message, value)
				} else {
					e.Fields.AddNamed(schema.Labels, name, event.String(value))
				}
			}
			return e
		},
	})
}

// TestRefused: what cannot be is refused in words that say what to do.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		pattern string
		to      map[string]string
		want    string
	}{
		{"", map[string]string{"a": "user.nam"}, `did you mean "user.name"?`},
		{"", map[string]string{"a": "tallyman.container.host"}, "set by tallyman alone"},
		{"", map[string]string{"a": "event.id"}, "set by tallyman alone"},
		{"", map[string]string{"a": "labels"}, "holds named values"},
		{"(", nil, "cannot be read"},
		{"a(b)", nil, "names no group"},
		{"", nil, "neither map nor pattern"},
	} {
		s := Default()
		s.Pattern.Value, s.Map = c.pattern, c.to
		tr, err := New(&s, plugintest.Env(""))
		if err == nil || tr != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestOtherInputsPass: what is not of the inputs that are named stays as it is.
func TestOtherInputsPass(t *testing.T) {
	s := settings(t).(*Settings)
	s.Inputs = []string{"app"}
	tr, err := New(s, plugintest.Env(""))
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]string{"app": "ana", "other": ""} {
		var in, out event.Batch
		e := event.Event{Records: 1}
		e.Fields.AddNamed(schema.Labels, "login", event.String("ana"))
		in.Add(e)
		if err := tr.Lane(input).Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
		if got := out.Events[0].Get(schema.UserName).Str(); got != want {
			t.Errorf("%s: the user is %q, want %q", input, got, want)
		}
	}
}
