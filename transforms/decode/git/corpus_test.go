package git

import (
	"encoding/json"
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

const corpus = "../../../../shared/corpus/git"

// share is how many records of a file are understood: whole, in part (the text is
// kept), in doubt (and it is said), or not at all.
type share struct{ records, whole, part, doubt, not int }

func (s *share) sum(o share) {
	s.records, s.whole, s.part, s.doubt, s.not = s.records+o.records, s.whole+o.whole, s.part+o.part, s.doubt+o.doubt, s.not+o.not
}

// TestCorpus: every sample is read, nothing is dropped, and what is understood
// today stays so.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		pattern string
		plugin  plugin.Plugin
		records func(testing.TB, string) []string
		least   share // whole must not fall, doubt and not must not grow
	}{
		{"webhooks_github/*", Webhook, whole, share{records: 17, whole: 11, part: 6}},
		{"octokit/*", Webhook, whole, share{records: 64, whole: 30, part: 34}},
		{"webhooks_gitea/*", Webhook, whole, share{records: 5, whole: 4, part: 1}},
		{"webhooks_gogs/*", Webhook, whole, share{records: 5, whole: 3, doubt: 2}},
		{"webhooks_gitlab/*", Webhook, whole, share{records: 21, whole: 21}},
		{"quay_triggers/*", Webhook, whole, share{records: 9, whole: 9}},
		{"gerrit/*", Webhook, whole, share{records: 3, whole: 2, part: 1}},
		{"panther/github_audit.jsonl", GitHubAudit, panther("GitHub."), share{records: 89, whole: 89}},
		{"panther/github_audit.jsonl", Webhook, panther("GitHub.Webhook."), share{records: 45, whole: 19, part: 26}},
		{"panther/gitlab_events.jsonl", GitLab, panther("GitLab."), share{records: 6, not: 6}},
		{"go-github/*", GitHubAudit, lines, share{records: 11, whole: 11}},
		{"crowdsec/gitlab-logs__gitlab-logs.log", GitLab, lines, share{records: 3, whole: 3}},
		{"crowdsec/gitea-logs__gitea-logs.log", Gitea, lines, share{records: 7, whole: 7}},
		{"captured/gitolite.log", Gitolite, lines, share{records: 32, whole: 32}},
		{"captured/git_smart_http_access.log", Access, lines, share{records: 25, whole: 25}},
		{"captured/git_smart_http_access.jsonl", Access, lines, share{records: 25, whole: 25}},
		{"beats/*", Access, lines, share{records: 24, whole: 24}},
	} {
		t.Run(c.pattern+" as "+c.plugin.Type, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(corpus, c.pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files: %v", err)
			}
			var got share
			for _, file := range files {
				name, _ := filepath.Rel(corpus, file)
				seen[name] = true
				one := read(t, file, c.plugin, c.records)
				t.Logf("%s: %d records: %d whole, %d in part, %d in doubt, %d not understood", name, one.records, one.whole, one.part, one.doubt, one.not)
				got.sum(one)
			}
			if w := c.least; got.records != w.records || got.whole < w.whole || got.whole+got.part < w.whole+w.part || got.doubt > w.doubt || got.not > w.not {
				t.Errorf("%+v, want at least %+v", got, w)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(corpus, "*/*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		// The expectations of another parser are no samples.
		if name, _ := filepath.Rel(corpus, f); !seen[name] && !strings.HasSuffix(name, ".assert") {
			t.Errorf("%s is read by nobody", name)
		}
	}
}

// whole is a file that is one record.
func whole(_ testing.TB, text string) []string { return []string{text} }

// lines are the records of a log.
func lines(_ testing.TB, text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// panther takes the events of rules out of that sample. They are shortened by
// hand; those of webhooks and those of the audit log stand together.
func panther(rules string) func(testing.TB, string) []string {
	return func(t testing.TB, text string) (list []string) {
		for _, line := range lines(t, text) {
			var o struct {
				Rule  string
				Event json.RawMessage
			}
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Fatal(err)
			}
			if isHook := strings.HasPrefix(o.Rule, "GitHub.Webhook."); strings.HasPrefix(strings.Replace(o.Rule, "Github", "GitHub", 1), rules) && (isHook == (rules == "GitHub.Webhook.")) {
				list = append(list, string(o.Event))
			}
		}
		return list
	}
}

// read decodes a file as a lane does.
func read(t *testing.T, file string, p plugin.Plugin, records func(testing.TB, string) []string) (s share) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	env := plugintest.Env("")
	stage := decode.New([]plugin.Plugin{p}, env)
	for _, raw := range records(t, string(text)) {
		var out event.Batch
		in := event.Batch{Events: []event.Event{{Decode: p.Type, Raw: raw, Records: 1, Seen: env.Now(), Shared: env.Shared}}}
		if err := stage.Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
		s.records++
		if len(out.Events) != 1 || out.Events[0].Records != 1 {
			t.Errorf("%d events came of %.200q", len(out.Events), raw)
			continue
		}
		switch e := &out.Events[0]; {
		case e.Get(schema.EventKind).Str() == "pipeline_error":
			s.not++
			if e.Raw != raw {
				t.Errorf("what is not understood is not kept whole: %q", e.Raw)
			}
			t.Logf("not understood: %.160q", raw)
		case !e.Get(schema.ErrorMessage).IsZero():
			s.doubt++
			t.Logf("in doubt: %s", e.Get(schema.ErrorMessage).Str())
		case e.Raw == "":
			s.whole++
		default:
			s.part++
		}
	}
	return s
}
