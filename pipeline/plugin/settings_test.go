package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	s := Secret{File: "/run/secrets/hec-token", Env: "HEC_TOKEN"}
	settings := struct{ Token Secret }{s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(context.Background(), "settings", "token", s)
	for form, text := range map[string]string{
		"%v": fmt.Sprintf("%v", s), "%+v": fmt.Sprintf("%+v", settings), "%#v": fmt.Sprintf("%#v", settings),
		"%s": fmt.Sprintf("<%s>", s), "pointer": fmt.Sprintf("%v", &s), "Sprint": fmt.Sprint(settings), "slog": log.String(),
	} {
		if strings.Contains(text, "hec-token") || strings.Contains(text, "HEC_TOKEN") || !strings.Contains(text, "[redacted]") {
			t.Errorf("%s prints %s", form, text)
		}
	}
}

func TestSecretRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret \r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TALLYMAN_TEST_SECRET", "from-env\n")
	t.Setenv("TALLYMAN_TEST_EMPTY", "")
	for _, c := range []struct {
		name string
		ref  Secret
		want string
		bad  bool
	}{
		{"a file, without its line end", Secret{File: file}, "s3cret ", false},
		{"a variable, as it is", Secret{Env: "TALLYMAN_TEST_SECRET"}, "from-env\n", false},
		{"an empty variable is set", Secret{Env: "TALLYMAN_TEST_EMPTY"}, "", false},
		{"the variable before the file", Secret{File: file, Env: "TALLYMAN_TEST_SECRET"}, "from-env\n", false},
		{"no such file", Secret{File: file + "x"}, "", true},
		{"no such variable", Secret{Env: "TALLYMAN_TEST_NOT_SET"}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.ref.Read()
			if got != c.want || errors.Is(err, ErrNoSecret) != c.bad || (err != nil) != c.bad {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
	if err := os.WriteFile(file, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (Secret{File: file}).Read(); got != "another" || err != nil {
		t.Errorf("a changed secret reads %q, %v", got, err)
	}
}

func TestSecretIsZero(t *testing.T) {
	if !(Secret{}).IsZero() || (Secret{Env: "A"}).IsZero() || (Secret{File: "a"}).IsZero() {
		t.Error("a reference is taken for none, or none for one")
	}
}

func TestProblems(t *testing.T) {
	at := Pos{File: "tallyman.yaml", Line: 3, Col: 7}
	p := Problems{
		{Pos: at, Text: `unknown key "formt"`, Hint: `did you mean "format"?`},
		{Pos: Pos{File: "tallyman.yaml"}, Text: "the file is empty", Warn: true},
		{Text: "nowhere"},
	}
	want := "tallyman.yaml:3:7: unknown key \"formt\" (did you mean \"format\"?)\ntallyman.yaml: the file is empty\nnowhere"
	if got := p.Error(); got != want {
		t.Errorf("the text is\n%s\nwant\n%s", got, want)
	}
	for _, c := range []struct {
		name string
		list Problems
		bad  bool
	}{{"none", nil, false}, {"a warning", p[1:2], false}, {"a warning and more", p[1:], true}, {"no warning", p[:1], true}} {
		if c.list.Bad() != c.bad {
			t.Errorf("%s: bad is %v", c.name, !c.bad)
		}
	}
}

func TestTextPrintsItsValue(t *testing.T) {
	if got := fmt.Sprint(Text{Value: "a", Pos: Pos{Line: 1}}); got != "a" {
		t.Errorf("a text prints as %q", got)
	}
}

func TestSettingsAreFresh(t *testing.T) {
	type conf struct{ N int }
	var built *conf
	p := NewInput("fake", "Is a fake.", func() conf { return conf{N: 7} }, func(c *conf, _ Env) (Input, error) {
		built = c
		return nil, nil
	})
	a, b := p.Settings().(*conf), p.Settings().(*conf)
	a.N = 1
	if b.N != 7 || p.Kind != KindInput || p.Input == nil || p.Output != nil || p.Transform != nil {
		t.Errorf("two settings are one (%+v), or the plugin is another: %+v", b, p)
	}
	if _, err := p.Input(a, Env{}); err != nil || built != a {
		t.Errorf("built with %p, want %p; %v", built, a, err)
	}
	out := NewOutput("fake", "Is a fake.", func() conf { return conf{} }, func(*conf, Env) (Output, error) { return nil, nil })
	tr := NewTransform("fake", "Is a fake.", func() conf { return conf{} }, func(*conf, Env) (Transform, error) { return nil, nil })
	if out.Kind != KindOutput || out.Output == nil || tr.Kind != KindTransform || tr.Transform == nil {
		t.Errorf("the kinds are %s and %s", out.Kind, tr.Kind)
	}
}
