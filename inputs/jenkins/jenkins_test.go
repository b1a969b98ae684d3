package jenkins

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

func add(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin, Golden: "testdata",
		Settings: func(_ testing.TB, dir string) any {
			s := defaults()
			s.Home.Value, s.Audit = filepath.Join(dir, "home"), []plugin.Text{{Value: filepath.Join(dir, "audit*.log")}}
			s.Timezone = "Europe/Berlin"
			return &s
		},
		Refused: func(testing.TB) any {
			s := defaults()
			return &s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			add(t, filepath.Join(dir, "audit.log"), string(content))
		},
	})
}

// rig is an input on a home of its own, with a clock.
type rig struct {
	*input
	t    *testing.T
	home string
	tick atomic.Int64 // seconds that have passed; the files are looked at from another goroutine
}

func (r *rig) now() time.Time { return time.Unix(1_795_511_700+r.tick.Load(), 0).UTC() }

func start(t *testing.T, home string, from []byte, once bool) *rig {
	t.Helper()
	r := &rig{t: t, home: home}
	env := plugintest.Env(home)
	env.Now, env.Once = r.now, once
	s := defaults()
	s.Home.Value, s.Audit = home, []plugin.Text{{Value: filepath.Join(home, "logs", "audit.log")}}
	s.System, s.Access = []plugin.Text{{Value: filepath.Join(home, "logs", "jenkins.log")}}, []plugin.Text{{Value: filepath.Join(home, "logs", "access.log")}}
	s.Timezone = "+02:00"
	in, err := Plugin.Input(&s, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), from); err != nil {
		t.Fatal(err)
	}
	r.input = in.(*input)
	return r
}

// until reads until as many records came as are wanted, and returns the position
// after them.
func (r *rig) until(n int) (list []event.Event, pos []byte) {
	r.t.Helper()
	for end := time.Now().Add(patience); len(list) < n && time.Now().Before(end); {
		var b event.Batch
		err := r.Read(context.Background(), &b, 10*time.Millisecond)
		if err != nil && !errors.Is(err, io.EOF) {
			r.t.Fatal(err)
		}
		for _, e := range b.Events {
			e.Fields = append(event.Fields(nil), e.Fields...)
			list = append(list, e)
		}
		if b.Position != nil {
			pos = append([]byte(nil), b.Position...)
		}
		r.tick.Add(1)
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if len(list) != n {
		r.t.Fatalf("%d records came, not %d", len(list), n)
	}
	return list, pos
}

const over = "<?xml version='1.1' encoding='UTF-8'?>\n<flow-build>\n  <result>SUCCESS</result>\n</flow-build>"

// TestBuilds: the log of a build is followed; when its build.xml has a result it
// comes as one record, once, also over a restart; a build that is deleted is
// forgotten.
func TestBuilds(t *testing.T) {
	home := t.TempDir()
	one, two := filepath.Join(home, "jobs", "shop", "jobs", "api", "builds", "41"), filepath.Join(home, "jobs", "web", "branches", "main", "builds", "7")
	r := start(t, home, nil, false)
	add(t, filepath.Join(one, "log"), "Started by user Ana\n")
	add(t, filepath.Join(one, "build.xml"), "<flow-build>\n</flow-build>")
	add(t, filepath.Join(two, "log"), "Started by timer\n")
	list, pos := r.until(2)
	for _, e := range list {
		if e.Decode != decodeBuild {
			t.Errorf("%s", plugintest.Dump(&e))
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	// What ended while nobody read is told after.
	add(t, filepath.Join(one, "log"), "Finished: SUCCESS\n")
	if err := os.WriteFile(filepath.Join(one, "build.xml"), []byte(over), 0o600); err != nil {
		t.Fatal(err)
	}
	r = start(t, home, pos, false)
	list, pos = r.until(2)
	var xml *event.Event
	for i := range list {
		if list[i].Decode == decodeBuildXML {
			xml = &list[i]
		}
	}
	if xml == nil || xml.Raw != over || xml.Records != 1 || xml.Get(schema.LogFilePath).Str() != filepath.Join(one, "build.xml") {
		t.Fatalf("%+v", list)
	}
	if len(r.builds.open) != 1 || r.builds.open[0] != two {
		t.Errorf("open are %q", r.builds.open)
	}
	if err := os.RemoveAll(two); err != nil {
		t.Fatal(err)
	}
	if r.builds.ended(r.now(), true); len(r.builds.open) != 0 {
		t.Errorf("open are %q", r.builds.open)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = start(t, home, pos, true)
	var b event.Batch
	if err := r.Read(context.Background(), &b, time.Millisecond); !errors.Is(err, io.EOF) || len(b.Events) != 0 {
		t.Errorf("%d records came again, %v", len(b.Events), err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLinks: build.xml is read where it is a file, and no link to one.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	add(t, filepath.Join(dir, "secret"), "<result>")
	build := filepath.Join(dir, "1")
	if err := os.MkdirAll(build, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(build, "build.xml")); err != nil {
		t.Fatal(err)
	}
	b := builds{open: []string{build}}
	if list := b.ended(time.Now(), true); len(list) != 0 || len(b.open) != 1 {
		t.Errorf("%+v", list)
	}
}

// TestKinds: each file has its decoder, and local times their zone.
func TestKinds(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"audit", "jenkins", "access"} {
		add(t, filepath.Join(home, "logs", name+".log"), name+"\n")
	}
	add(t, filepath.Join(home, "jobs", "a", "builds", "1", "log"), "build\n")
	add(t, filepath.Join(home, "jobs", "a", "builds", "lastStableBuild", "log"), "not this\n")
	r := start(t, home, nil, true)
	list, _ := r.until(4)
	want := map[string][2]string{"audit": {decodeAudit, "+02:00"}, "jenkins": {decodeLog, "+02:00"}, "access": {decodeAccess, ""}, "build": {decodeBuild, ""}}
	for i := range list {
		e := &list[i]
		if got := [2]string{e.Decode, e.Get(schema.EventTimezone).Str()}; got != want[e.Raw] {
			t.Errorf("%q: %q, want %q", e.Raw, got, want[e.Raw])
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTooManyBuilds: what is waited for is bounded.
func TestTooManyBuilds(t *testing.T) {
	r := start(t, t.TempDir(), nil, false)
	for i := range mostOpen + 2 {
		r.builds.begun(filepath.Join("/nowhere", string(rune('a'+i%26)), strings.Repeat("x", i/26)), r.env.Log)
	}
	if len(r.builds.open) != mostOpen || r.builds.forgotten.Value() != 2 {
		t.Errorf("%d are open, %d forgotten", len(r.builds.open), r.builds.forgotten.Value())
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPositions: a position comes back as it was; what is none of ours goes to
// the files, who say what becomes of it.
func TestPositions(t *testing.T) {
	for _, set := range []string{"", "x", "jenkins 1 ", "a\nb\n"} {
		b := builds{open: []string{"/a/1", "/b c/2"}}
		enc := b.encode(nil, []byte(set))
		var back builds
		if got := back.restore(enc); string(got) != set || strings.Join(back.open, ",") != "/a/1,/b c/2" {
			t.Errorf("%q: %q, %q", set, got, back.open)
		}
	}
	for _, damaged := range []string{"", "x", "jenkins 1 ", "jenkins 1 9\nabc", "jenkins 1 -1\n", "jenkins 2 0\n"} {
		var b builds
		if got := b.restore([]byte(damaged)); string(got) != damaged || len(b.open) != 0 {
			t.Errorf("%q: %q, %q", damaged, got, b.open)
		}
	}
}
