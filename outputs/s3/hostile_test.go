package s3

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestFaults gives the store one fault at each operation; in the end each event
// is there once.
func TestFaults(t *testing.T) {
	key(t)
	completeError := `<?xml version="1.0"?><Error><Code>InternalError</Code><Message>after 200</Message></Error>`
	for _, c := range []struct {
		name  string
		op    s3test.Op
		fault s3test.Fault
	}{
		{"500 at a part", s3test.Part, s3test.Fault{Status: 500, Code: "InternalError"}},
		{"reset in the middle of a part", s3test.Part, s3test.Fault{Cut: true}},
		{"a part whose answer is lost", s3test.Part, s3test.Fault{Cut: true, After: true}},
		{"503 at the beginning", s3test.Create, s3test.Fault{Status: 503, Code: "SlowDown"}},
		{"200 with an error in the body", s3test.Complete, s3test.Fault{Body: completeError}},
		{"a conflict of conditions", s3test.Complete, s3test.Fault{Status: 409, Code: "ConditionalRequestConflict"}},
		{"a completion whose answer is lost", s3test.Complete, s3test.Fault{Cut: true, After: true}},
		{"a redirect", s3test.Part, s3test.Fault{Status: 307, Code: "TemporaryRedirect", Header: http.Header{"Location": {"http://127.0.0.1:9/steal"}}}},
		{"a page for a part", s3test.Part, s3test.Fault{Replace: page}},
		{"a page for a beginning", s3test.Create, s3test.Fault{Replace: page}},
		{"a page for an end", s3test.Complete, s3test.Fault{Replace: page}},
		{"nothing for a part", s3test.Part, s3test.Fault{Replace: nothing}},
		{"nothing for a beginning", s3test.Create, s3test.Fault{Replace: nothing}},
		{"nothing for an end", s3test.Complete, s3test.Fault{Replace: nothing}},
		{"a checksum that does not fit", s3test.Part, s3test.Fault{Status: 400, Code: "BadDigest"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, clock := s3test.New(t), noon
			s.Fail(func(r s3test.Request) s3test.Fault {
				if r.Op == c.op && r.N == 0 {
					return c.fault
				}
				return s3test.Fault{}
			})
			set := to(s)
			set.Compression, set.PartSize = compressNone, leastPart
			l := begin(t, set, new(plugintest.Store), &clock)
			failed := 0
			for i := range 40 {
				l.give(uint64(i+1), made("a", noon, i*1000, 1000)...)
				if _, _, err := l.Settle(t.Context(), false); err != nil {
					failed++
				}
			}
			clock = clock.Add(set.MaxAge)
			var confirmed uint64
			for confirmed < 40 && failed < 10 {
				n, _, err := l.Settle(t.Context(), false)
				if confirmed = n; err != nil {
					failed++
				}
			}
			if failed != 1 {
				t.Errorf("%d requests failed, one was to", failed)
			}
			want(t, s, "a", 40_000)
			if len(s.Keys()) != 1 {
				t.Errorf("there are %v", s.Keys())
			}
		})
	}
}

func page(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<html>Please log in</html>")
}

func nothing(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }

// TestSuccessThatIsNone (O15): what says 200 and is no answer of a store confirms
// nothing, also where an object goes up in one request.
func TestSuccessThatIsNone(t *testing.T) {
	key(t)
	for name, does := range map[string]func(http.ResponseWriter){"a page": page, "nothing": nothing} {
		s, clock := s3test.New(t), noon
		s.Fail(func(r s3test.Request) s3test.Fault {
			if r.Op == s3test.Put && r.N < 3 {
				return s3test.Fault{Replace: does}
			}
			return s3test.Fault{}
		})
		set := to(s)
		l := begin(t, set, new(plugintest.Store), &clock)
		l.give(1, made("a", noon, 0, 5)...)
		clock = clock.Add(set.MaxAge)
		for range 3 {
			n, _, err := l.Settle(t.Context(), false)
			if kind, _ := plugin.KindOf(err); n != 0 || err == nil || kind != plugin.KindRetry {
				t.Fatalf("%s: %d is confirmed, error %v", name, n, err)
			}
		}
		l.settle(true)
		want(t, s, "a", 5)
	}
}

// TestErrorsSayWhatToMend: each is tried again, however often, and names what to
// mend (O2, O5, O8, O11).
func TestErrorsSayWhatToMend(t *testing.T) {
	key(t)
	for _, c := range []struct {
		status     int
		code, hint string
		after      time.Duration
		header     http.Header
	}{
		{403, "AccessDenied", "s3:PutObject on arn:aws:s3:::audit/*", patient, nil},
		{404, "NoSuchBucket", "create the bucket", patient, nil},
		{403, "SignatureDoesNotMatch", "secret_access_key", patient, nil},
		{403, "InvalidAccessKeyId", "access_key_id", patient, nil},
		{403, "RequestTimeTooSkewed", "clock_skew", patient, nil},
		{301, "PermanentRedirect", "region", patient, nil},
		{501, "NotImplemented", "conditional: false", patient, nil},
		{403, "KMS.AccessDeniedException", "kms:GenerateDataKey", patient, nil},
		{503, "SlowDown", "SlowDown", 7 * time.Second, http.Header{"Retry-After": {"7"}}},
		{503, "SlowDown", "SlowDown", 0, nil},
		{500, "InternalError", "InternalError", 0, nil},
	} {
		t.Run(c.code, func(t *testing.T) {
			s, clock := s3test.New(t), noon
			refuse := func(r s3test.Request) s3test.Fault {
				if r.Op == s3test.Put {
					return s3test.Fault{Status: c.status, Code: c.code, Header: c.header}
				}
				return s3test.Fault{}
			}
			set := to(s)
			l := begin(t, set, new(plugintest.Store), &clock)
			l.give(1, made("a", noon, 0, 5)...)
			clock = clock.Add(set.MaxAge)
			s.Fail(refuse)
			for range 3 {
				n, _, err := l.Settle(t.Context(), false)
				kind, after := plugin.KindOf(err)
				if n != 0 || err == nil || kind == plugin.KindPermanent || kind == plugin.KindPartial || after != c.after {
					t.Fatalf("confirmed %d, kind %d, after %v: %v", n, kind, after, err)
				}
				if !strings.Contains(err.Error(), c.hint) {
					t.Fatalf("the error does not say %q: %v", c.hint, err)
				}
			}
			s.Fail(nil)
			l.settle(true)
			want(t, s, "a", 5)
		})
	}
}

// TestNoSecretLeaves is S6: no request holds the secret, and a redirect takes
// nothing to another host.
func TestNoSecretLeaves(t *testing.T) {
	key(t)
	s, other, clock := s3test.New(t), s3test.New(t), noon
	s.Fail(func(r s3test.Request) s3test.Fault {
		for k, v := range r.Header {
			if strings.Contains(strings.Join(v, " "), "not a secret") {
				t.Errorf("the header %s holds the secret", k)
			}
		}
		return s3test.Fault{Status: 307, Code: "TemporaryRedirect", Header: http.Header{"Location": {other.URL + "/audit/x"}}}
	})
	l := begin(t, to(s), new(plugintest.Store), &clock)
	if _, _, err := l.Settle(t.Context(), false); err == nil {
		t.Error("a redirect was taken for an answer")
	}
	for _, op := range []s3test.Op{s3test.Put, s3test.Uploads, s3test.Get, s3test.Head} {
		if other.Count(op) != 0 {
			t.Errorf("a redirect was followed with %s", op)
		}
	}
}

// TestMemoryIsBounded sends 200 MB, compressed to about the same, over many
// partitions while the store takes parts, and then while it takes nothing.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: it moves 200 MB")
	}
	key(t)
	s, clock := s3test.New(t), noon
	s.Fail(func(r s3test.Request) s3test.Fault { // takes all and keeps nothing
		return s3test.Fault{Replace: discard(r)}
	})
	set := to(s)
	set.Compression, set.Prefix.Value, set.Checksum = compressNone, "x/{{ event.dataset }}", "none"
	l := begin(t, set, new(plugintest.Store), &clock)
	frame := made("a", noon, 0, 3000)
	most, total := 0, 0
	for seq := uint64(1); total < 200<<20; seq++ {
		before := l.held
		for i := range frame {
			frame[i].Dataset = []string{"a", "b", "c", "d", "e"}[int(seq)%5]
		}
		l.give(seq, frame...)
		if n := l.held - before; n > 0 {
			total += n
		}
		if _, _, err := l.Settle(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		most = max(most, l.held)
	}
	if limit := int(set.Buffer) + 4<<20; most > limit {
		t.Errorf("%d bytes were held, and %d are allowed", most, limit)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 150<<20 {
		t.Errorf("%d MiB are in use after 200 MB went through", m.HeapAlloc>>20)
	}
	s.Fail(func(s3test.Request) s3test.Fault { return s3test.Fault{Status: 503, Code: "SlowDown"} })
	refused := false
	for seq := uint64(1_000_000); seq < 1_000_200 && !refused; seq++ {
		refused = l.Collect(t.Context(), seq, frame) != nil
		most = max(most, l.held)
	}
	if limit := int(set.Buffer) + 4<<20; !refused || most > limit {
		t.Errorf("a store that takes nothing: refused %v, %d bytes held, %d are allowed", refused, most, limit)
	}
}

// discard answers as if all was done.
func discard(r s3test.Request) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("ETag", `"1"`)
		switch r.Op {
		case s3test.Head:
			w.WriteHeader(http.StatusNotFound)
		case s3test.Create:
			_, _ = w.Write([]byte(`<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`))
		case s3test.Complete:
			_, _ = w.Write([]byte(`<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`))
		case s3test.Uploads:
			_, _ = w.Write([]byte(`<ListMultipartUploadsResult></ListMultipartUploadsResult>`))
		}
	}
}
