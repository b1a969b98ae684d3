package config

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

func TestReferenceGolden(t *testing.T) {
	var b bytes.Buffer
	if err := Reference(&b, fakes()); err != nil {
		t.Fatal(err)
	}
	golden(t, "reference.md", b.Bytes())
}

func TestSchemaGolden(t *testing.T) {
	var b bytes.Buffer
	if err := Schema(&b, fakes()); err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", b.Bytes())
}

// one returns a list with one transform whose settings are a C.
func one[C any](c C) []plugin.Plugin {
	return []plugin.Plugin{plugin.NewTransform("t", "A transform.", func() C { return c }, func(*C, plugin.Env) (plugin.Transform, error) { return nil, errFake })}
}

// A plugin that nobody can read about fails the making of the reference.
func TestUndescribedPlugins(t *testing.T) {
	type key struct {
		A string `yaml:"a" doc:"A."`
	}
	output := func(text string) []plugin.Plugin {
		return []plugin.Plugin{plugin.NewOutput("o", text, func() key { return key{} }, func(*key, plugin.Env) (plugin.Output, error) { return nil, errFake })}
	}
	cases := []struct {
		name string
		p    []plugin.Plugin
		want string
	}{
		{"all is well", one(key{}), ""},
		{"no doc", one(struct {
			A string `yaml:"a"`
		}{}), "config: transform t: a has no doc"},
		{"no doc inside", one(struct {
			A []struct{ B string } `yaml:"a" doc:"A."`
		}{}), "config: transform t: a.b has no doc"},
		{"a type that no file can give", one(struct {
			A func() `yaml:"a" doc:"A."`
		}{}), "config: transform t: a has the type func(), which no file can give"},
		{"a list of what no file can give", one(struct {
			A []any `yaml:"a" doc:"A."`
		}{}), "config: transform t: a has the type []interface {}, which no file can give"},
		{"a default that it may not be", one(struct {
			A string `yaml:"a" doc:"A." enum:"x,y"`
		}{"z"}), `config: transform t: a has the default "z", which it may not be`},
		{"a key that is taken", one(struct {
			A string `yaml:"type" doc:"A."`
		}{}), `config: transform t: the key "type" is taken`},
		{"a key twice", one(struct {
			A string `yaml:"a" doc:"A."`
			B string `yaml:"a" doc:"B."`
		}{}), `config: transform t: the key "a" is taken`},
		{"no text", output(""), "config: output o: it has no text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for name, write := range map[string]func(io.Writer, []plugin.Plugin) error{"reference": Reference, "schema": Schema} {
				var b bytes.Buffer
				err := write(&b, c.p)
				got := ""
				if err != nil {
					got = strings.TrimSpace(err.Error())
				}
				if got != c.want || (err == nil) != (b.Len() > 0) {
					t.Errorf("%s: %q and %d bytes, want %q", name, got, b.Len(), c.want)
				}
			}
		})
	}
}

// A struct that holds itself must not describe itself for ever.
func TestNestedWithoutEnd(t *testing.T) {
	type tree struct {
		Leaf string `yaml:"leaf" doc:"A leaf."`
		More *tree  `yaml:"more" doc:"A tree."`
	}
	for name, write := range map[string]func(io.Writer, []plugin.Plugin) error{"reference": Reference, "schema": Schema} {
		var b bytes.Buffer
		if err := write(&b, one(tree{})); err != nil || !strings.Contains(b.String(), "A leaf.") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type noWriter struct{}

func (noWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestReferenceThatCannotBeWritten(t *testing.T) {
	if err := Reference(noWriter{}, nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("reference: %v", err)
	}
	if err := Schema(noWriter{}, nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("schema: %v", err)
	}
}

// What the reference shows as an example is a file that loads.
func TestExamplesLoad(t *testing.T) {
	sections := map[plugin.Kind]string{plugin.KindInput: "inputs: {d: {type: docker}}\n", plugin.KindTransform: "transforms: [{type: audit}]\n",
		plugin.KindOutput: "outputs: {o: {type: hec, url: 'https://h'}}\n"}
	for _, p := range fakes() {
		text := "journal: {dir: /j}\n" + example(p)
		for kind, section := range sections {
			if kind != p.Kind {
				text += section
			}
		}
		_, problems := Load(write(t, text), Options{Plugins: fakes(), LookupEnv: environment(nil)})
		if problems.Bad() {
			t.Errorf("%s %s: %v in\n%s", p.Kind, p.Type, problems, text)
		}
	}
}

func TestExampleValues(t *testing.T) {
	type settings struct {
		Text     string        `yaml:"text" doc:"." required:"true" example:"/var/log/x"`
		Yes      string        `yaml:"yes" doc:"." required:"true" example:"true"`
		Colon    plugin.Text   `yaml:"colon" doc:"." required:"true" example:"a: b"`
		Template string        `yaml:"template" doc:"." required:"true" example:"{{ event.dataset }}/x"`
		Expr     plugin.Text   `yaml:"expr" doc:"." required:"true" example:"event.severity >= 6 # not a comment"`
		On       bool          `yaml:"on" doc:"." required:"true" example:"true"`
		List     []string      `yaml:"list" doc:"." required:"true" example:"[a, b]"`
		One      []string      `yaml:"one" doc:"." required:"true" example:"rules/*.yaml"`
		Secret   plugin.Secret `yaml:"secret" doc:"." required:"true"`
	}
	want := `transforms:
  - type: t
    text: /var/log/x
    yes: "true"
    colon: "a: b"
    template: "{{ event.dataset }}/x"
    expr: "event.severity >= 6 # not a comment"
    on: true
    list: [a, b]
    one: ["rules/*.yaml"]
    secret: {file: /run/secrets/secret}
`
	if got := example(one(settings{})[0]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestInCell(t *testing.T) {
	for s, want := range map[string]string{
		"plain":                      "plain",
		"a | b":                      `a \| b`,
		"two\n\tlines":               "two lines",
		"`a_b<c>` and a_b <c> [d]":   "`a_b<c>` and a\\_b &lt;c> \\[d]",
		"`a|b`":                      "`a\\|b`",
		"stars * and an `open quote": "stars \\* and an `open quote",
	} {
		if got := inCell(s); got != want {
			t.Errorf("inCell(%q) = %q, want %q", s, got, want)
		}
	}
	if got := code("a`b|c"); got != "`` a`b\\|c ``" {
		t.Errorf("code: %q", got)
	}
}
