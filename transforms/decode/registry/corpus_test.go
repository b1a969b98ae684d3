package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/schema"
)

// corpus are real samples; they are not part of the repository.
const corpus = "../../../../shared/corpus/registry"

// share is what the records of a sample came to: whole says that the fields hold
// all of it, part that the text is kept because no field holds a part, doubt that
// something in it is not as it should be.
type share struct{ records, events, whole, part, doubt, not int }

// TestCorpus: every record of every sample is events, is left out because it is
// about a layer, or is kept whole and flagged; what is understood today stays so.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("THE CORPUS IS NOT HERE, nothing is judged: %v", err)
	}
	for _, c := range []struct {
		name  string
		split func(testing.TB, string) []string
		least share // events, whole and part must not fall, doubt and not must not grow
	}{
		{"captured/notifications.jsonl", lines, share{records: 11, events: 11, whole: 11}},
		{"captured/registry_access.log", lines, share{records: 21, events: 21, whole: 21}},
		{"captured/registry_app_json.jsonl", lines, share{records: 45, events: 45, whole: 45}},
		{"captured/registry_app_text.log", lines, share{records: 45, events: 45, whole: 45}},
		{"distribution/notification_envelope_1.json", document, share{records: 1, events: 1, whole: 1}},
		{"distribution/notification_envelope_2.json", document, share{records: 1, events: 3, whole: 3}},
		{"distribution/mirror_logrus.log", lines, share{records: 1, events: 1, whole: 1}},
		{"dockerhub/build_notice.json", document, share{records: 1, events: 1, part: 1}},
		{"harbor/webhook_payloads.jsonl", lines, share{records: 12, events: 12, whole: 12}},
		{"crowdsec/harbor-logs__harbor-logs.log", lines, share{records: 2, events: 2, whole: 2}},
		{"datadog/jfrog_platform.jsonl", samples, share{records: 21, events: 21, whole: 20, part: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(corpus, c.name))
			if err != nil {
				t.Fatal(err)
			}
			var got share
			for _, text := range c.split(t, string(content)) {
				got.add(t, text)
			}
			t.Logf("%s: %d records, %d events: %d whole, %d in part, %d in doubt, %d not understood", c.name, got.records, got.events, got.whole, got.part, got.doubt, got.not)
			w := c.least
			if got.records != w.records || got.events < w.events || got.whole < w.whole || got.part+got.whole < w.part+w.whole || got.doubt > w.doubt || got.not > w.not {
				t.Errorf("%+v, want at least %+v", got, w)
			}
		})
	}
}

func (s *share) add(t *testing.T, text string) {
	t.Helper()
	out := apply(t, Layers, text)
	records := out.Filtered
	s.records++
	for i := range out.Events {
		e := &out.Events[i]
		records += e.Records
		s.events++
		switch {
		case e.Get(schema.Tags).Str() == decode.Tag:
			s.not++
			if e.Raw != text {
				t.Errorf("what is not understood is not kept whole: %q", e.Raw)
			}
		case !e.Get(schema.ErrorMessage).IsZero():
			s.doubt++
			t.Logf("in doubt: %s: %s", e.Get(schema.ErrorMessage).Str(), e.Raw)
		case e.Raw == "":
			s.whole++
		default:
			s.part++
			t.Logf("in part: %.300s", e.Raw)
		}
	}
	if records != 1 {
		t.Errorf("%d records came of %q", records, text)
	}
}

func lines(_ testing.TB, text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			list = append(list, line)
		}
	}
	return list
}

func document(_ testing.TB, text string) []string { return []string{text} }

// samples takes the records out of a list of tests of another project.
func samples(t testing.TB, text string) (list []string) {
	for _, line := range lines(t, text) {
		var o struct{ Sample string }
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		list = append(list, o.Sample)
	}
	return list
}
