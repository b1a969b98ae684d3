package jsontree

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) Node {
	t.Helper()
	n, ok := new(Doc).Parse(text)
	if !ok {
		t.Fatalf("%s is no JSON", text)
	}
	return n
}

func TestTake(t *testing.T) {
	n := parse(t, `{"a":{"b":"x","c":1.5,"d":"7","e":true,"f":null},"g":[1,{"h":2}],"i":"","a":"again"}`)
	if got := n.Get("a", "b").Str(); got != "x" {
		t.Errorf("a.b is %q", got)
	}
	if f, ok := n.Get("a", "c").Float(); f != 1.5 || !ok {
		t.Errorf("a.c is %v, %v", f, ok)
	}
	if i, ok := n.Get("a", "d").Int(); i != 7 || !ok {
		t.Errorf("a.d is %v, %v", i, ok)
	}
	if b, ok := n.Get("a", "e").Bool(); !b || !ok {
		t.Errorf("a.e is %v, %v", b, ok)
	}
	if n.Get("a", "f").Is() || n.Get("x", "y", "z").Is() || n.Get("x").Text() != "" || n.Get("g", "h").Is() {
		t.Error("what is not there is there")
	}
	if got := n.Any("x", "f", "i").JSON(); got != "" || n.Get("g").Len() != 2 || !n.Get("g").IsArray() {
		t.Error("Any or Len")
	}
	var rest []string
	if !n.Left() {
		t.Error("nothing is left")
	}
	n.Rest(func(path string, n Node) { rest = append(rest, path+"="+n.Text()) })
	if got, want := strings.Join(rest, " "), "g.0=1 g.1.h=2 a=again"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
	if n.Left() {
		t.Error("something is left after Rest")
	}
}

func TestSkipTakesAll(t *testing.T) {
	n := parse(t, `{"a":[{"b":[1,2,{"c":3}]}],"d":{},"e":[],"f":null,"g":""}`)
	if n.Get("a").Skip(); n.Left() {
		t.Error("something is left")
	}
}

// TestBounds: I12, what is nested too deep or has too many values is refused, and
// what one text took is not kept for all that follow.
func TestBounds(t *testing.T) {
	var d Doc
	for name, text := range map[string]string{
		"deep":   strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
		"deeper": strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"many":   "[" + strings.Repeat("1,", MaxNodes) + "1]",
		"not":    `{"a":`, "two": `{} {}`, "empty": "",
	} {
		if n, ok := d.Parse(text); ok || n.Is() {
			t.Errorf("%s: it was built", name)
		}
	}
	if _, ok := d.Parse("[" + strings.Repeat("1,", keptNodes) + "1]"); !ok {
		t.Error("a list of some thousands was refused")
	}
	if _, ok := d.Parse("{}"); !ok || cap(d.nodes) > keptNodes {
		t.Errorf("%d nodes are kept", cap(d.nodes))
	}
}

// FuzzParse: what is built says what encoding/json says, and Rest gives each
// scalar once.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,"b",null,true,{"c":-1e5}]}`, `[]`, `"x"`, `{"a":1,"a":2}`, `{"":{"":""}}`, `nul`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := new(Doc).Parse(text)
		if strings.Count(text, "[")+strings.Count(text, "{") < maxDepth && ok != json.Valid([]byte(text)) {
			t.Fatalf("%q: built %v", text, ok)
		}
		if !ok {
			return
		}
		count := 0
		n.Rest(func(path string, m Node) {
			if count++; m.Left() || len(path) > len(text)*4+64 {
				t.Errorf("%q at %q", text, path)
			}
		})
		if n.Left() {
			t.Errorf("%q: left after Rest", text)
		}
	})
}

// TestAllocations: a second text of the same size takes no memory.
func TestAllocations(t *testing.T) {
	var d Doc
	text := fmt.Sprintf(`{"a":{"b":%q,"c":[1,2,3]},"d":true}`, "text")
	if got := testing.AllocsPerRun(100, func() {
		n, _ := d.Parse(text)
		_ = n.Get("a", "b").Str()
	}); got > 12 {
		t.Errorf("%.0f allocations", got)
	}
}
