package cri

import (
	"regexp"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
)

// form is the grammar, written once more.
var form = regexp.MustCompile(`(?s)^([^ ]*) (stdout|stderr) ([FP])((?::[^ ]*)?)(?: (.*))?$`)

// FuzzParse: a line is read as the grammar says.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"2016-10-06T00:17:09.669794202Z stdout F text of it", "2016-10-06T00:17:09Z stderr P ", "2016-10-06T00:17:09Z stderr P",
		"t stdout F:a:b x", "t stdout FP x", "t stdlog F x", " stdout F", "", "t stdout F  two blanks", "t stdout F\ttab", "t stdout F \n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := parse(line)
		m := form.FindStringSubmatch(line)
		if ok != (m != nil) {
			t.Fatalf("%q: read %v, by the grammar %v", line, ok, m != nil)
		}
		if !ok {
			return
		}
		more := m[4]
		if more != "" {
			more = more[1:]
		}
		if want := (record{time: m[1], stream: m[2], last: m[3] == "F", more: more, text: m[5]}); r != want {
			t.Errorf("%q: %+v, want %+v", line, r, want)
		}
	})
}

const line = "2022-01-28T16:04:05.413656027Z stdout F 172.18.0.1 - - [28/Jan/2022:16:04:05 +0000] \"GET / HTTP/1.1\" 200 13 \"-\" \"curl/7.68.0\""

// BenchmarkDecode is one line of a container.
func BenchmarkDecode(b *testing.B) {
	env := plugintest.Env("")
	d := build(env)
	e := event.Event{Decode: "cri", Raw: line, Records: 1, Seen: env.Now(), Shared: env.Shared}
	var out event.Batch
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for i := 0; b.Loop(); i++ {
		if i%1024 == 0 {
			out.Reset()
		}
		if err := d.Decode(e, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations: a line takes none.
func TestAllocations(t *testing.T) {
	env := plugintest.Env("")
	d := build(env)
	e := event.Event{Decode: "cri", Raw: line, Records: 1, Seen: env.Now(), Shared: env.Shared}
	var out event.Batch
	if n := testing.AllocsPerRun(500, func() {
		out.Reset()
		if err := d.Decode(e, &out); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
}

// TestT19LastPieceNeverComes: a line whose writer is gone comes out after a
// while, marked (containerd#4813).
func TestT19LastPieceNeverComes(t *testing.T) {
	env := plugintest.Env("")
	now := env.Now()
	env.Now = func() time.Time { return now }
	d, ok := build(env).(*decoder)
	if !ok {
		t.Fatal("another decoder")
	}
	var out event.Batch
	e := event.Event{Decode: "cri", Raw: "2016-10-06T00:17:09Z stdout P its last word", Records: 1, Seen: now, Shared: env.Shared}
	if err := d.Decode(e, &out); err != nil {
		t.Fatal(err)
	}
	if d.Idle(&out); len(out.Events) != 0 {
		t.Fatalf("it did not wait: %s", plugintest.Dump(&out.Events[0]))
	}
	now = now.Add(10 * time.Second)
	if d.Idle(&out); len(out.Events) != 1 || len(d.Held(nil)) != 0 {
		t.Fatalf("%d events, %d held", len(out.Events), len(d.Held(nil)))
	}
	want := `records=1 offset=0 dataset="kubernetes.container_logs" id="` + out.Events[0].ID.String() + `" time="2016-10-06T00:17:09Z" event.kind="event" ` +
		`event.module="kubernetes" message="its last word" labels.stream="stdout" tags="tallyman_partial" error.message="its end never came"`
	if got := plugintest.Dump(&out.Events[0]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
