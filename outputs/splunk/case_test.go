package splunk

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
	"tallyman/pipeline/schema"
)

// send sends until the output takes all that is not refused for good, and returns
// the refusals.
func send(t *testing.T, out plugin.Output, events []event.Event) map[string]error {
	t.Helper()
	refused := map[string]error{}
	for range 50 {
		err := out.Send(context.Background(), events)
		if err == nil {
			return refused
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
				return refused
			}
		}
	}
	t.Fatal("it is never taken")
	return nil
}

// TestAwayOrAskedToWait (O1): the receiver is away, busy, slow or broken: the
// error says to try again, and after which pause; nothing is given up.
func TestAwayOrAskedToWait(t *testing.T) {
	for _, c := range []struct {
		name  string
		does  func(w http.ResponseWriter)
		kind  plugin.ErrorKind
		after time.Duration
	}{
		{"busy", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "17")
			say(w, 503, `{"text":"Server is busy","code":9}`)
		}, plugin.KindAfter, 17 * time.Second},
		{"busy without a pause", func(w http.ResponseWriter) { say(w, 503, `{"text":"Server is busy","code":9}`) }, plugin.KindRetry, 0},
		{"too many", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3")
			say(w, 429, `{"text":"Queue at capacity","code":26}`)
		}, plugin.KindAfter, 3 * time.Second},
		{"broken", func(w http.ResponseWriter) { say(w, 500, `{"text":"Internal server error","code":8}`) }, plugin.KindRetry, 0},
		{"slow", func(w http.ResponseWriter) { say(w, 408, "") }, plugin.KindRetry, 0},
		{"breaks off", reset, plugin.KindRetry, 0},
		{"a balancer without receivers", func(w http.ResponseWriter) { say(w, 502, "<html>Bad Gateway</html>") }, plugin.KindRetry, 0},
		{"a proxy that understands nothing", func(w http.ResponseWriter) { say(w, 400, "<html>Bad Request</html>") }, plugin.KindRetry, 0},
		{"a wrong path", func(w http.ResponseWriter) {
			say(w, 404, `{"text":"The requested URL was not found on this server.","code":404}`)
		}, plugin.KindRetry, 0},
	} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ack %v", c.name, ack), func(t *testing.T) {
				d := newDouble(t, func(d *splunkDouble) {
					d.ack = ack
					d.trouble = func(_ string, n int, w http.ResponseWriter) bool {
						if n < 3 {
							c.does(w)
						}
						return n < 3
					}
				})
				s := settingsFor(t, d.URL)
				s.Ack = ack
				out, _ := open(t, s)
				events := marks(0, 20)
				for i := range 3 {
					kind, after := plugin.KindOf(out.Send(context.Background(), events))
					if kind != c.kind || after != c.after {
						t.Fatalf("attempt %d is of kind %d after %v", i, kind, after)
					}
				}
				if refused := send(t, out, events); len(refused) > 0 || len(once(t, d.stored(), 1)) != 20 {
					t.Errorf("%d are stored, refused %v", len(d.stored()), refused)
				}
			})
		}
	}
}

// TestRefusedCredentials (O2): a token that is refused loses nothing, and the one
// that is then in the file is used without a restart.
func TestRefusedCredentials(t *testing.T) {
	for _, ack := range []bool{false, true} {
		d := newDouble(t, func(d *splunkDouble) { d.ack = ack })
		s := settingsFor(t, d.URL)
		file := filepath.Join(t.TempDir(), "token")
		s.Token, s.Ack = plugin.Secret{File: file}, ack
		out, _ := open(t, s)
		for _, c := range []struct{ token, says string }{
			{"", "secret not found"},
			{"\n", "is no token"},
			{"two words\n", "is no token"},
			{"11111111-old-token\n", "does not know the token"},
		} {
			if c.token != "" {
				if err := os.WriteFile(file, []byte(c.token), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := out.Send(context.Background(), marks(0, 5))
			if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "old-token") {
				t.Errorf("token %q: %v", c.token, err)
			}
		}
		if err := os.WriteFile(file, []byte(goodToken+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if refused := send(t, out, marks(0, 5)); len(refused) > 0 || len(once(t, d.stored(), 1)) != 5 {
			t.Errorf("%v, refused %v", d.stored(), refused)
		}
	}
}

// TestRefusalsSayWhatToCheck: what an answer's code means is said in place of what its
// status means elsewhere, to a delivery and to a probe.
func TestRefusalsSayWhatToCheck(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		says, want string
	}{
		"disabled":        {403, `{"text":"Token disabled","code":1}`, "the token is disabled: enable it"},
		"required":        {401, `{"text":"Token is required","code":2}`, "the token did not arrive as one"},
		"no header":       {401, `{"text":"Invalid authorization","code":3}`, "takes the header Authorization away"},
		"unknown":         {403, `{"text":"Invalid token","code":4}`, "Splunk does not know the token"},
		"index":           {400, `{"text":"Incorrect index","code":7,"invalid-event-number":0}`, "allow it for the token"},
		"acknowledgement": {400, `{"text":"Data channel is missing","code":10}`, "set ack: true"},
		"a page":          {403, "<html>403 Forbidden</html>", "addresses that Splunk Cloud lets in"},
		"nothing":         {403, "", "no collector says this"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t, func(d *splunkDouble) {
				d.trouble = func(_ string, _ int, w http.ResponseWriter) bool {
					say(w, c.status, c.says)
					return true
				}
			})
			out, _ := open(t, settingsFor(t, d.URL))
			prober, ok := out.(plugin.Prober)
			if !ok {
				t.Fatal("it cannot be probed")
			}
			for what, err := range map[string]error{"delivery": out.Send(context.Background(), marks(0, 1)), "probe": prober.Probe(context.Background())} {
				if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), c.want) ||
					strings.Contains(err.Error(), "knows us") || strings.Count(err.Error(), "nothing is lost meanwhile") != 1 {
					t.Errorf("a %s says %v, want %q once", what, err, c.want)
				}
			}
		})
	}
}

// TestSuccessThatIsNone (O15): an answer of 200 that is none of a collector is not
// believed.
func TestSuccessThatIsNone(t *testing.T) {
	for name, does := range map[string]func(w http.ResponseWriter){
		"a page":         func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>Please log in</html>") },
		"nothing":        func(w http.ResponseWriter) { w.WriteHeader(200) },
		"no content":     func(w http.ResponseWriter) { w.WriteHeader(204) },
		"half an answer": func(w http.ResponseWriter) { say(w, 200, `{"text":"Success","co`) },
		"no code":        func(w http.ResponseWriter) { say(w, 200, `{"text":"Success"}`) },
		"another code":   func(w http.ResponseWriter) { say(w, 200, `{"text":"Server is busy","code":9}`) },
		"two answers":    func(w http.ResponseWriter) { say(w, 200, `{"text":"Success","code":0}{"text":"Success","code":0}`) },
		"a list":         func(w http.ResponseWriter) { say(w, 200, `[{"text":"Success","code":0}]`) },
		"a number":       func(w http.ResponseWriter) { say(w, 200, `0`) },
		"null":           func(w http.ResponseWriter) { say(w, 200, `null`) },
		"less than it said": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "90")
			say(w, 200, `{"text":"Success","code":0}`)
		},
		"a long number": func(w http.ResponseWriter) { say(w, 200, `{"text":"Success","code":`+strings.Repeat("1", 10_000)+`}`) },
		"megabytes":     func(w http.ResponseWriter) { say(w, 200, `{"text":"`+strings.Repeat("x", 4<<20)) },
	} {
		for _, ack := range []bool{false, true} {
			d := newDouble(t, func(d *splunkDouble) {
				d.ack = ack
				d.trouble = func(_ string, n int, w http.ResponseWriter) bool {
					if n < 2 {
						does(w)
					}
					return n < 2
				}
			})
			s := settingsFor(t, d.URL)
			s.Ack = ack
			out, _ := open(t, s)
			for range 2 {
				err := out.Send(context.Background(), marks(0, 3))
				if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || len(err.Error()) > 1000 {
					t.Errorf("%s, ack %v: %v", name, ack, err)
				}
			}
			if send(t, out, marks(0, 3)); len(once(t, d.stored(), 1)) != 3 {
				t.Errorf("%s, ack %v: %v", name, ack, d.stored())
			}
		}
	}
}

// TestAcknowledgementsAreNoSuccess (O15): what answers a question does not answer a
// body.
func TestAcknowledgementsAreNoSuccess(t *testing.T) {
	for _, ack := range []bool{false, true} {
		bodies := 0
		d := newDouble(t, func(d *splunkDouble) {
			d.ack = ack
			d.trouble = func(path string, _ int, w http.ResponseWriter) bool {
				if strings.HasSuffix(path, "/ack") {
					return false
				}
				if bodies++; bodies == 1 {
					say(w, 200, `{"acks":{"0":true}}`)
				}
				return bodies == 1
			}
		})
		s := settingsFor(t, d.URL)
		s.Ack = ack
		out, _ := open(t, s)
		if err := out.Send(context.Background(), marks(0, 3)); err == nil || !strings.Contains(err.Error(), "it has no code") {
			t.Errorf("ack %v: %v", ack, err)
		}
		if send(t, out, marks(0, 3)); len(once(t, d.stored(), 1)) != 3 {
			t.Errorf("ack %v: %v", ack, d.stored())
		}
	}
}

// TestStoredAndThenLost: the receiver stores and its answer is lost. The same is
// sent again with the same ids, by which a search can tell.
func TestStoredAndThenLost(t *testing.T) {
	for _, ack := range []bool{false, true} {
		d := newDouble(t, func(d *splunkDouble) {
			d.ack = ack
			d.after = func(_ string, n int, w http.ResponseWriter) bool {
				if n < 3 {
					reset(w)
				}
				return n < 3
			}
		})
		s := settingsFor(t, d.URL)
		s.Ack = ack
		out, _ := open(t, s)
		events := marks(0, 10)
		send(t, out, events)
		if got := once(t, d.stored(), 4); strings.Join(got, " ") != strings.Join(ids(events), " ") {
			t.Errorf("stored are %v", got)
		}
		for id, n := range d.stored() {
			if n < 3 || n > 4 {
				t.Errorf("event %s is there %d times: the double did not lose its answers", id, n)
			}
		}
	}
}

// text makes of the nth event one with a message.
func text(events []event.Event, n int, message string) {
	events[n].Fields = event.Fields{}
	events[n].Fields.AddString(schema.Message, message)
}

// TestEventRefusedForGood (O17): the event that Splunk names, or that is found by
// halves, is put aside with the reason; all others are delivered, and none more
// than twice.
func TestEventRefusedForGood(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  map[int]string
	}{
		{"the first", map[int]string{0: "poison"}},
		{"the last", map[int]string{63: "poison"}},
		{"some", map[int]string{3: "poison", 4: "poison", 40: "poison"}},
		{"one that is not named", map[int]string{17: "unnamed"}},
		{"both kinds", map[int]string{0: "unnamed", 31: "poison", 62: "unnamed"}},
		{"all", func() map[int]string {
			all := map[int]string{}
			for i := range 64 {
				all[i] = "poison"
			}
			return all
		}()},
	} {
		for _, ack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ack %v", c.name, ack), func(t *testing.T) {
				d := newDouble(t, func(d *splunkDouble) { d.ack = ack })
				s := settingsFor(t, d.URL)
				s.Ack = ack
				out, _ := open(t, s)
				events := marks(0, 64)
				for i, word := range c.bad {
					text(events, i, word)
				}
				refused := send(t, out, events)
				stored := d.stored()
				once(t, stored, 1)
				for i := range events {
					id, word := events[i].ID.String(), c.bad[i]
					if (stored[id] > 0) != (word == "") || (refused[id] != nil) != (word != "") {
						t.Errorf("event %d (%q) is stored %d times, refused: %v", i, word, stored[id], refused[id])
					}
					if err := refused[id]; err != nil && !strings.Contains(err.Error(), "Invalid data format") {
						t.Errorf("the reason of event %d is %v", i, err)
					}
				}
			})
		}
	}
}

// TestBodiesThatAreTooLarge (O17): a balancer that takes less gets less, and the
// one event that it never takes is put aside.
func TestBodiesThatAreTooLarge(t *testing.T) {
	const most = 4000
	d := newDouble(t, nil)
	large := d.Config.Handler
	d.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > most {
			say(w, 413, "<html>413 Request Entity Too Large</html>")
			return
		}
		large.ServeHTTP(w, r)
	})
	s := settingsFor(t, d.URL)
	s.Web.Compression = "none"
	out, _ := open(t, s)
	events := marks(0, 100)
	text(events, 42, strings.Repeat("x", most))
	refused := send(t, out, events)
	if stored := once(t, d.stored(), 1); len(stored) != 99 || len(refused) != 1 || !strings.Contains(refused[events[42].ID.String()].Error(), "413") {
		t.Errorf("%d are stored, refused %v", len(stored), refused)
	}
}

// TestWrongIndex: a fixed index is for a person to mend; one that an event chose
// costs that event alone.
func TestWrongIndex(t *testing.T) {
	d := newDouble(t, func(d *splunkDouble) { d.indexes = []string{"audit_a", "fixed"} })
	s := settingsFor(t, d.URL)
	s.Index.Value = "absent"
	out, _ := open(t, s)
	err := out.Send(context.Background(), marks(0, 3))
	if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || !strings.Contains(err.Error(), "create it, allow it for the token, or change index") {
		t.Errorf("a fixed index: %v", err)
	}
	d.with(func() { d.indexes = append(d.indexes, "absent") })
	send(t, out, marks(0, 3))
	s = settingsFor(t, d.URL)
	s.Index.Value = "audit_{{ event.module }}"
	out, _ = open(t, s)
	events := marks(3, 3)
	for i, module := range []string{"a", "b", "A"} {
		events[i].Fields.AddString(schema.EventModule, module)
	}
	refused := send(t, out, events)
	if len(refused) != 1 || refused[events[1].ID.String()] == nil || len(once(t, d.stored(), 1)) != 5 {
		t.Errorf("refused %v, stored %v", refused, d.stored())
	}
}

// TestSeveralReceivers: what one does not take another gets at once, and its
// acknowledgements come from where the body went.
func TestSeveralReceivers(t *testing.T) {
	for _, ack := range []bool{false, true} {
		a := newDouble(t, func(d *splunkDouble) { d.ack = ack })
		b := newDouble(t, func(d *splunkDouble) { d.ack = ack })
		away := newDouble(t, nil)
		away.Close()
		s := settingsFor(t, a.URL, away.URL, b.URL)
		s.Ack = ack
		out, _ := open(t, s)
		for i := range 10 {
			if err := out.Send(context.Background(), marks(10*i, 10)); err != nil {
				t.Fatal(err)
			}
		}
		inA, inB := once(t, a.stored(), 1), once(t, b.stored(), 1)
		if len(inA)+len(inB) != 100 || len(inA) < 40 || len(inB) < 40 {
			t.Errorf("ack %v: %d went to one and %d to the other", ack, len(inA), len(inB))
		}
	}
}
