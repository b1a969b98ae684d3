package k8saudit

import (
	"bufio"
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

// corpus are real samples; they are not part of the repository.
const corpus = "../../../../shared/corpus/kubernetes"

// share is what the lines of a sample came to.
type share struct{ lines, whole, part, doubt, left, not int }

// TestCorpus: every line of every sample is an event, is left out because of its
// stage, or is kept whole and flagged; what is understood today stays so. "whole"
// says that the fields hold all of it, "part" that the text is kept because it has
// objects or members that no field holds.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	for _, c := range []struct {
		name, pattern string
		line          func(testing.TB, string) string
		least         share // whole, part and left must not fall, doubt and not must not grow
	}{
		{"audit2rbac", "audit2rbac/*", nil, share{lines: 37, whole: 37}},
		{"crowdsec", "crowdsec/*", nil, share{lines: 1, part: 1}},
		{"encoder, JSON", "encoder/log_backend.jsonl", nil, share{lines: 2, part: 1, left: 1}},
		{"encoder, legacy", "encoder/log_backend_legacy.log", nil, share{lines: 2, whole: 1, left: 1}},
		{"encoder, webhook", "encoder/webhook_eventlist.json", nil, share{lines: 1, part: 1, left: 1}},
		{"falco", "falco_k8s_audit/*", nil, share{lines: 37, whole: 4, part: 33}},
		{"panther, EKS", "panther/*", panther("Amazon.EKS.Audit"), share{lines: 119, part: 111, doubt: 1, not: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got share
			files, err := filepath.Glob(filepath.Join(corpus, c.pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files: %v", err)
			}
			for _, file := range files {
				var one share
				for _, line := range linesOf(t, file) {
					if c.line != nil {
						line = c.line(t, line)
					}
					if line != "" {
						one.add(t, line)
					}
				}
				t.Logf("%s: %d lines: %d whole, %d in part, %d in doubt, %d left out, %d not understood", filepath.Base(file), one.lines, one.whole, one.part, one.doubt, one.left, one.not)
				got.sum(one)
			}
			w := c.least
			if got.lines != w.lines || got.whole < w.whole || got.part+got.whole < w.part+w.whole || got.doubt > w.doubt || got.left != w.left || got.not > w.not {
				t.Errorf("%+v, want at least %+v", got, w)
			}
		})
	}
}

func (s *share) sum(o share) {
	s.lines, s.whole, s.part, s.doubt, s.left, s.not = s.lines+o.lines, s.whole+o.whole, s.part+o.part, s.doubt+o.doubt, s.left+o.left, s.not+o.not
}

// add decodes one line as a lane does.
func (s *share) add(t *testing.T, line string) {
	t.Helper()
	env := plugintest.Env("")
	in := event.Batch{Events: []event.Event{{Decode: Plugin.Type, Raw: line, Records: 1, Seen: env.Now(), Shared: env.Shared}}}
	var out event.Batch
	if err := decode.New([]plugin.Plugin{Plugin}, env).Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	s.lines++
	s.left += int(out.Filtered)
	records := out.Filtered
	for i := range out.Events {
		e := &out.Events[i]
		records += e.Records
		switch {
		case e.Get(schema.EventKind).Str() == "pipeline_error":
			s.not++
			if e.Raw != line {
				t.Errorf("what is not understood is not kept whole: %q", e.Raw)
			}
		case !e.Get(schema.ErrorMessage).IsZero():
			s.doubt++
			t.Logf("in doubt: %s", e.Get(schema.ErrorMessage).Str())
		case e.Raw == "":
			s.whole++
		default:
			s.part++
		}
	}
	if records == 0 {
		t.Errorf("nothing came of %q", line)
	}
}

func linesOf(t *testing.T, file string) (list []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	for s.Buffer(nil, 4<<20); s.Scan(); {
		if line := s.Text(); strings.TrimSpace(line) != "" {
			list = append(list, line)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// panther takes the events of one kind out of that sample: they are shortened by
// hand, and many lack what the API server always writes.
func panther(kind string) func(testing.TB, string) string {
	return func(t testing.TB, line string) string {
		var o struct{ Event json.RawMessage }
		var e struct {
			Type  string `json:"p_log_type"`
			Audit string `json:"auditID"`
			Verb  string `json:"verb"`
			Kind  string `json:"kind"`
		}
		if json.Unmarshal([]byte(line), &o) != nil || json.Unmarshal(o.Event, &e) != nil {
			t.Fatalf("no sample: %q", line)
		}
		if e.Type != kind {
			return ""
		}
		return string(o.Event)
	}
}
