package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// send sends until the output takes all that is not refused for good, and returns
// the refusals.
func send(t *testing.T, out plugin.Output, events []event.Event) map[string]error {
	t.Helper()
	refused, _ := sendCounted(t, out, events)
	return refused
}

// sendCounted is send; it also says how often each event was handed over.
func sendCounted(t *testing.T, out plugin.Output, events []event.Event) (refused map[string]error, often map[string]int) {
	t.Helper()
	refused, often = map[string]error{}, map[string]int{}
	for range 50 {
		for i := range events {
			often[events[i].ID.String()]++
		}
		err := out.Send(context.Background(), events)
		if err == nil {
			return refused, often
		}
		var e *plugin.Error
		if !errors.As(err, &e) {
			t.Fatalf("an error without a kind: %v", err)
		}
		switch e.Kind {
		case plugin.KindPermanent:
			t.Fatalf("all is refused: %v", err)
		case plugin.KindPartial:
			var rest []event.Event
			for _, f := range e.Failed {
				if kind, _ := plugin.KindOf(f.Err); kind == plugin.KindPermanent {
					refused[events[f.Index].ID.String()] = f.Err
				} else {
					rest = append(rest, events[f.Index])
				}
			}
			if events = rest; len(rest) == 0 {
				return refused, often
			}
		}
	}
	t.Fatal("it is never taken")
	return nil, nil
}

// once checks that each of n events is there exactly often times.
func once(t *testing.T, stored []string, n, often int) {
	t.Helper()
	for i := range n {
		got, mark := 0, fmt.Sprintf("tally-%06d-mark", i)
		for _, text := range stored {
			if strings.Contains(text, mark) {
				got++
			}
		}
		if got != often {
			t.Errorf("%s is there %d times, not %d", mark, got, often)
		}
	}
}

// TestAwayOrAskedToWait (O1): the receiver is away, busy, slow or broken: the
// error says to try again, and after which pause; nothing is given up.
func TestAwayOrAskedToWait(t *testing.T) {
	for _, c := range []struct {
		name  string
		does  func(w http.ResponseWriter)
		after time.Duration // 0: of kind retry
	}{
		{"busy", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "17"); say(w, 503, "{}") }, 17 * time.Second},
		{"too many", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "3"); say(w, 429, "{}") }, 3 * time.Second},
		{"busy without a pause", func(w http.ResponseWriter) { say(w, 503, "{}") }, 0},
		{"broken", func(w http.ResponseWriter) { say(w, 500, `{"error":"x"}`) }, 0},
		{"slow", func(w http.ResponseWriter) { say(w, 408, "") }, 0},
		{"breaks off", reset, 0},
		{"a balancer without receivers", func(w http.ResponseWriter) { say(w, 502, "<html>Bad Gateway</html>") }, 0},
		{"a proxy that understands nothing", func(w http.ResponseWriter) { say(w, 400, "<html>Bad Request</html>") }, 0},
		{"a wrong path", func(w http.ResponseWriter) { say(w, 404, `{"error":"not found"}`) }, 0},
	} {
		for _, preset := range presets {
			d := newDouble(t, preset, func(d *double) {
				d.trouble = func(n int, w http.ResponseWriter) bool {
					if n < 3 {
						c.does(w)
					}
					return n < 3
				}
			})
			out := open(t, settingsFor(t, preset, d.URL))
			want := plugin.KindRetry
			if c.after > 0 {
				want = plugin.KindAfter
			}
			for i := range 3 {
				if kind, after := plugin.KindOf(out.Send(context.Background(), marks(5))); kind != want || after != c.after {
					t.Fatalf("%s, %s: attempt %d is of kind %d after %v", preset, c.name, i, kind, after)
				}
			}
			if refused := send(t, out, marks(5)); len(refused) > 0 {
				t.Errorf("%s, %s: refused %v", preset, c.name, refused)
			}
			once(t, d.stored(), 5, 1)
		}
	}
}

// TestRefusedCredentials (O2): a secret that is missing, empty or refused loses
// nothing, stands in no error, and the one that is then in the file is used
// without a restart.
func TestRefusedCredentials(t *testing.T) {
	header := map[string]func(*http.Request) string{
		elasticsearch: func(r *http.Request) string { return strings.TrimPrefix(r.Header.Get("Authorization"), "ApiKey ") },
		datadog:       func(r *http.Request) string { return r.Header.Get("DD-API-KEY") },
		loggly:        func(r *http.Request) string { return strings.Split(r.URL.Path, "/")[2] },
	}
	for preset, key := range header {
		d := newDouble(t, preset, nil)
		d.trouble = func(n int, w http.ResponseWriter) bool {
			if got := key(d.seen[n]); got != goodKey {
				say(w, 403, `{"error":"`+got+` is not known"}`)
				return true
			}
			return false
		}
		s := settingsFor(t, preset, d.URL)
		file := filepath.Join(t.TempDir(), "key")
		s.APIKey = plugin.Secret{File: file}
		out := open(t, s)
		for _, c := range []struct{ key, says string }{{"", "secret not found"}, {"\n", "is no secret"}, {"a\x01b", "is no secret"}, {"old-key-1234\n", "does not let us in"}} {
			if c.key != "" {
				if err := os.WriteFile(file, []byte(c.key), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := out.Send(context.Background(), marks(3))
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "old-key") {
				t.Errorf("%s, key %q: %v", preset, c.key, err)
			}
		}
		if err := os.WriteFile(file, []byte(goodKey+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if refused := send(t, out, marks(3)); len(refused) > 0 {
			t.Error(refused)
		}
		once(t, d.stored(), 3, 1)
	}
}

// TestSuccessThatIsNone (O15): an answer of 2xx that is none of the receiver is
// not believed.
func TestSuccessThatIsNone(t *testing.T) {
	page := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Please log in</html>")
	}
	half := func(w http.ResponseWriter) { say(w, 200, `{"took":1,"errors":false,"items":[{"cre`) }
	short := func(w http.ResponseWriter) { w.Header().Set("Content-Length", "900"); say(w, 200, `{}`) }
	everyone := map[string]func(w http.ResponseWriter){"a page": page, "half an answer": half, "less than it said": short,
		"a page without its type": func(w http.ResponseWriter) { _, _ = io.WriteString(w, " <!DOCTYPE html>") },
		"several answers":         func(w http.ResponseWriter) { say(w, 207, `{"items":[{"status":500}]}`) }}
	bulk := map[string]func(w http.ResponseWriter){
		"nothing":     func(w http.ResponseWriter) { w.WriteHeader(200) },
		"an object":   func(w http.ResponseWriter) { say(w, 200, `{}`) },
		"fewer items": func(w http.ResponseWriter) { say(w, 200, `{"errors":false,"items":[{"create":{"status":201}}]}`) },
		"no word": func(w http.ResponseWriter) {
			say(w, 200, `{"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}`)
		},
		"other items": func(w http.ResponseWriter) {
			say(w, 200, `{"errors":false,"items":[{"index":{"status":201}},{},{"create":{}}]}`)
		},
		"two answers": func(w http.ResponseWriter) {
			say(w, 200, `{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}},{"create":{"status":201}}]}{}`)
		},
		"null":            func(w http.ResponseWriter) { say(w, 200, `null`) },
		"a list":          func(w http.ResponseWriter) { say(w, 200, `[]`) },
		"fields of other": func(w http.ResponseWriter) { say(w, 200, `{"errors":"no","items":7}`) },
		"a long number": func(w http.ResponseWriter) {
			say(w, 200, `{"errors":false,"items":[{"create":{"status":`+strings.Repeat("1", 10_000)+`}}]}`)
		},
	}
	others := map[string]map[string]func(w http.ResponseWriter){
		datadog: {"errors": func(w http.ResponseWriter) { say(w, 202, `{"errors":[{"detail":"no"}]}`) }},
		loki:    {"200": func(w http.ResponseWriter) { say(w, 200, `{}`) }},
		loggly:  {"another word": func(w http.ResponseWriter) { say(w, 200, `{"response":"no"}`) }, "nothing": func(w http.ResponseWriter) { w.WriteHeader(200) }},
	}
	for _, preset := range presets {
		cases := map[string]func(w http.ResponseWriter){}
		for _, set := range []map[string]func(w http.ResponseWriter){everyone, others[preset]} {
			for name, does := range set {
				cases[name] = does
			}
		}
		if preset == elasticsearch {
			for name, does := range bulk {
				cases[name] = does
			}
		}
		for name, does := range cases {
			d := newDouble(t, preset, func(d *double) {
				d.trouble = func(n int, w http.ResponseWriter) bool {
					if n < 2 {
						does(w)
					}
					return n < 2
				}
			})
			out := open(t, settingsFor(t, preset, d.URL))
			for range 2 {
				err := out.Send(context.Background(), marks(3))
				if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || len(err.Error()) > 1000 {
					t.Errorf("%s, %s: %v", preset, name, err)
				}
			}
			send(t, out, marks(3))
			once(t, d.stored(), 3, 1)
		}
	}
}

// TestALongAnswerIsBelieved (O15): a receiver that repeats all it got, or says
// something of every event, has it, although its answer is longer than what is read.
func TestALongAnswerIsBelieved(t *testing.T) {
	for _, preset := range []string{array, ndjson, single, datadog} {
		d := newDouble(t, preset, func(d *double) {
			d.after = func(_ int, w http.ResponseWriter) bool {
				say(w, 200, `{"taken":[`+strings.Repeat(`"one more",`, 20_000)+`"the last"]}`)
				return true
			}
		})
		out := open(t, settingsFor(t, preset, d.URL))
		if err := out.Send(context.Background(), marks(3)); err != nil {
			t.Errorf("%s: %v", preset, err)
		}
		once(t, d.stored(), 3, 1)
	}
}

// TestExpect (O15): what expect says must be in an answer.
func TestExpect(t *testing.T) {
	d := newDouble(t, ndjson, func(d *double) {
		d.trouble = func(n int, w http.ResponseWriter) bool {
			if n == 0 {
				say(w, 200, `{"response":"queued elsewhere"}`)
			}
			return n == 0
		}
	})
	s := settingsFor(t, ndjson, d.URL)
	s.Expect = `"ok"`
	out := open(t, s)
	if err := out.Send(context.Background(), marks(2)); err == nil || !strings.Contains(err.Error(), "expect") {
		t.Errorf("%v", err)
	}
	send(t, out, marks(2))
	once(t, d.stored(), 2, 1)
}

// TestStoredAndThenLost (O3): the receiver stores, and its answer is lost. The
// same is sent again; a bulk interface knows the ids and keeps each event once.
func TestStoredAndThenLost(t *testing.T) {
	for _, c := range []struct {
		preset string
		often  int
	}{{elasticsearch, 1}, {opensearch, 1}, {ndjson, 4}, {loki, 4}} {
		d := newDouble(t, c.preset, func(d *double) {
			d.after = func(n int, w http.ResponseWriter) bool {
				switch n {
				case 0:
					reset(w)
				case 1:
					say(w, 502, "<html>Bad Gateway</html>")
				case 2:
					w.Header().Set("Content-Length", "4000")
					say(w, 200, `{"took":1,"errors":false,"items":[`)
				}
				return n < 3
			}
		})
		out := open(t, settingsFor(t, c.preset, d.URL))
		for range 3 {
			if err := out.Send(context.Background(), marks(20)); err == nil {
				t.Errorf("%s: a lost answer is taken for success", c.preset)
			}
		}
		if refused := send(t, out, marks(20)); len(refused) > 0 {
			t.Error(refused)
		}
		once(t, d.stored(), 20, c.often)
		if c.often == 1 && out.duplicates.Value() != 20 {
			t.Errorf("%s: %v events were there already, not 20", c.preset, out.duplicates.Value())
		}
	}
}
