package git

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/weblisten"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// TestConformance: the input passes the suite with files; its listener is that of
// weblisten, which has tests of its own.
func TestConformance(t *testing.T) {
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin, Golden: "testdata/files",
		Settings: func(_ testing.TB, dir string) any {
			s := defaults()
			s.Path = []plugin.Text{{Value: filepath.Join(dir, "*.log")}}
			return &s
		},
		Refused: func(testing.TB) any {
			s := defaults()
			return &s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(filepath.Join(dir, "access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		},
	})
}

// open builds an input that listens, with the secret "s3cret".
func open(t *testing.T) (in *weblisten.Server, addr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := defaults()
	s.Listen.Value, s.Secret = "127.0.0.1:0", &plugin.Secret{File: file}
	built, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := built.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := built.Close(); err != nil {
			t.Error(err)
		}
	})
	in = built.(*weblisten.Server)
	return in, "http://" + in.Addr().String() + "/hook"
}

func sign(body string) string {
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestWebhooks: each server's webhook is verified as it is sent, and waits for its
// decoder with what its headers say.
func TestWebhooks(t *testing.T) {
	in, addr := open(t)
	const body = `{"ref":"refs/heads/main"}`
	form := url.Values{"payload": {body}}.Encode()
	for _, c := range []struct {
		name, body, headers                string // headers as "Name: value" lines
		status                             int
		decode, server, code, delivery, as string
	}{
		{"GitHub", body, "X-GitHub-Event: push\nX-GitHub-Delivery: d1\nX-Hub-Signature-256: sha256=" + sign(body), 200, "git_webhook", "github", "push", "d1", body},
		{"GitHub, a form", form, "Content-Type: application/x-www-form-urlencoded\nX-GitHub-Event: push\nX-Hub-Signature-256: sha256=" + sign(form), 200, "git_webhook", "github", "push", "", body},
		{"Gitea", body, "X-Gitea-Event: push\nX-GitHub-Event: push\nX-Gitea-Delivery: d2\nX-GitHub-Delivery: d2\nX-Gitea-Signature: " + sign(body), 200, "git_webhook", "gitea", "push", "d2", body},
		{"Forgejo", body, "X-Forgejo-Event: create\nX-Gitea-Event: create\nX-Forgejo-Signature: " + sign(body), 200, "git_webhook", "forgejo", "create", "", body},
		{"GitLab", body, "X-Gitlab-Event: Push Hook\nX-Gitlab-Event-UUID: d3\nX-Gitlab-Token: s3cret", 200, "git_webhook", "gitlab", "", "d3", body},
		{"GitLab's audit stream", body, "X-Gitlab-Audit-Event-Type: project_created\nX-Gitlab-Event-Streaming-Token: s3cret", 200, "gitlab", "", "", "", body},
		{"over lines", "{\n \"a\": 1\n}\n", "X-GitHub-Event: ping\nX-Hub-Signature-256: sha256=" + sign("{\n \"a\": 1\n}\n"), 200, "git_webhook", "github", "ping", "", "{\n \"a\": 1\n}"},
		{"no proof", body, "X-GitHub-Event: push", 401, "", "", "", "", ""},
		{"another secret", body, "X-GitHub-Event: push\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64), 401, "", "", "", "", ""},
		{"another token", body, "X-Gitlab-Event: Push Hook\nX-Gitlab-Token: guess", 401, "", "", "", "", ""},
		{"no JSON", "hello", "X-Hub-Signature-256: sha256=" + sign("hello"), 400, "", "", "", "", ""},
		{"a form without a payload", "a=b", "Content-Type: application/x-www-form-urlencoded\nX-Hub-Signature-256: sha256=" + sign("a=b"), 400, "", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := make(chan int, 1)
			go func() {
				r, _ := http.NewRequest(http.MethodPost, addr, bytes.NewReader([]byte(c.body)))
				for line := range strings.SplitSeq(c.headers, "\n") {
					name, value, _ := strings.Cut(line, ": ")
					r.Header.Set(name, value)
				}
				client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
				got, err := client.Do(r)
				if err != nil {
					answer <- 0
					return
				}
				_, _ = io.Copy(io.Discard, got.Body)
				_ = got.Body.Close()
				answer <- got.StatusCode
			}()
			var b event.Batch
			for end := time.Now().Add(patience); c.status == 200 && len(b.Events) == 0 && time.Now().Before(end); {
				if err := in.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
					t.Fatal(err)
				}
			}
			if b.Accepted != nil {
				b.Accepted(nil)
			}
			if got := <-answer; got != c.status {
				t.Fatalf("answered %d, want %d", got, c.status)
			}
			if c.status != 200 {
				return
			}
			e := &b.Events[0]
			if e.Decode != c.decode || e.Raw != c.as || e.Get(schema.GitServer).Str() != c.server || e.Get(schema.EventCode).Str() != c.code || e.Get(schema.EventReference).Str() != c.delivery {
				t.Errorf("%s", plugintest.Dump(e))
			}
		})
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
		warn   bool
	}{
		"neither":          {func(s *Settings) { s.Path = nil }, "neither path nor listen", false},
		"both":             {func(s *Settings) { s.Listen.Value = "127.0.0.1:1" }, "path and listen", false},
		"no secret":        {func(s *Settings) { s.Path, s.Listen.Value = nil, "127.0.0.1:1" }, "not verified", true},
		"an empty secret":  {func(s *Settings) { s.Path, s.Listen.Value, s.Secret = nil, "127.0.0.1:1", &plugin.Secret{} }, "refers to nothing", false},
		"a secret of path": {func(s *Settings) { s.Secret = &plugin.Secret{Env: "X"} }, "for listen alone", false},
		"no decoder":       {func(s *Settings) { s.Decode = "" }, "decode", false},
		"a bad pattern":    {func(s *Settings) { s.Path[0].Value = "[" }, "cannot be read", false},
		"a short line":     {func(s *Settings) { s.MaxLine = 1 }, "max_line", false},
		"no port":          {func(s *Settings) { s.Path, s.Listen.Value, s.Secret = nil, "127.0.0.1", &plugin.Secret{Env: "X"} }, "not an address", false},
	} {
		s := defaults()
		s.Path = []plugin.Text{{Value: "/var/log/x"}}
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		c.change(&s)
		if p := s.Check(); !strings.Contains(p.Error(), c.want) || p.Bad() == c.warn {
			t.Errorf("%s: %v", name, p)
		}
	}
}
