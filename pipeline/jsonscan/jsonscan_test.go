package jsonscan

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// build makes of the next value what encoding/json makes of it, with numbers as
// they stand.
func build(s *Scanner) any {
	switch s.Peek() {
	case '{':
		m := map[string]any{}
		s.Object(func(name string) { m[name] = build(s) })
		return m
	case '[':
		list := []any{}
		s.Array(func() { list = append(list, build(s)) })
		return list
	case '"':
		return s.Text()
	case 't', 'f':
		v, _ := s.Bool()
		return v
	case 'n':
		s.Skip()
		return nil
	}
	return json.Number(s.Raw())
}

// FuzzScan: what is JSON for encoding/json is JSON here and says the same, read
// or skipped; nothing else is.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : 1e5 , "b":[1,2,{"c":null}]} `, `"\ud83d\ude00\ud83d\u0041\"\\\/\b\f\r\t"`, `{"a":"b","a":"c"}`, `[1,]`, `{"a"}`, `{,}`, `[,1]`, `{"a":1,}`,
		`1e308`, `01`, `-0.5E+7`, `-`, `1.`, `tru`, `true x`, `"\u12g4"`, "\"\x01\"", "\"\xff\"", `"\ud83d\u"`, `{"a":1 "b":2}`, `[1 2]`, "", `{"a":[}`, `nul`, `falsee`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "[")+strings.Count(text, "{") > MaxDepth/2 {
			return // encoding/json goes deeper
		}
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		var want any
		sound := json.Valid([]byte(text))
		read, skipped := New(text), New(text)
		got := build(&read)
		skipped.Skip()
		if a, b := read.Done(), skipped.Done(); a != sound || b != sound {
			t.Fatalf("%q: read %v, skipped %v, for encoding/json %v", text, a, b, sound)
		}
		if !sound || !utf8.ValidString(text) {
			return // there, what is no UTF-8 is replaced
		}
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, want %#v", text, got, want)
		}
	})
}

// TestDepthIsBounded: values that are nested without end are refused (I12), in
// every way to walk over them.
func TestDepthIsBounded(t *testing.T) {
	for depth, want := range map[int]bool{MaxDepth: true, MaxDepth + 1: false, 100_000: false} {
		for name, text := range map[string]string{
			"arrays":  strings.Repeat("[", depth) + strings.Repeat("]", depth),
			"objects": strings.Repeat(`{"a":`, depth-1) + "{}" + strings.Repeat("}", depth-1),
		} {
			s := New(text)
			s.Skip()
			if s.Done() != want {
				t.Errorf("%d %s, skipped: %v", depth, name, s.Done())
			}
			s = New(text)
			build(&s)
			if s.Done() != want {
				t.Errorf("%d %s, read: %v", depth, name, s.Done())
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-12": -12, "9223372036854775807": 1<<63 - 1} {
		s := New(text)
		if n, ok := s.Int(); !ok || n != want {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"1e308", "1.5", "9223372036854775808", `"1"`, "null", "true", "{}", "", "-"} {
		s := New(text)
		if n, ok := s.Int(); ok {
			t.Errorf("%q is the number %d", text, n)
		}
	}
}

// TestErrorsEnd: after an error nothing more comes, and no walk goes on.
func TestErrorsEnd(t *testing.T) {
	s := New(`{"a":1,"b":x,"c":2}`)
	var names []string
	s.Object(func(name string) {
		names = append(names, name)
		s.Skip()
	})
	if s.OK() || strings.Join(names, ",") != "a,b" {
		t.Errorf("%v, %v", names, s.OK())
	}
	if at := s.ErrorAt(); at != 11 {
		t.Errorf("the error is at %d, want 11", at)
	}
	if v, ok := s.Str(); ok || v != "" || s.Raw() != "" || s.Peek() != 0 {
		t.Errorf("after an error comes %q", v)
	}
}

// TestAllocations: a walk takes none.
func TestAllocations(t *testing.T) {
	text := `{"a":{"b":[1,2,{"c":"d","e\n":null}]},"f":"text","g":true}`
	n := testing.AllocsPerRun(200, func() {
		s := New(text)
		s.Object(func(string) {
			s.Members(func(string) { s.Items(func() { s.Skip() }) })
		})
		if !s.Done() {
			t.Fatal("no JSON")
		}
	})
	if n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}

// FuzzUnquote: Unquote takes what Quoted takes, and says what Unescape makes of it,
// whatever follows the string and stands in the memory before.
func FuzzUnquote(f *testing.F) {
	for _, s := range []string{
		``, `"`, `\`, `\"`, `a"b`, `0123456789abcdef"`, `\"\\\/\b\f\n\r\t" ,`, `\u0041\u00e4\u20ac"`, `\ud83d\ude00\ud83d\u0041\ud83d"`, `\ud83d\u"`, `\ud83d\u12g4"`, `\u12g4"`, `\x"`, `\u00`,
		"\x01\"", "\xff\xe2\x80\"", "0123456\x1f\"", `01234567\n0\t1234567890\"0123456"`, `\ude00\ud83d"`, "\u2028é\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := New(`"` + text)
		want, escape := s.Quoted()
		if escape >= 0 {
			want = Unescape(want, escape)
		}
		got, took, ok := Unquote([]byte("before"), text)
		if ok != s.OK() || ok && (string(got) != "before"+want || took != s.At()-1) || !ok && string(got) != "before" {
			t.Errorf("%q: %q to %d (%v), want %q to %d (%v)", text, got, took, ok, want, s.At()-1, s.OK())
		}
	})
}
