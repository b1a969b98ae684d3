package k8saudit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// apply decodes one record as a lane does.
func apply(t testing.TB, line string) (out event.Batch) {
	t.Helper()
	env := plugintest.Env("")
	in := event.Batch{Events: []event.Event{{Decode: Plugin.Type, Raw: line, Records: 1, Seen: env.Now(), Shared: env.Shared}}}
	if err := decode.New([]plugin.Plugin{Plugin}, env).Apply(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzDecode: nothing panics, no record is lost, what comes is bounded and fits
// the schema, and of an object that is sound the fields say what encoding/json
// reads.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.in")
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
		out := apply(t, line)
		records := out.Filtered
		for i := range out.Events {
			e := &out.Events[i]
			records += e.Records
			if e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2261 || len(e.Raw) > len(line) {
				t.Errorf("%q: %s", line, plugintest.Dump(e))
			}
			if n := len(e.Get(schema.Message).Str()); n > mostMessage {
				t.Errorf("a message of %d bytes", n)
			}
			agree(t, line, e)
		}
		if records != 1 {
			t.Errorf("%q: %d records came of one", line, records)
		}
	})
}

// agree checks an event against what encoding/json reads of its line.
func agree(t *testing.T, line string, e *event.Event) {
	t.Helper()
	if e.Dataset != Dataset || e.ID.IsZero() || !e.Get(schema.ErrorMessage).IsZero() || !json.Valid([]byte(line)) || strings.Contains(line, `"items"`) {
		return
	}
	var want struct {
		AuditID string            `json:"auditID"`
		Verb    string            `json:"verb"`
		User    map[string]any    `json:"user"`
		Notes   map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal([]byte(line), &want); err != nil || strings.ContainsRune(fmt.Sprint(want), '\ufffd') {
		return // encoding/json folds the case of names, and mends what is no UTF-8
	}
	var exact map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &exact) != nil || exact["auditID"] == nil || exact["verb"] == nil || len(exact) != strings.Count(line, `":`) {
		return // only what is plain is compared
	}
	if got := e.Get(schema.KubernetesAuditAuditID).Str(); got != want.AuditID {
		t.Errorf("%q: auditID is %q, want %q", line, got, want.AuditID)
	}
	if got := e.Get(schema.EventAction).Str(); got != want.Verb {
		t.Errorf("%q: verb is %q, want %q", line, got, want.Verb)
	}
}

// TestHostile: I12, what is nested, doubled or huge is bounded, and kept or said.
func TestHostile(t *testing.T) {
	head := `{"auditID":"a","stage":"ResponseComplete","verb":"create","requestURI":"/api/v1/pods","stageTimestamp":"2026-11-25T10:00:00Z","objectRef":{"resource":"pods"}`
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `,"k%d":1`, i)
	}
	var containers strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&containers, `{"image":"i%d"},`, i)
	}
	for _, c := range []struct {
		name, line, words string
		fields            int
	}{
		{"nested 1e5 deep", head + `,"requestObject":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}", "no JSON object", 8},
		{"1e5 unknown members", head + keys.String() + "}", "", 40},
		{"many images", head + `,"requestObject":{"spec":{"containers":[` + containers.String() + `{}]}}}`, "more images", 120},
		{"many groups", head + `,"user":{"groups":["` + strings.Repeat(`g","`, 10_000) + `"]}}`, "groups holds more", 200},
		{"many addresses", head + `,"sourceIPs":["` + strings.Repeat(`10.0.0.1","`, 10_000) + `"]}`, "sourceIPs holds more", 80},
		{"many annotations", head + `,"annotations":{"a":"b"` + strings.ReplaceAll(keys.String(), ":1", `:"v"`) + "}}", "more annotations", 120},
		{"a doubled reference", head + `,"objectRef":{"resource":"secrets"}}`, "objectRef stands twice", 40},
		{"1e308", head + `,"responseStatus":{"code":1e308}}`, "no status", 40},
		{"a code that is negative", head + `,"responseStatus":{"code":-1}}`, "no status", 40},
		{"a long message", head + `,"responseStatus":{"code":403,"message":"` + strings.Repeat("ä", 100_000) + `"}}`, "", 40},
		{"long user data", head + `,"user":{"username":"a","extra":{"k":["` + strings.Repeat("x", 100_000) + `"]}}}`, "", 40},
		{"a command of many arguments", strings.Replace(head, "/api/v1/pods", "/x?"+strings.Repeat("command=a&", 10_000), 1) + `,"objectRef":{"resource":"pods","subresource":"exec"}}`, "", 140},
	} {
		out := apply(t, c.line)
		if len(out.Events) != 1 {
			t.Errorf("%s: %d events", c.name, len(out.Events))
			continue
		}
		e := &out.Events[0]
		if msg := e.Get(schema.ErrorMessage).Str(); !strings.Contains(msg, c.words) || len(e.Fields) > c.fields || e.Raw == "" {
			t.Errorf("%s: %d fields, error %q, %d bytes kept", c.name, len(e.Fields), msg, len(e.Raw))
		}
	}
}

// TestLargeObjects: objects that are too large are left out of the text, and it
// is said.
func TestLargeObjects(t *testing.T) {
	line := `{"auditID":"a","stage":"ResponseComplete","verb":"create","requestObject":{"kind":"ConfigMap","data":"` + strings.Repeat("x", 1<<20) + `"},"objectRef":{"resource":"configmaps"}}`
	e := apply(t, line).Events[0]
	if want := `{"auditID":"a","stage":"ResponseComplete","verb":"create","requestObject":null,"objectRef":{"resource":"configmaps"}}`; e.Raw != want {
		t.Errorf("kept %q", e.Raw[:min(len(e.Raw), 300)])
	}
	if e.Get(schema.Tags).Str() != tagTruncated || e.Fields.GetNamed(schema.Labels, "objects_bytes").Str() == "" {
		t.Error(plugintest.Dump(&e))
	}
}

// TestStages: which stages are events (SCHEMA 4.8); the others are counted as
// left out.
func TestStages(t *testing.T) {
	for _, c := range []struct {
		stage, verb, resource, sub string
		want                       bool
	}{
		{"RequestReceived", "get", "pods", "", false}, {"RequestReceived", "create", "pods", "exec", false},
		{"ResponseStarted", "get", "pods", "log", false}, {"ResponseStarted", "watch", "pods", "", true}, {"ResponseStarted", "get", "pods", "exec", true},
		{"ResponseStarted", "create", "pods", "attach", true}, {"ResponseStarted", "create", "pods", "portforward", true}, {"ResponseStarted", "create", "nodes", "proxy", true},
		{"ResponseComplete", "get", "pods", "", true}, {"Panic", "get", "pods", "", true}, {"SomethingNew", "get", "pods", "", true},
	} {
		out := apply(t, fmt.Sprintf(`{"auditID":"a","stage":%q,"verb":%q,"objectRef":{"resource":%q,"subresource":%q}}`, c.stage, c.verb, c.resource, c.sub))
		if got := len(out.Events) == 1; got != c.want || got == (out.Filtered == 1) {
			t.Errorf("%+v: %d events, %d left out", c, len(out.Events), out.Filtered)
		}
	}
}

// TestIDs: the same event again has the same id, whatever it came with; another
// one with the same auditID, which clients choose, has another.
func TestIDs(t *testing.T) {
	line := `{"auditID":"a","stage":"ResponseComplete","verb":"get","requestURI":"/a","user":{"username":"u"},"requestReceivedTimestamp":"2026-11-25T10:00:00.000001Z","stageTimestamp":"2026-11-25T10:00:00.000002Z"}`
	first := apply(t, line).Events[0].ID
	env := plugintest.Env("")
	in := event.Batch{Events: []event.Event{{Decode: Plugin.Type, Raw: `{"kind":"Event",` + line[1:], Records: 1, Offset: 4711, Seen: env.Now().Add(time.Hour)}}}
	var out event.Batch
	if err := decode.New([]plugin.Plugin{Plugin}, env).Apply(t.Context(), &in, &out); err != nil || out.Events[0].ID != first {
		t.Errorf("the same event again has another id, %v", err)
	}
	for _, c := range []string{`"stage":"Panic"`, `"verb":"list"`, `"requestURI":"/b"`, `"stageTimestamp":"2026-11-25T10:00:00.000003Z"`} {
		name, _, _ := strings.Cut(c, ":")
		from := strings.Index(line, name)
		to := from + strings.IndexAny(line[from+len(name)+2:], `"`) + len(name) + 3
		if other := apply(t, line[:from]+c+line[to:]).Events; len(other) != 1 || other[0].ID == first {
			t.Errorf("with %s it has the same id", c)
		}
	}
}
