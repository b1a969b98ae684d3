package hec

import (
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
)

const guid = "FE0ECFAD-13D5-401B-847D-77833BD77131"

// TestEvents: what is posted to the event endpoint becomes records, with what
// stands around them; what an event does not say holds as before.
func TestEvents(t *testing.T) {
	r := start(t, func(s *Settings) { s.Sourcetypes = map[string]string{"falco": "falco"} })
	for _, c := range []struct {
		name, path, body string
		want             []string
	}{
		{"one", "/event", `{"event":"hello","time":1795600000.123,"host":"h1","source":"s","sourcetype":"st","index":"main"}`,
			[]string{`records=1 offset=0 decode="plain" time="2026-11-25T09:46:40.123Z" host.name="h1" labels.splunk_source="s" labels.splunk_sourcetype="st" labels.splunk_index="main" raw="hello"`}},
		{"without a version, two in a row", "", `{"event":"a","host":"h1"}{"event":{"b":1}}`,
			[]string{`records=1 offset=0 decode="plain" host.name="h1" raw="a"`, `records=1 offset=0 decode="plain" host.name="h1" raw="{\"b\":1}"`}},
		{"with a version and lines between", "/event/1.0", "{\"event\":\"a\"}\n\n{\"event\":\"b\",\"sourcetype\":\"falco\"}\n",
			[]string{`records=1 offset=0 decode="plain" raw="a"`, `records=1 offset=0 decode="falco" labels.splunk_sourcetype="falco" raw="b"`}},
		{"an array, times as text and in milliseconds", "/event", `[{"event":"a","time":"1795600000"},{"event":1,"time":1795600000500}]`,
			[]string{`records=1 offset=0 decode="plain" time="2026-11-25T09:46:40Z" raw="a"`, `records=1 offset=0 decode="plain" time="2026-11-25T09:46:40.5Z" raw="1"`}},
		{"fields", "/event", `{"event":"a","fields":{"x":"1","y":["2","3"],"n":4,"z":null}}`,
			[]string{`records=1 offset=0 decode="plain" labels.x="1" labels.y="2" labels.y="3" labels.n="4" raw="a"`}},
		{"raw", "/raw?host=h2&sourcetype=falco&time=1795600000", "one\ntwo\n\n",
			[]string{`records=1 offset=0 decode="falco" time="2026-11-25T09:46:40Z" host.name="h2" labels.splunk_sourcetype="falco" raw="one"`, `records=1 offset=0 decode="falco" time="2026-11-25T09:46:40Z" host.name="h2" labels.splunk_sourcetype="falco" raw="two"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text := post(r.client, r.url+c.path, c.body, nil)
			if status != http.StatusOK || text != `{"text":"Success","code":0}` {
				t.Errorf("%d %s", status, text)
			}
			if got := r.got(); !slices.Equal(got, c.want) {
				t.Errorf("came\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestRefusals: what is wrong is told with Splunk's status and code, and nothing of
// the body comes.
func TestRefusals(t *testing.T) {
	t.Setenv("TALLYMAN_TEST_TOKEN", "s3cret")
	r := start(t, func(s *Settings) {
		s.Token = &plugin.Secret{Env: "TALLYMAN_TEST_TOKEN"}
		s.MaxBody, s.Buffer = 64<<10, 1<<20
	})
	good := "Splunk s3cret"
	for _, c := range []struct {
		name, path, body, token string
		header                  http.Header
		status                  int
		text                    string
	}{
		{"no token", "/event", `{"event":"a"}`, "", nil, 401, `{"text":"Token is required","code":2}`},
		{"no scheme", "/event", `{"event":"a"}`, "s3cret", nil, 401, `{"text":"Invalid authorization","code":3}`},
		{"a wrong token", "/event", `{"event":"a"}`, "Splunk no", nil, 403, `{"text":"Invalid token","code":4}`},
		{"nothing", "/event", ``, good, nil, 400, `{"text":"No data","code":5}`},
		{"no JSON", "/event", `{"event":`, good, nil, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		{"the second is no JSON", "/event", `{"event":"a"}{"event":`, good, nil, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":1}`},
		{"a text", "/event", `hello`, good, nil, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		{"no event", "/event", `{"event":"a"}{"host":"h"}`, good, nil, 400, `{"text":"Event field is required","code":12,"invalid-event-number":1}`},
		{"a blank event", "/event", `{"event":" "}`, good, nil, 400, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`},
		{"a time that is none", "/event", `{"event":"a","time":"noon"}`, good, nil, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		{"raw, nothing", "/raw", "\n", good, nil, 400, `{"text":"No data","code":5}`},
		{"ack without a channel", "/ack", `{"acks":[0]}`, good, nil, 400, `{"text":"Data channel is missing","code":10}`},
		{"a channel that is none", "/event", `{"event":"a"}`, good, http.Header{"X-Splunk-Request-Channel": {"x"}}, 400, `{"text":"Invalid data channel","code":11}`},
		{"too large", "/event", `{"event":"` + strings.Repeat("x", 64<<10) + `"}`, good, nil, 413, `{"text":"Invalid data format","code":6}`},
		{"I12 nested without end", "/event", `{"event":` + strings.Repeat("[", 20_000), good, nil, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`},
		{"I11 no gzip", "/event", `plain`, good, http.Header{"Content-Encoding": {"gzip"}}, 400, `{"text":"Invalid data format","code":6}`},
	} {
		header := http.Header{}
		for k, v := range c.header {
			header[k] = v
		}
		if c.token != "" {
			header.Set("Authorization", c.token)
		}
		if status, text := post(r.client, r.url+c.path, c.body, header); status != c.status || text != c.text {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, text, c.status, c.text)
		}
	}
	if got := r.got(); len(got) > 0 {
		t.Errorf("came %q", got)
	}
	for _, header := range []http.Header{{"Authorization": {good}}, {"Authorization": {"splunk s3cret"}}, {"Authorization": {"Basic eDpzM2NyZXQ="}}} {
		if status, text := post(r.client, r.url+"/event", `{"event":"a"}`, header); status != 200 {
			t.Errorf("%v: %d %s", header, status, text)
		}
	}
	if status, _ := post(r.client, r.url+"/nothing", "", nil); status != http.StatusNotFound {
		t.Errorf("an endpoint that is none: %d", status)
	}
}

// TestHealth: whoever asks for the health, or as the log driver of Docker does, is
// told without a token.
func TestHealth(t *testing.T) {
	t.Setenv("TALLYMAN_TEST_TOKEN", "s3cret")
	r := start(t, func(s *Settings) { s.Token = &plugin.Secret{Env: "TALLYMAN_TEST_TOKEN"} })
	for _, c := range []struct{ method, path string }{{http.MethodGet, "/health"}, {http.MethodGet, "/health/1.0"}, {http.MethodOptions, "/event/1.0"}} {
		q, err := http.NewRequest(c.method, r.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, text := do(r.client, q, nil); status != 200 || text != `{"text":"HEC is healthy","code":17}` {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
	}
}

// TestAcks: a number is said to be true once, on its own channel alone, and only
// of what is on stable storage.
func TestAcks(t *testing.T) {
	r := start(t, nil)
	channel := http.Header{"X-Splunk-Request-Channel": {guid}}
	for i := range 2 {
		if status, text := post(r.client, r.url+"/event", `{"event":"a"}`, channel); status != 200 || text != fmt.Sprintf(`{"text":"Success","code":0,"ackId":%d}`, i) {
			t.Fatalf("%d %s", status, text)
		}
	}
	r.refuses(errors.New("the journal is full"))
	if status, text := post(r.client, r.url+"/event", `{"event":"a"}`, channel); status != 503 || text != `{"text":"Server is busy","code":9}` {
		t.Errorf("%d %s", status, text)
	}
	r.refuses(nil)
	other := http.Header{"X-Splunk-Request-Channel": {strings.ReplaceAll(guid, "F", "A")}}
	for _, c := range []struct {
		header     http.Header
		body, want string
		status     int
	}{
		{other, `{"acks":[0]}`, `{"acks":{"0":false}}`, 200},
		{channel, `{"acks":[0,1,2]}`, `{"acks":{"0":true,"1":true,"2":false}}`, 200},
		{channel, `{"acks":[0]}`, `{"acks":{"0":false}}`, 200},
		{channel, `{"acks":["x"]}`, `{"text":"Invalid data format","code":6}`, 400},
		{channel, `{}`, `{"acks":{}}`, 200},
	} {
		if status, text := post(r.client, r.url+"/ack", c.body, c.header); status != c.status || text != c.want {
			t.Errorf("%s: %d %s, want %s", c.body, status, text, c.want)
		}
	}
	if status, text := post(r.client, r.url+"/raw?channel="+guid, "a", nil); status != 200 || text != `{"text":"Success","code":0,"ackId":2}` {
		t.Errorf("raw: %d %s", status, text)
	}
}

// TestAcksAreBounded: numbers that nobody asks for, and channels that nobody uses,
// do not stay.
func TestAcksAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	a := &acks{now: func() time.Time { return now }, most: 3, channels: 2, idle: time.Minute, all: map[string]*channel{}}
	for range 10 {
		a.give("a")
	}
	if n := len(a.all["a"].open); n != 3 {
		t.Errorf("%d numbers are open", n)
	}
	if got := a.ask("a", []uint64{0, 6, 7, 8, 9}); !slices.Equal(got, []bool{false, false, true, true, true}) {
		t.Errorf("said is %v", got)
	}
	if _, ok := a.give("b"); !ok {
		t.Error("the second channel is refused")
	}
	if a.room("c") {
		t.Error("a third channel is taken")
	}
	if now = now.Add(time.Hour); !a.room("c") || len(a.all) != 1 {
		t.Errorf("idle channels stay: %d", len(a.all))
	}
}

// TestGzip: a packed body is unpacked, within max_body.
func TestGzip(t *testing.T) {
	r := start(t, func(s *Settings) { s.MaxBody, s.Buffer = 64<<10, 1<<20 })
	packed := func(text string) string {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return b.String()
	}
	header := http.Header{"Content-Encoding": {"gzip"}}
	if status, text := post(r.client, r.url+"/event", packed(`{"event":"a"}`), header); status != 200 || len(r.got()) != 1 {
		t.Errorf("%d %s", status, text)
	}
	if status, text := post(r.client, r.url+"/event", packed(`{"event":"`+strings.Repeat("0", 8<<20)+`"}`), header); status != 413 || len(r.got()) != 0 { // I11: a bomb
		t.Errorf("a bomb: %d %s", status, text)
	}
}

// FuzzEvents: whatever the body, nothing panics, and what comes is bounded by it.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{`{"event":"a","time":1.5}{"event":{}}`, `[{"event":1}]`, `{"event":null}`, `{"fields":{"a":["b"]},"event":"x"}`, `[`, `{"time":"-1","event":"a"}`, `{"time":99999999999999999999,"event":"a"}`} {
		f.Add(s)
	}
	s := defaults()
	h := &handler{s: &s}
	f.Fuzz(func(t *testing.T, body string) {
		groups, err := h.events(body)
		if err != nil && groups != nil {
			t.Errorf("%q: events beside %v", body, err)
		}
		sum := 0
		for _, g := range groups {
			for _, text := range g.Texts {
				sum += len(text)
				if text == "" || g.Time.Year() > 2261 {
					t.Errorf("%q: %q at %v", body, text, g.Time)
				}
			}
		}
		if sum > len(body)*3 {
			t.Errorf("%q became %d bytes", body, sum)
		}
	})
}
