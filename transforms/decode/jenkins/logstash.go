package jenkins

import (
	"errors"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsontree"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/record"
)

var errLogstash = errors.New("no JSON of the logstash plugin")

type logstashDecoder struct {
	env  plugin.Env
	doc  jsontree.Doc
	seed []byte
}

func newLogstash(env plugin.Env) plugin.Decoder { return &logstashDecoder{env: env} }

// Decode implements plugin.Decoder. The plugin posts either each line as it comes
// or, at a build's end, its last lines with its result.
func (d *logstashDecoder) Decode(e event.Event, out *event.Batch) error {
	root, ok := d.doc.Parse(e.Raw)
	if !ok || !root.IsObject() {
		return errLogstash
	}
	data := root.Get("data")
	if !data.IsObject() {
		data = root // what it writes without an envelope
	}
	lines := root.Get("message")
	if !lines.IsArray() && !lines.IsString() && data.Get("buildNum").Text() == "" {
		return errLogstash
	}
	f := facts{dataset: DatasetBuild, kind: "build_log", action: "build-output"}
	f.data(data)
	f.lines(lines)
	at, ok := record.Time(root.Any("@timestamp", "@buildTimestamp").Str())
	if began, ok := record.Time(root.Get("@buildTimestamp").Str()); ok {
		f.began = began
	}
	if !ok {
		at = time.Time{}
	}
	root.Get("source").Skip()
	root.Get("@version").Skip()
	f.url = strings.TrimSuffix(root.Get("source_host").Str(), "/")
	if u := data.Get("url").Str(); u != "" {
		f.jobURL = u
		if strings.Contains(u, "://") {
			f.url, f.jobURL = u, ""
		} else {
			f.url = strings.TrimSuffix(f.url, "/") + "/" + u
		}
	}
	f.keep = f.keep || root.Left()
	d.seed = emit(&d.env, d.seed, e, &f, at, out)
	return nil
}

// data reads what is known of the build.
func (f *facts) data(data jsontree.Node) {
	f.job = data.Any("fullProjectName", "rootFullProjectName", "projectName").Str()
	f.number, _ = data.Get("buildNum").Int()
	f.node = data.Any("buildHost", "buildLabel").Str()
	ms, ok := data.Get("buildDuration").Int() // so far
	if result := data.Get("result").Str(); result != "" {
		if ok && ms > 0 && ms < 1e12 {
			f.took = time.Duration(ms) * time.Millisecond
		}
		f.kind, f.action = "run_completed", "build-completed"
		f.finished(result)
	}
	hidden := map[string]bool{}
	data.Get("sensitiveBuildVariables").Each(func(_ string, n jsontree.Node) { hidden[n.Str()] = true })
	data.Get("buildVariables").Each(func(name string, n jsontree.Node) {
		if v := n.Text(); !hidden[name] {
			f.params = append(f.params, pair{name, v})
		}
	})
	for _, name := range [...]string{"GIT_COMMIT", "GIT_BRANCH", "GIT_URL"} {
		v := data.Get("buildVariables", name).Str()
		switch {
		case v == "":
		case name == "GIT_COMMIT":
			f.commit = v
		case name == "GIT_BRANCH":
			f.ref = refOf(v)
		default:
			f.repository = repositoryOf(v)
		}
	}
	for _, name := range [...]string{"id", "projectName", "displayName", "fullDisplayName", "rootProjectName", "rootFullProjectName", "rootProjectDisplayName", "rootBuildNum", "buildLabel"} {
		data.Get(name).Skip() // said already, in other words
	}
	if d := data.Get("description").Str(); d != "" {
		f.labels = append(f.labels, pair{"description", d})
	}
	tests := data.Get("testResults")
	for _, name := range [...]string{"totalCount", "skipCount", "failCount", "passCount"} {
		if v := tests.Get(name).Text(); v != "" {
			f.labels = append(f.labels, pair{"tests_" + strings.TrimSuffix(name, "Count"), v})
		}
	}
}

// lines reads what the build printed.
func (f *facts) lines(n jsontree.Node) {
	var all []string
	if n.IsString() {
		all = append(all, n.Str())
	}
	n.Each(func(_ string, line jsontree.Node) { all = append(all, line.Str()) })
	var shown []string
	for _, raw := range all {
		_, text := console(strings.TrimRight(raw, "\r\n"))
		shown = append(shown, text)
		before := f.action
		f.line(text, false)
		if before == "build-completed" {
			f.action = before
		}
	}
	f.message = strings.Join(shown, "\n")
	f.keep = len(f.message) > mostMessage
}
