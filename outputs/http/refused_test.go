package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// TestItems (O17): a bulk answer judges each event: what is refused for good is,
// what may be taken later is sent again, everything else is delivered.
func TestItems(t *testing.T) {
	bad := func(status int, kind, reason string) string {
		text, err := json.Marshal(reason)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"status":%d,"error":{"type":%q,"reason":%s}}`, status, kind, text)
	}
	for _, c := range []struct {
		name, item string
		kind       plugin.ErrorKind
	}{
		{"a mapping that does not fit", bad(400, "document_parsing_exception", "failed to parse field [x]"), plugin.KindPermanent},
		{"an older server", bad(400, "mapper_parsing_exception", "failed to parse"), plugin.KindPermanent},
		{"too many fields", bad(400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"), plugin.KindPermanent},
		{"too large", bad(413, "x", "y"), plugin.KindPermanent},
		{"busy", bad(429, "es_rejected_execution_exception", "rejected execution"), plugin.KindRetry},
		{"a shard is away", bad(503, "unavailable_shards_exception", "primary shard is not active"), plugin.KindRetry},
		{"read-only", bad(403, "cluster_block_exception", "index read-only / allow delete"), plugin.KindRetry},
		{"no such index", bad(404, "index_not_found_exception", "no such index"), plugin.KindRetry},
		{"closed", bad(400, "index_closed_exception", "closed"), plugin.KindRetry},
		{"no such pipeline", bad(400, "illegal_argument_exception", "pipeline with id [x] does not exist"), plugin.KindRetry},
		{"shards are used up", bad(400, "validation_exception", "this action would add [2] shards"), plugin.KindRetry},
		{"a text", `{"status":500,"error":"broken"}`, plugin.KindRetry},
		{"no word", `{"status":400}`, plugin.KindPermanent},
		{"not allowed", bad(403, "security_exception", "action is unauthorized\u0007"), plugin.KindRetry},
	} {
		events := marks(10)
		victim, healed := events[3].ID.String(), false
		d := newDouble(t, elasticsearch, func(d *double) {
			d.refuse = func(id, _ string) string {
				if id == victim && !healed {
					return c.item
				}
				return ""
			}
		})
		out := open(t, settingsFor(t, elasticsearch, d.URL))
		var e *plugin.Error
		if err := out.Send(context.Background(), events); !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 1 || e.Failed[0].Index != 3 {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		kind, _ := plugin.KindOf(e.Failed[0].Err)
		if kind != c.kind || strings.ContainsRune(e.Failed[0].Err.Error(), 7) {
			t.Errorf("%s: kind %d, %q", c.name, kind, e.Failed[0].Err)
		}
		if n := len(d.stored()); n != 9 {
			t.Errorf("%s: %d are delivered", c.name, n)
		}
		d.with(func() { healed = true })
		if c.kind == plugin.KindRetry {
			send(t, out, events)
			once(t, d.stored(), 10, 1)
		}
	}
}

// TestABusyReceiverIsLeftAlone (O1): when items are refused because there is too
// much to do, no further body of the batch is posted.
func TestABusyReceiverIsLeftAlone(t *testing.T) {
	d := newDouble(t, elasticsearch, func(d *double) {
		d.refuse = func(string, string) string {
			return `{"status":429,"error":{"type":"es_rejected_execution_exception"}}`
		}
	})
	s := settingsFor(t, elasticsearch, d.URL)
	s.MaxEvents = 5
	out := open(t, s)
	var e *plugin.Error
	if err := out.Send(context.Background(), marks(50)); !errors.As(err, &e) || len(e.Failed) != 50 || len(d.seen) != 1 {
		t.Errorf("%d requests, %v", len(d.seen), err)
	}
}

// TestOnlyTheRefusedDies (O17): a body that is refused as a whole, or is too
// large, is halved down to the event at fault; the others are delivered.
func TestOnlyTheRefusedDies(t *testing.T) {
	for _, preset := range presets {
		for _, status := range []int{400, 413, 422} {
			answer := `{"error":{"type":"x_content_parse_exception","reason":"bad"}}`
			d := newDouble(t, preset, nil)
			d.trouble = func(n int, w http.ResponseWriter) bool {
				if strings.Contains(string(d.bodies[n]), "tally-000007-mark") {
					say(w, status, answer)
					return true
				}
				return false
			}
			events := marks(20)
			out := open(t, settingsFor(t, preset, d.URL))
			refused, often := sendCounted(t, out, events)
			if len(refused) != 1 || refused[events[7].ID.String()] == nil {
				t.Errorf("%s, %d: refused %v", preset, status, refused)
			}
			there := strings.Join(d.stored(), "\n")
			for i := range events {
				// What was handed over once is there once; a peer that is slow to answer is asked again.
				got, most := strings.Count(there, fmt.Sprintf("tally-%06d-mark", i)), often[events[i].ID.String()]
				if i == 7 {
					most = 0
				}
				if got < min(most, 1) || got > most {
					t.Errorf("%s, %d: event %d is there %d times, and was handed over %d times", preset, status, i, got, often[events[i].ID.String()])
				}
			}
		}
	}
}

// TestARequestThatIsWrongKillsNoEvent (O17): a bulk request that is refused for
// its path or parameters is for a person to mend.
func TestARequestThatIsWrongKillsNoEvent(t *testing.T) {
	for _, answer := range []string{
		`{"error":"no handler found for uri [/x/_bulk] and method [POST]","status":400}`,
		`{"error":{"type":"illegal_argument_exception","reason":"request [/_bulk] contains unrecognized parameter: [x]"},"status":400}`,
		`{}`, ``,
	} {
		d := newDouble(t, elasticsearch, func(d *double) {
			d.trouble = func(_ int, w http.ResponseWriter) bool { say(w, 400, answer); return true }
		})
		err := open(t, settingsFor(t, elasticsearch, d.URL)).Send(context.Background(), marks(5))
		if kind, _ := plugin.KindOf(err); err == nil || kind != plugin.KindRetry || len(d.seen) != 1 {
			t.Errorf("%q: %v after %d requests", answer, err, len(d.seen))
		}
	}
}

// TestBodiesAreSplit (O17): no body is larger than max_bytes but one of a single
// event, none has more events than may be, and 413 halves what is still too large.
func TestBodiesAreSplit(t *testing.T) {
	for _, preset := range presets {
		d := newDouble(t, preset, func(d *double) { d.most = 2500 })
		s := settingsFor(t, preset, d.URL)
		s.MaxBytes, s.MaxEvents = 4000, 30
		out := open(t, s)
		if refused := send(t, out, marks(100)); len(refused) > 0 {
			t.Errorf("%s: %v", preset, refused)
		}
		once(t, d.stored(), 100, 1)
		for _, body := range d.bodies {
			if len(body) > 4100 {
				t.Errorf("%s: a body of %d bytes", preset, len(body))
			}
		}
	}
}

// TestAnAnswerThatIsTooLong: what cannot be read for its length is asked for in
// halves.
func TestAnAnswerThatIsTooLong(t *testing.T) {
	d := newDouble(t, elasticsearch, func(d *double) {
		d.refuse = func(string, string) string {
			return `{"status":400,"error":{"type":"x","reason":"` + strings.Repeat("r", 3000) + `"}}`
		}
	})
	out := open(t, settingsFor(t, elasticsearch, d.URL))
	out.mostAnswer = 20_000
	out.client = cutClient(t, out, d.URL)
	if refused := send(t, out, marks(40)); len(refused) != 40 {
		t.Errorf("%d are refused", len(refused))
	}
}
