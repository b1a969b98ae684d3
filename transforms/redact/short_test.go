package redact

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestShortNamesInEveryForm: programs and names of three bytes and less are no
// literals, so each text must have another sign of them. The secret is made of nothing
// that would be one.
func TestShortNamesInEveryForm(t *testing.T) {
	tr := build(t, func(s *Settings) { s.Programs = []Program{{Names: []string{"7z"}, Attached: []string{"-p"}}} })
	const secret = "Zq9Vb7XyWm"
	for _, args := range []string{
		"az|login|-u|ana|-p|SECRET", "oc|login|-pSECRET", "sudo|/usr/bin/7z|a|-pSECRET|x", "sudo|az|login|-p|SECRET", "prog|--db-pwd|SECRET", "7z|a|-pSECRET|x.7z|y", "7z|-pSECRET|x|a.7z", "rar|a|-hpSECRET|x",
		"prog|pwd=SECRET", "prog|--psk|SECRET", "prog|--psk=SECRET", "env|APP_PWD=SECRET|prog", "prog|{\"pwd\": \"SECRET\"}", "prog|Server=db;PWD=SECRET;x=y",
	} {
		words := strings.Split(strings.ReplaceAll(args, "SECRET", secret), "|")
		line := strings.Join(words, " ")
		e := exec(words...)
		e.Fields.AddString(schema.ProcessCommandLine, line)
		e.Fields.AddString(schema.ProcessTitle, line)
		e.Fields.AddString(schema.Message, "ana ran "+line)
		var execve strings.Builder
		for i, w := range words {
			execve.WriteString(" a" + string(rune('0'+i)) + "=" + upper(w))
		}
		e.Raw = "type=EXECVE msg=audit(1.000:7): argc=" + string(rune('0'+len(words))) + execve.String() +
			"\ntype=PROCTITLE msg=audit(1.000:7): proctitle=" + upper(strings.Join(words, "\x00")) +
			"\ntype=USER_CMD msg=audit(1.000:7): pid=1 msg='cmd=" + upper(line) + " terminal=? res=success'"
		got := one(t, tr, e)
		for _, f := range got.Fields {
			if f.Kind() == event.KindString && strings.Contains(f.Str(), secret) {
				t.Errorf("%s: %s is %q", args, f.Key.Info().Name, f.Str())
			}
		}
		for _, l := range strings.Split(got.Raw, "\n") {
			if strings.Contains(l, upper(secret)) || strings.Contains(l, secret) {
				t.Errorf("%s: %s", args, l)
			}
		}
	}
}

// TestShortPrograms: a program of one or two letters that the settings name is told by what
// stands around it.
func TestShortPrograms(t *testing.T) {
	tr := build(t, func(s *Settings) {
		s.Programs = []Program{{Names: []string{"q", "xy"}, Attached: []string{"-p"}, Next: []string{"-w"}}}
	})
	for in, want := range map[string]string{
		"q -pSECRET x": "q -p§ x", "ana ran q -pSECRET": "ana ran q -p§", "/usr/bin/xy -w SECRET": "/usr/bin/xy -w §", "cd /x;xy -w SECRET": "cd /x;xy -w §",
		"sh -c 'xy -pSECRET'": "sh -c 'xy -p§'", "xy -pSECRET": "xy -p§", "axy -pSECRET": "axy -pSECRET", "xyz -w SECRET": "xyz -w SECRET", "qq -pSECRET": "qq -pSECRET",
	} {
		e := event.Event{Records: 1}
		e.Fields.AddString(schema.Message, unveil(in))
		if got := swap(one(t, tr, e).Fields.Get(schema.Message).Str()); got != strings.ReplaceAll(want, "SECRET", plainSecret) {
			t.Errorf("%s became %s", in, got)
		}
	}
}

// TestPrograms: what the table of programs promises to those who read it.
func TestPrograms(t *testing.T) {
	p := builtin()
	for name, one := range p.byName {
		if len(one.places) > maxPlaces {
			t.Errorf("%s has %d places", name, len(one.places))
		}
		for _, x := range one.places {
			for _, w := range x.behind {
				if w != strings.ToLower(w) {
					t.Errorf("%s: %s is not in lower case", name, w)
				}
			}
		}
	}
}
