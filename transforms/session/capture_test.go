package session

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
	"tallyman/transforms/audit"
	"tallyman/transforms/container"
	"tallyman/transforms/decode/dockerevent"
)

// captures is where the recorded hosts are, beside the clone.
const captures = "../../../shared/corpus/audit-live"

// unpacked reads a file that may be gzip.
func unpacked(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// records returns the lines of files, as an input gives them to a decoder.
func records(t testing.TB, decode string, files ...string) (list []event.Event) {
	t.Helper()
	for _, f := range files {
		for line := range strings.Lines(string(unpacked(t, f))) {
			list = append(list, event.Event{Decode: decode, Raw: strings.TrimSuffix(line, "\n"), Records: 1})
		}
	}
	return list
}

// through sends events through a stage.
func through(t testing.TB, stage plugin.Stage, list []event.Event) (out []event.Event) {
	t.Helper()
	for part := range slices.Chunk(list, 500) {
		res := new(event.Batch)
		var loan plugintest.Loan // the texts of a batch are written over after it
		if err := stage.Apply(t.Context(), &event.Batch{Events: loan.Lend(part)}, res); err != nil {
			t.Fatal(err)
		}
		for i := range res.Events {
			out = append(out, res.Events[i].Own())
		}
		loan.Back()
	}
	if h, ok := stage.(plugin.Holder); ok {
		res := new(event.Batch)
		h.Flush(res)
		out = append(out, res.Events...)
	}
	return out
}

// recorded returns the events of a recorded host: of its kernel, with their
// containers, and of its engine.
func recorded(t testing.TB, dir string) (kernel, engine []event.Event) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "audit.log*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(logs, func(a, b string) int { return len(b) - len(a) }) // audit.log.gz is the newest
	if len(logs) > 1 {
		slices.SortFunc(logs[:len(logs)-1], func(a, b string) int { return strings.Compare(b, a) })
	}
	env := plugintest.Env("")
	env.Once = true
	decode, err := audit.Plugin.Transform(audit.Plugin.Settings(), env)
	if err != nil {
		t.Fatal(err)
	}
	s := container.Plugin.Settings().(*container.Settings)
	file := func(name string) plugin.Text { return plugin.Text{Value: filepath.Join(dir, name)} }
	s.Offline = &container.Offline{Inspect: []plugin.Text{file("inspect.json")}, Events: []plugin.Text{file("docker-events.jsonl"), file("podman-events.jsonl")}, Timeline: file("timeline.jsonl.gz")}
	find, err := container.Plugin.Transform(s, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = decode.Close(), find.Close() })
	kernel = through(t, find.Lane("audit"), through(t, decode.Lane("audit"), records(t, "audit", logs...)))
	d := dockerevent.Plugin.Decoder(env)
	var out event.Batch
	for _, e := range records(t, "docker_event", filepath.Join(dir, "docker-events.jsonl")) {
		if err := d.Decode(e, &out); err != nil {
			t.Fatal(err)
		}
	}
	return kernel, out.Events
}

// truth is what is known of one event of a capture.
type truth struct {
	Event, Context, Runtime, Category string
	Container                         string `json:"container_id"`
	PID, PPID                         int64
}

type life struct {
	pid       int64
	container string
}

// TestCaptures: on recorded hosts the trees of `docker exec`, and nothing else,
// are told their exec, whether the engine is heard first or in step.
func TestCaptures(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(captures, "*", "truth.jsonl.gz"))
	if err != nil || len(dirs) == 0 {
		t.Skipf("NOT RUN: the captures are not here (%s); nothing of a real host was joined", captures)
	}
	for _, d := range dirs {
		t.Run(filepath.Base(filepath.Dir(d)), func(t *testing.T) {
			if testing.Short() && strings.Contains(d, "medium") {
				t.Skip("NOT RUN: the long capture, because of -short")
			}
			kernel, engine := recorded(t, filepath.Dir(d))
			known := map[string]truth{}
			for line := range bytes.Lines(unpacked(t, d)) {
				var w truth
				if err := json.Unmarshal(line, &w); err != nil {
					t.Fatal(err)
				}
				known[w.Event] = w
			}
			merged := append(slices.Clone(engine), kernel...)
			slices.SortStableFunc(merged, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
			lossy := strings.Contains(d, "lossy")
			t.Run("the engine first", func(t *testing.T) { joinedAs(t, append(slices.Clone(engine), kernel...), engine, known, lossy) })
			t.Run("in step", func(t *testing.T) { joinedAs(t, merged, engine, known, lossy) })
		})
	}
}

// joinedAs sends events through the transform and holds what they are told against
// what is known of them: every program of an exec is told just its exec, and
// nothing of another process is.
func joinedAs(t *testing.T, list, engine []event.Event, known map[string]truth, lossy bool) {
	t.Helper()
	boxes, commands := map[string]string{}, map[string]string{} // of an exec
	for i := range engine {
		f := engine[i].Fields
		if id := f.Get(schema.DockerExecID).Str(); id != "" {
			boxes[id] = f.Get(schema.ContainerID).Str()
			if c := f.Get(schema.DockerExecCommand).Str(); c != "" {
				commands[id] = strings.TrimRight(c, " ")
			}
		}
	}
	mine := map[life]bool{} // the truth calls the end of an exec's process, and a child whose records are lost, no event of the exec
	for _, w := range known {
		if w.Context == "exec" && w.Runtime == "docker" {
			mine[life{w.PID, w.Container}] = true
		}
	}
	var of, told, exactly, programs, lost int
	for _, e := range through(t, build(t, nil).Lane("a"), list) {
		f := e.Fields
		key := fmt.Sprintf("%d.%03d:%s", e.Time.Unix(), e.Time.UnixMilli()%1000, f.Get(schema.EventSequence).Append(nil))
		w, how, id := known[key], f.Get(schema.TallymanSessionHow).Str(), f.Get(schema.TallymanSessionID).Str()
		own := w.Context == "exec" && w.Runtime == "docker"
		if how != "" && (!mine[life{w.PID, w.Container}] && !mine[life{w.PPID, w.Container}] || how != howDocker || boxes[id] != w.Container) {
			t.Errorf("%s of %+v is told %s %s", key, w, how, id)
		}
		if !own {
			continue
		}
		of++
		program := f.Get(schema.EventAction).Str() == "executed" && w.Category == "main"
		switch {
		case program && how == "":
			lost++
		case program:
			programs++
			if ran := strings.Join((&seen{e: &e}).args(), " "); ran != commands[id] {
				t.Errorf("%s ran %q, and its exec %s says %q", key, ran, id, commands[id])
			}
		}
		if how != "" {
			told++
		}
		if f.Get(schema.TallymanSessionConfidence).Str() == exact {
			exactly++
		}
	}
	t.Logf("%d programs of docker exec are told their exec, %d not; %d of %d events of their trees, %d by the exec's id", programs, lost, told, of, exactly)
	if programs == 0 || !lossy && (lost > 0 || told*2 < of) {
		t.Errorf("%d programs of docker exec are told nothing, and %d of %d events of their trees", lost, of-told, of)
	}
}
