package weblisten

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// signed is the HMAC-SHA256 of a body.
func signed(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestGuard: who shows the secret in one of the ways is let in, and nobody else;
// a secret that changes is seen, and one that is gone lets nobody in.
func TestGuard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("s3cret\n")
	h := &taker{guard: Guard{Secret: &plugin.Secret{File: file}, Ways: []Proof{GitHub, Gitea, GitLab, Bearer, Splunk}}}
	r := startWith(t, h, nil)
	const body = "one\ntwo\n"
	good := signed("s3cret", body)
	head := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, c := range []struct {
		name   string
		header http.Header
		in     bool
	}{
		{"GitHub", head("X-Hub-Signature-256", "sha256="+good), true},
		{"GitHub, in capitals", head("X-Hub-Signature-256", "SHA256="+strings.ToUpper(good)), true},
		{"Gitea", head("X-Gitea-Signature", good), true},
		{"GitLab", head("X-Gitlab-Token", "s3cret"), true},
		{"a bearer", head("Authorization", "bearer  s3cret"), true},
		{"Splunk", head("Authorization", "Splunk s3cret"), true},
		{"a signature and a token that is wrong", head("X-Hub-Signature-256", "sha256="+good, "X-Gitlab-Token", "x"), true},
		{"a signature that is wrong and a token", head("X-Hub-Signature-256", "sha256="+signed("x", body), "X-Gitlab-Token", "s3cret"), false},
		{"nothing", nil, false},
		{"another secret", head("X-Gitea-Signature", signed("secret", body)), false},
		{"the signature of another body", head("X-Gitea-Signature", signed("s3cret", body+"x")), false},
		{"half a signature", head("X-Gitea-Signature", good[:32]), false},
		{"no signature", head("X-Hub-Signature-256", "sha256="), false},
		{"no hexadecimal", head("X-Gitea-Signature", "x"+good[1:]), false},
		{"SHA-1", head("X-Hub-Signature", "sha1="+good[:40]), false},
		{"the token in the wrong header", head("X-Gitea-Signature", "s3cret"), false},
		{"a token that goes on", head("X-Gitlab-Token", "s3cret2"), false},
		{"a token without its scheme", head("Authorization", "s3cret"), false},
		{"another scheme", head("Authorization", "Basic s3cret"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := r.post(body, c.header)
			if c.in {
				b := r.read()
				b.Accepted(nil)
				if a := r.wait(answer); a.status != http.StatusOK || len(b.Events) != 2 {
					t.Errorf("%+v, %q", a, raws(b))
				}
				return
			}
			if a := r.wait(answer); a.status != http.StatusUnauthorized || strings.Contains(a.text, "s3cret") {
				t.Errorf("%+v", a)
			}
		})
	}
	write("other")
	if a := r.wait(r.post(body, head("X-Gitea-Signature", good))); a.status != http.StatusUnauthorized {
		t.Errorf("with the old secret: %+v", a)
	}
	for name, spoil := range map[string]func(){"empty": func() { write("") }, "gone": func() { _ = os.Remove(file) }} {
		spoil()
		for _, h := range []http.Header{head("X-Gitea-Signature", signed("", body)), head("X-Gitlab-Token", "other")} {
			if a := r.wait(r.post(body, h)); a.status != http.StatusServiceUnavailable {
				t.Errorf("the secret is %s: %+v", name, a)
			}
		}
	}
}

// TestGroups: records of one request go to the decoders of their groups, each
// with its fields, over as many batches as they take, and to places that those of
// another start do not have.
func TestGroups(t *testing.T) {
	at := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	var team event.Fields
	team.AddNamed(schema.Labels, "team", event.String("a"))
	many := make([]string, mostRecords)
	for i := range many {
		many[i] = "y"
	}
	h := &taker{take: func(*http.Request, string) ([]Group, error) {
		return []Group{{Decode: "falco", Texts: []string{"x"}, Fields: team, Time: at}, {}, {Decode: "plain", Texts: many}}, nil
	}}
	r := startWith(t, h, nil)
	answer := r.post("body", nil)
	first, second := r.read(), r.read()
	if len(first.Events) != mostRecords || len(second.Events) != 1 {
		t.Fatalf("%d and %d records", len(first.Events), len(second.Events))
	}
	e := &first.Events[0]
	if e.Decode != "falco" || e.Raw != "x" || !e.Time.Equal(at) || e.Fields.GetNamed(schema.Labels, "team").Str() != "a" || e.Get(schema.LogSourceAddress).Str() == "" {
		t.Errorf("%s", plugintest.Dump(e))
	}
	e = &second.Events[0]
	if e.Decode != "plain" || e.Raw != "y" || !e.Time.IsZero() || !e.Fields.GetNamed(schema.Labels, "team").IsZero() || e.Offset != r.env.Now().UnixNano()+mostRecords {
		t.Errorf("%s", plugintest.Dump(e))
	}
	first.Accepted(nil)
	second.Accepted(nil)
	if a := r.wait(answer); a.status != http.StatusOK || a.text != "1025 records accepted\n" {
		t.Errorf("%+v", a)
	}
}

// spoken is a handler that words its answers itself.
type spoken struct{ taker }

func (h *spoken) Admit(r *http.Request) error {
	if r.Method == http.MethodGet {
		return Refuse(http.StatusOK, "healthy")
	}
	return nil
}

func (h *spoken) Answer(_ *http.Request, n int, err error) *Answer {
	var a *Answer
	switch {
	case errors.As(err, &a):
		return &Answer{Status: a.Status, Type: "application/json", Text: `{"text":"` + a.Text + `"}`}
	case err != nil:
		return &Answer{Status: http.StatusTeapot, Text: err.Error()}
	}
	return &Answer{Status: http.StatusOK, Type: "application/json", Text: `{"n":` + string(rune('0'+n)) + `}`}
}

// TestAnswerer: a handler may word every answer.
func TestAnswerer(t *testing.T) {
	r := startWith(t, &spoken{}, nil)
	answer, err := r.client.Get(r.url)
	if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v, %v", answer, err)
	}
	_ = answer.Body.Close()
	for _, c := range []struct {
		accepted error
		status   int
		text     string
	}{{nil, http.StatusOK, "{\"n\":1}\n"}, {errors.New("the journal is full"), http.StatusTeapot, "the journal is full\n"}} {
		answer := r.post("x", nil)
		r.read().Accepted(c.accepted)
		if a := r.wait(answer); a.status != c.status || a.text != c.text {
			t.Errorf("%+v", a)
		}
	}
	if n := r.count.other.Value(); n != 1 {
		t.Errorf("%d answers of another status are counted", n)
	}
}
