package docker

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

var (
	idA = strings.Repeat("0a", 32)
	idB = strings.Repeat("0b", 32)
)

// begun is the time of the first line.
var begun = time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC).UnixNano()

func logsSettings(t testing.TB, path string) *LogsSettings {
	t.Helper()
	s, ok := Logs.Settings().(*LogsSettings)
	if !ok {
		t.Fatal("the settings are another type")
	}
	s.Host = "unix://" + path
	return s
}

// TestLogsConformance: the input passes the suite against an engine at a socket,
// whose one container prints what is appended, on both streams by turns.
func TestLogsConformance(t *testing.T) {
	all := &folders{of: map[string]*fakeEngine{}}
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Logs, Golden: "testdata/logs",
		Settings: func(t testing.TB, dir string) any { return logsSettings(t, all.at(t, dir).path) },
		Refused: func(t testing.TB) any {
			s := logsSettings(t, "x")
			s.Logs = "some"
			return s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			f := all.at(t, dir)
			select {
			case <-f.quit:
				f.start(t)
			default:
			}
			f.mu.Lock()
			b := f.boxes[idA]
			f.mu.Unlock()
			if b == nil {
				b = f.put(&box{id: idA, name: "web", driver: "local", running: true})
			}
			for line := range strings.Lines(string(content)) {
				f.mu.Lock()
				n := int64(len(b.log))
				f.mu.Unlock()
				f.print(b, said{1 + int(n%2), begun + n/3*1000, line}) // three of one time
			}
			f.tell(startOf(idA))
		},
		Vanish: func(t testing.TB, dir string) { t.Helper(); all.at(t, dir).stop() },
	})
}

func startOf(id string) string { return eventOf(id, "start") }

func eventOf(id, action string) string {
	now := time.Now().UnixNano()
	return `{"Type":"container","Action":"` + action + `","Actor":{"ID":"` + id + `"},"time":` + strconv.FormatInt(now/1e9, 10) + `,"timeNano":` + strconv.FormatInt(now, 10) + `}`
}

// TestLogsSettingsAreChecked: each mistake is named by its key.
func TestLogsSettingsAreChecked(t *testing.T) {
	for key, change := range map[string]func(*LogsSettings){
		"host": func(s *LogsSettings) { s.Host = "x" }, "logs": func(s *LogsSettings) { s.Logs = "x" },
		"exclude":  func(s *LogsSettings) { s.Exclude = []plugin.Text{{Value: "["}} },
		"start_at": func(s *LogsSettings) { s.StartAt = "x" }, "containers": func(s *LogsSettings) { s.Containers = 0 },
		"decode": func(s *LogsSettings) { s.Decode = "" },
	} {
		s := logsSettings(t, "/x")
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		change(s)
		if p := s.Check(); len(p) != 1 || p[0].Key != key {
			t.Errorf("%s: %v", key, p)
		}
	}
}

// reader reads an input in a test.
type reader struct {
	t    *testing.T
	in   plugin.Input
	pos  []byte
	got  []event.Event
	lost []event.Loss
}

func openLogs(t *testing.T, s *LogsSettings, from []byte) *reader {
	t.Helper()
	in, err := buildLogs(s, plugintest.Env(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), from); err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, in: in, pos: from}
	t.Cleanup(func() { _ = in.Close() })
	return r
}

// until reads until there are n lines; of what is read again it is patient.
func (r *reader) until(n int) []string {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); len(r.got) < n; {
		if time.Now().After(end) {
			r.t.Fatalf("%d lines of %d came", len(r.got), n)
		}
		var b event.Batch
		err := r.in.Read(context.Background(), &b, 100*time.Millisecond)
		if retry := (*plugin.Error)(nil); err != nil && !errors.As(err, &retry) {
			r.t.Fatal(err)
		}
		r.got, r.lost = append(r.got, b.Events...), append(r.lost, b.Losses...)
		if len(b.Events) > 0 {
			r.pos = b.Position
		}
	}
	var list []string
	for i := range r.got {
		list = append(list, r.got[i].Fields.GetNamed(schema.Labels, "stream").Str()+" "+r.got[i].Raw)
	}
	return list
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%q, want\n%q", what, got, want)
	}
}

// TestLogsAreReadOnce: over restarts of the input after each line, with lines of
// one time and of both streams, each comes once, and in order.
func TestLogsAreReadOnce(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	var want, got []string
	var pos []byte
	for i := range 12 {
		stream := 1 + i/2%2
		text := strconv.Itoa(i)
		f.print(b, said{stream, begun + int64(i/5), text + "\n"})
		want = append(want, map[int]string{1: "stdout ", 2: "stderr "}[stream]+text)
		r := openLogs(t, logsSettings(t, f.path), pos)
		got = append(got, r.until(1)...)
		pos = r.pos
		if err := r.in.Close(); err != nil {
			t.Fatal(err)
		}
		if len(r.lost) > 0 {
			t.Errorf("lost: %v", r.lost)
		}
	}
	same(t, "lines", got, want...)
}

// TestLinesHaveTheirOwnIDs: the same text of two containers, on two streams, and again
// and again has an id for each line, the same when it is read again.
func TestLinesHaveTheirOwnIDs(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	for _, id := range []string{idA, idB} {
		b := f.put(&box{id: id, driver: "local", running: true})
		for _, nano := range []int64{0, 0, 1, 2} {
			f.print(b, said{1, begun + nano, "ok\n"})
			f.print(b, said{2, begun + nano, "ok\n"})
		}
	}
	s := logsSettings(t, f.path)
	s.Decode = "json"
	seen := map[event.ID]int{}
	for range 2 {
		r := openLogs(t, s, nil)
		r.until(16)
		for i := range r.got {
			seen[r.got[i].ID]++
		}
		if err := r.in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for id, n := range seen {
		if n != 2 || id.IsZero() {
			t.Errorf("%d lines have the id %s", n, id)
		}
	}
	if len(seen) != 16 {
		t.Errorf("%d ids of 16 lines", len(seen))
	}
}

// TestLogsOfABrokenConnection: what was cut within a frame is read again, whole.
func TestLogsOfABrokenConnection(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	f.print(b, said{1, begun, "one\n"}, said{2, begun, strings.Repeat("y", 200) + "\n"}, said{1, begun, "three\n"})
	f.change(func() { f.cutAt = 100 })
	r := openLogs(t, logsSettings(t, f.path), nil)
	same(t, "lines", r.until(3), "stdout one", "stderr "+strings.Repeat("y", 200), "stdout three")
}

// TestRotatedLogsAreSaid: when the line of the position is no more there, that is a
// loss; when the log only goes on, it is none.
func TestRotatedLogsAreSaid(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	f.print(b, said{1, begun, "one\n"}, said{1, begun + 1, "two\n"})
	r := openLogs(t, logsSettings(t, f.path), nil)
	r.until(2)
	pos := r.pos
	_ = r.in.Close()
	f.change(func() { b.log = []said{{1, begun + 9, "ten\n"}} })
	r = openLogs(t, logsSettings(t, f.path), pos)
	same(t, "lines", r.until(1), "stdout ten")
	if len(r.lost) != 1 || r.lost[0].Reason != event.Misplaced {
		t.Errorf("losses: %v", r.lost)
	}
}

// TestAClockSetBack: lines that were printed after the clock of the host was set back
// are read, by little behind the last line that was read, by more beside what comes
// twice then, with the same ids.
func TestAClockSetBack(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	f.print(b, said{1, begun, "one\n"}, said{1, begun, "two\n"})
	r := openLogs(t, logsSettings(t, f.path), nil)
	r.until(2)
	pos := r.pos
	_ = r.in.Close()
	f.print(b, said{1, begun - int64(time.Second), "three\n"})
	r = openLogs(t, logsSettings(t, f.path), pos)
	same(t, "a second back", r.until(1), "stdout three")
	ahead := begun + int64(time.Hour)
	f.print(b, said{1, ahead, "four\n"})
	r.until(2)
	id := r.got[1].ID
	pos = r.pos
	_ = r.in.Close()
	f.print(b, said{1, begun, "five\n"})
	r = openLogs(t, logsSettings(t, f.path), pos)
	same(t, "an hour back", r.until(5), "stdout one", "stdout two", "stdout three", "stdout four", "stdout five")
	if r.got[3].ID != id || len(r.lost) > 0 {
		t.Errorf("the id of what comes twice is %v, and was %v; losses: %v", r.got[3].ID, id, r.lost)
	}
}

// TestALongListOfContainers: a host with thousands of containers, most of which have
// ended, is read as any other.
func TestALongListOfContainers(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	b := f.put(&box{id: idA, driver: "local", running: true})
	f.print(b, said{1, begun, "one\n"})
	f.answers = map[string]string{"/containers/json": `[{"Id":"` + idA + `","Labels":{"x":"` + strings.Repeat("y", 5<<20) + `"}}]`}
	same(t, "lines", openLogs(t, logsSettings(t, f.path), nil).until(1), "stdout one")
}

// TestContainersComeAndGo: those that start are followed, those that end are read
// to their end, also the word that has none; one that starts again goes on; those
// of other drivers and those that are left out are not read.
func TestContainersComeAndGo(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	a := f.put(&box{id: idA, name: "a", driver: "fluentd", running: true})
	for i, x := range []struct{ name, driver string }{{"j", "json-file"}, {"d", "journald"}, {"n", "none"}, {"tallyman-1", "local"}} {
		o := f.put(&box{id: strings.Repeat("f"+strconv.Itoa(i), 32), name: x.name, driver: x.driver, running: true})
		f.print(o, said{1, begun, "not this\n"})
	}
	f.print(a, said{1, begun, "a1\n"})
	s := logsSettings(t, f.path)
	s.Exclude = []plugin.Text{{Value: "tallyman*"}}
	r := openLogs(t, s, nil)
	r.until(1)
	b := f.put(&box{id: idB, name: "b", driver: "local", running: true})
	f.tell(startOf(idB))
	f.print(b, said{2, begun, "b1\n"})
	r.until(2)
	f.print(b, said{1, begun + 1, "last word"})
	f.change(func() { b.running = false })
	r.until(3)
	f.change(func() { b.running = true })
	f.tell(startOf(idB))
	f.print(b, said{1, begun + 2, "b2\n"})
	same(t, "lines", r.until(4), "stdout a1", "stderr b1", "stdout last word", "stdout b2")
	if e := r.got[2]; !e.Fields.Get(schema.Tags).IsZero() || e.Fields.Get(schema.ContainerName).Str() != "b" || e.Fields.Get(schema.ContainerID).Str() != idB {
		t.Errorf("the last word: %v", e.Fields)
	}
	f.change(func() { b.running = false; delete(f.boxes, idB) })
	f.tell(eventOf(idB, "destroy"))
	f.print(a, said{1, begun + 5, "a2\n"})
	r.until(5)
	in := r.in.(*logs)
	for end := time.Now().Add(10 * time.Second); len(in.places) > 1 && time.Now().Before(end); {
		var more event.Batch
		_ = in.Read(context.Background(), &more, 50*time.Millisecond)
	}
	if _, ok := in.places[idB]; ok || len(in.places) != 1 {
		t.Errorf("what is removed is remembered: %v", in.places)
	}
}

// TestLogsStartAtEnd: of what is there only what comes is read, and all of what comes
// later.
func TestLogsStartAtEnd(t *testing.T) {
	f := engineAt(t, t.TempDir()+"/s")
	a := f.put(&box{id: idA, driver: "local", running: true})
	f.print(a, said{1, plugintest.Env("").Now().UnixNano() - 1, "old\n"})
	s := logsSettings(t, f.path)
	s.StartAt = "end"
	r := openLogs(t, s, nil)
	var none event.Batch
	if err := r.in.Read(context.Background(), &none, time.Millisecond); err != nil || len(none.Events) > 0 {
		t.Fatal(err, none.Events)
	}
	b := f.put(&box{id: idB, driver: "local", running: true})
	f.print(b, said{1, begun, "all\n"})
	f.tell(startOf(idB))
	same(t, "lines", r.until(1), "stdout all")
}

// TestAwayIsOneReason: while an engine is away each try fails for the same reason in
// the same words, whatever time it asks for: the log says a reason once.
func TestAwayIsOneReason(t *testing.T) {
	env := plugintest.Env(t.TempDir())
	at := env.Now()
	env.Now = func() time.Time { at = at.Add(time.Second); return at }
	host := "unix://" + t.TempDir() + "/none.sock"
	for name, build := range map[string]func() (plugin.Input, error){
		"docker_logs": func() (plugin.Input, error) { s := logsDefaults(); s.Host = host; return Logs.Input(&s, env) },
		"docker":      func() (plugin.Input, error) { s := defaults(); s.Host = host; return Plugin.Input(&s, env) },
	} {
		in, err := build()
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		said := map[string]bool{}
		for range 3 {
			err := in.Read(t.Context(), &event.Batch{}, time.Millisecond)
			if err == nil {
				t.Fatalf("%s reads from nothing", name)
			}
			said[err.Error()] = true
			if text := err.Error(); strings.Contains(text, "since=") || !strings.Contains(text, "does the engine run") {
				t.Errorf("%s says %s", name, text)
			}
		}
		if len(said) != 1 {
			t.Errorf("%s gives %d reasons for one: %v", name, len(said), said)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}
