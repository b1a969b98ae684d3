package hec

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// long is a body of 15,000 events, longer than what is held at once, whose event at is
// replaced by another.
func long(at int, other string) string {
	const n = 15_000
	var b strings.Builder
	for i := range n {
		if i == at {
			b.WriteString(other)
			continue
		}
		fmt.Fprintf(&b, `{"event":"event %d %s"}`, i, strings.Repeat("x", 100))
		if i%3 == 0 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// TestLongBodies: of a long body all events come, and one that is wrong is named:
// what stands before it was accepted, and nothing that stands behind it.
func TestLongBodies(t *testing.T) {
	const n = 15_000
	r := start(t, nil)
	for _, c := range []struct {
		name, path, body string
		came, status     int
		text             string
	}{
		{"sound", "/event", long(-1, ""), n, 200, `{"text":"Success","code":0}`},
		{"no event", "/event", long(n-10, `{"host":"h"}`), n - 10, 400, fmt.Sprintf(`{"text":"Event field is required","code":12,"invalid-event-number":%d}`, n-10)},
		{"blank", "/event", long(n-10, `{"event":""}`), n - 10, 400, fmt.Sprintf(`{"text":"Event field cannot be blank","code":13,"invalid-event-number":%d}`, n-10)},
		{"a time that is none", "/event", long(n-10, `{"event":"a","time":"noon"}`), n - 10, 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, n-10)},
		{"no JSON", "/event", long(n-10, `{"event":}`), n - 10, 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, n-10)},
		{"text between", "/event", long(n-10, `hello`), n - 10, 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, n-10)},
		{"a bracket that closes nothing", "/event", long(n-10, `}`), n - 10, 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, n-10)},
		{"I12 nested", "/event", long(n-10, `{"event":`+strings.Repeat("[", 20_000)), n - 10, 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, n-10)},
		{"cut off", "/event", long(-1, "") + `{"event":"a`, n, 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, n)},
		{"an array, held whole", "/event", "[" + strings.NewReplacer("}\n{", "},{", "}{", "},{").Replace(long(-1, "")) + "]", n, 200, `{"text":"Success","code":0}`},
		{"raw", "/raw", strings.ReplaceAll(long(-1, ""), "}{", "}\n{"), n, 200, `{"text":"Success","code":0}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, text := post(r.client, r.url+c.path, c.body, nil)
			came := r.got()
			if status != c.status || text != c.text || len(came) != c.came {
				t.Errorf("%d %s, %d came, want %d %s, %d", status, text, len(came), c.status, c.text, c.came)
			}
		})
	}
}

// TestWhatHoldsGoesOn: what an event does not say holds as before, also across
// what is held at once.
func TestWhatHoldsGoesOn(t *testing.T) {
	r := start(t, nil)
	status, text := post(r.client, r.url+"/event", `{"event":"first","host":"h1","sourcetype":"st"}`+long(-1, ""), nil)
	came := r.got()
	if status != http.StatusOK || len(came) != 15_001 {
		t.Fatalf("%d %s, %d came", status, text, len(came))
	}
	if i := slices.IndexFunc(came, func(s string) bool {
		return !strings.Contains(s, `host.name="h1"`) || !strings.Contains(s, `labels.splunk_sourcetype="st"`)
	}); i >= 0 {
		t.Errorf("event %d: %s", i, came[i])
	}
}

// TestBusyAmidABody: a sender is told with which event to go on, and gets no number
// for the rest.
func TestBusyAmidABody(t *testing.T) {
	r := start(t, nil)
	r.refuses(errors.New("the journal is full"))
	status, text := post(r.client, r.url+"/event", long(-1, ""), http.Header{"X-Splunk-Request-Channel": {guid}})
	if status != 503 || text != `{"text":"Server is busy","code":9}` {
		t.Errorf("%d %s", status, text)
	}
	h := &handler{}
	if a := h.Answer(new(http.Request), 8192, errors.New("the journal is full")); a.Text != `{"text":"Server is busy","code":9,"invalid-event-number":8192}` {
		t.Errorf("amid a body: %s", a.Text)
	}
}
