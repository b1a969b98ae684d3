package dockerjson

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
)

// FuzzParse: what is an object for encoding/json is one here, and says the same, in
// one pass or member by member.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"log":"a\n","stream":"stdout","time":"2026-11-21T03:27:36Z"}`, `{}`, ` { "log" : 1e5 } `, `{"log":"\ud83d\ude00\ud83d\u0041\"\\\/\b\f\r\t"}`,
		`{"attrs":{"a":"b","c":[1,{"d":null}],"":""},"log":"x"}`, `{"log":"a","log":"b","attrs":1,"stream":[]}`, `{"l\u006fg":"x"}`, `{"log":"a"`, `[1]`,
		"{\"log\":\"\xff\n\"}", `{"a":-0.5E+7,"b":01}`, `{"a":tru}`, `{"log":"\u12g4"}`, `{"log":null}`, "{\"log\":\"\x01\"}", `{"log":"x"} `, `{"log":"\ud83d\u"}`,
		`{"log":"a\\n","stream":"stdout","time":"t"}`, `{"log":"a\u000a","stream":"stderr","time":""}`, `{"log":"\n","stream":"","time":"t"}`, "{\"log\":\"\xff\\n\",\"stream\":\"\xe2\x80\",\"time\":\"\xff\"}",
		`{"log":"a\n\n","stream":"stdout","time":"t"}`, `{"log": "a","stream":"s","time":"a","log":"b"}`, `{"log":"a","stream":"s","time":"a","x":"b"}`, `{"log":"a","stream":"s\u0041","time":"\u0041"}`,
		`{"log":"a\tb\n","stream":"s","time":"t"}`, `{"log":"","stream":"s","time":"t"}`, `{"log":"a","stream":"s","time":"t","}`, `{"log":null,"stream":"s","time":"t"}`, `{"log":"0123456\"","stream":"s","time":"t"}`,
	} {
		f.Add(s)
	}
	var memory texts
	f.Fuzz(func(t *testing.T, line string) {
		var out event.Batch
		r, ok := memory.parse(line, &out)
		if quick, usual := memory.usual(line, &out); usual {
			var slow record
			s := jsonscan.New(line)
			s.Object(func(name string) { memory.member(&slow, &s, name, &out) })
			if !s.Done() || quick != slow {
				t.Fatalf("%q in one pass is %+v, member by member %+v, an object %v", line, quick, slow, s.Done())
			}
		}
		if strings.Count(line, "[")+strings.Count(line, "{") > jsonscan.MaxDepth/2 {
			return // encoding/json goes deeper
		}
		var want map[string]json.RawMessage
		err := json.Unmarshal([]byte(line), &want)
		if isObject := err == nil && want != nil; ok != isObject {
			t.Fatalf("%q: an object %v, for encoding/json %v (%v)", line, ok, isObject, err)
		}
		if !ok || !utf8.ValidString(line) {
			return // there, what is no UTF-8 is replaced
		}
		text := func(name string) (s string, is bool) {
			raw := strings.TrimSpace(string(want[name]))
			is = strings.HasPrefix(raw, `"`)
			if is && json.Unmarshal([]byte(raw), &s) != nil {
				t.Fatalf("%q is no text", raw)
			}
			return s, is
		}
		log := r.log
		if r.last {
			log += "\n"
		}
		if s, is := text("log"); s != log || strings.HasSuffix(s, "\n") != r.last || is != r.hasLog {
			t.Errorf("%q: log is %q (%v), want %q (%v)", line, log, r.hasLog, s, is)
		}
		if s, _ := text("stream"); s != r.stream {
			t.Errorf("%q: stream is %q, want %q", line, r.stream, s)
		}
		if s, _ := text("time"); s != r.time {
			t.Errorf("%q: time is %q, want %q", line, r.time, s)
		}
		attrs := map[string]json.RawMessage{}
		_ = json.Unmarshal(want["attrs"], &attrs)
		n := 0
		got := map[string]string{}
		if r.attrCount > 0 {
			eachAttr(r.attrs, func(name, value string) { n++; got[name] = value })
		}
		if n != r.attrCount {
			t.Errorf("%q: %d attributes are counted, %d come", line, r.attrCount, n)
		}
		for name, raw := range attrs {
			var s string
			if raw[0] == '"' && json.Unmarshal(raw, &s) == nil && got[name] != s && n == len(attrs) {
				t.Errorf("%q: the attribute %q is %q, want %q", line, name, got[name], s)
			}
		}
	})
}

// TestDepthIsBounded: values that are nested without end are refused.
func TestDepthIsBounded(t *testing.T) {
	for depth, want := range map[int]bool{jsonscan.MaxDepth / 2: true, 100_000: false} {
		line := `{"log":"x","a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		if _, ok := new(texts).parse(line, &event.Batch{}); ok != want {
			t.Errorf("%d deep: %v", depth, ok)
		}
	}
}

// TestTextsStay: what an earlier line said is not touched by those that follow it in
// the same memory, whatever their length.
func TestTextsStay(t *testing.T) {
	var memory texts
	var out event.Batch
	var got, want []string
	for i := range 3 * mostText / 100 {
		text := strings.Repeat("\t", i%7) + strings.Repeat("x", i%500) + string(rune('a'+i%26))
		if i%100 == 0 {
			text += strings.Repeat("y", mostText)
		}
		quoted, err := json.Marshal(map[string]string{"log": text})
		if err != nil {
			t.Fatal(err)
		}
		r, ok := memory.parse(string(quoted), &out)
		if !ok {
			t.Fatalf("%s is no object", quoted)
		}
		got, want = append(got, r.log), append(want, text)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("line %d says %.40q, and said %.40q", i, got[i], want[i])
		}
	}
}
