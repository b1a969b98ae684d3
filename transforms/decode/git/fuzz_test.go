package git

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// apply decodes one record as a lane does.
func apply(t testing.TB, p plugin.Plugin, e event.Event) (out event.Batch) {
	t.Helper()
	in := event.Batch{Events: []event.Event{e}}
	if err := decode.New([]plugin.Plugin{p}, plugintest.Env("")).Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func fuzz(f *testing.F, p plugin.Plugin, folder string) {
	files, err := filepath.Glob("testdata/" + folder + "/*.in")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f.Add(strings.TrimSuffix(line, "\n"))
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		out := apply(t, p, recordOf(p, line, 0))
		if len(out.Events) != 1 || out.Events[0].Records != 1 {
			t.Fatalf("%q: %d events", line, len(out.Events))
		}
		e := &out.Events[0]
		if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(line) || len(e.Fields) > 400 {
			t.Errorf("%q: %s", line, plugintest.Dump(e))
		}
		if n := len(e.Get(schema.Message).Str()); n > mostMessage && e.Get(schema.EventKind).Str() == "event" {
			t.Errorf("a message of %d bytes", n)
		}
	})
}

func FuzzWebhook(f *testing.F)     { fuzz(f, Webhook, "webhook") }
func FuzzGitHubAudit(f *testing.F) { fuzz(f, GitHubAudit, "githubaudit") }
func FuzzGitLab(f *testing.F)      { fuzz(f, GitLab, "gitlab") }
func FuzzGitea(f *testing.F)       { fuzz(f, Gitea, "gitea") }
func FuzzAccess(f *testing.F)      { fuzz(f, Access, "access") }
func FuzzGitolite(f *testing.F)    { fuzz(f, Gitolite, "gitolite") }

// TestHostile: what is nested, doubled or huge is bounded, and kept.
func TestHostile(t *testing.T) {
	many := strings.Repeat(`{"id":"1111111111111111111111111111111111111111"},`, 10_000) + `{"id":"x"}`
	var members strings.Builder
	for i := range 10_000 {
		members.WriteString(`,"k` + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + `":"v"`)
	}
	for _, c := range []struct {
		name   string
		plugin plugin.Plugin
		text   string
		kept   bool
	}{
		{"many commits", Webhook, `{"ref":"refs/heads/a","before":"1","after":"2","commits":[` + many + `]}`, true},
		{"many members", GitHubAudit, `{"action":"x.y"` + members.String() + `}`, true},
		{"a long member", GitHubAudit, `{"action":"x.y","a":"` + strings.Repeat("x", 1<<20) + `"}`, true},
		{"nested", Webhook, `{"ref":` + strings.Repeat("[", 100_000), true},
		{"a member twice", Webhook, `{"object_kind":"push","ref":"refs/heads/a","ref":"refs/heads/main","after":"2"}`, false},
		{"many parameters", GitLab, `{"method":"GET","path":"/","params":[` + strings.Repeat(`{"key":"a","value":"b"},`, 10_000) + `{}]}`, true},
		{"many tabs", Gitolite, "2026-11-24.09:15:01\t1\tupdate" + strings.Repeat("\t", 100_000), false},
		{"a long line", Access, `192.0.2.1 - - [24/Nov/2026:09:15:01 +0000] "GET /` + strings.Repeat("a", 1<<20) + `.git/info/refs HTTP/1.1" 200 1`, false},
		{"many blanks", Gitea, "2026/11/24 09:15:01 [I] Failed authentication attempt for " + strings.Repeat(" from 1.1.1.1:1", 1<<14), true},
	} {
		out := apply(t, c.plugin, recordOf(c.plugin, c.text, 0))
		if len(out.Events) != 1 {
			t.Errorf("%s: %d events", c.name, len(out.Events))
			continue
		}
		if e := &out.Events[0]; len(e.Fields) > 200 || c.kept != (e.Raw != "") {
			t.Errorf("%s: %d fields, %d bytes kept", c.name, len(e.Fields), len(e.Raw))
		}
	}
}

// TestSentAgain: a delivery that comes again has the same id, another has another.
func TestSentAgain(t *testing.T) {
	id := func(delivery, body string, offset int64) event.ID {
		e := recordOf(Webhook, body, 0)
		e.Offset = offset
		e.Fields.AddString(schema.EventReference, delivery)
		return apply(t, Webhook, e).Events[0].ID
	}
	const body = `{"ref":"refs/heads/a","before":"1","after":"2"}`
	first := id("d1", body, 1)
	if id("d1", body, 99) != first || id("d2", body, 1) == first || id("d1", body+" ", 1) == first {
		t.Error("the id does not follow the delivery")
	}
}
