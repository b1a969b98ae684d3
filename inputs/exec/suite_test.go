package exec

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance runs the suite on a program that follows a file.
func TestConformance(t *testing.T) {
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin, Golden: "testdata", NoPosition: true, NoEnd: true,
		Settings: func(_ testing.TB, dir string) any {
			s := defaults()
			s.Command = []string{"tail", "-n", "+1", "-f", filepath.Join(dir, "a.log")}
			return &s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			f, err := os.OpenFile(filepath.Join(dir, "a.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = f.Write(content)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		Refused: func(testing.TB) any { s := defaults(); return &s },
	})
}

// run reads a program that is run once to its end.
func run(t *testing.T, script string, change func(*Settings)) (all []event.Event, err error) {
	t.Helper()
	s, env := defaults(), plugintest.Env(t.TempDir())
	s.Command, env.Once = []string{"sh", "-c", script}, true
	if change != nil {
		change(&s)
	}
	in, err := Plugin.Input(&s, env)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		var b event.Batch
		err := in.Read(context.Background(), &b, time.Second)
		all = append(all, b.Events...)
		if err != nil {
			return all, err
		}
	}
}

// TestPlacesDoNotComeAgain: the same line after two starts, in the same place of what
// the program writes, is not the same event.
func TestPlacesDoNotComeAgain(t *testing.T) {
	var at []int64
	for _, start := range []time.Duration{0, time.Second} {
		s, env := defaults(), plugintest.Env(t.TempDir())
		s.Command, env.Once = []string{"echo", "ok"}, true
		now := env.Now().Add(start)
		env.Now = func() time.Time { return now }
		in, err := Plugin.Input(&s, env)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Open(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		var b event.Batch
		for len(b.Events) == 0 {
			if err := in.Read(t.Context(), &b, time.Second); err != nil && len(b.Events) == 0 {
				t.Fatal(err)
			}
		}
		at = append(at, b.Events[0].Offset)
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if at[0] == at[1] {
		t.Errorf("both stand at %d", at[0])
	}
}

// TestPrograms: what a program writes comes, line by line, and how it ended is
// said.
func TestPrograms(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         []string
		end          error
		words        string
	}{
		{"lines", `printf 'one\r\n\ntwo\nthree'`, []string{"one", "two", "three"}, io.EOF, ""},
		{"nothing", `true`, nil, io.EOF, ""},
		{"an error after lines", `echo one; exit 3`, []string{"one"}, nil, "exit status 3"},
		{"a child that stays", `sleep 1 >/dev/null & echo one`, []string{"one"}, io.EOF, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, err := run(t, c.script, nil)
			var got []string
			for i := range all {
				got = append(got, all[i].Raw)
			}
			if !slices.Equal(got, c.want) || c.end != nil && !errors.Is(err, c.end) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if _, err := run(t, "", func(s *Settings) { s.Command = []string{"/nowhere"} }); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("a program that is not there: %v", err)
	}
}

// TestLongLines: a line without end is cut at max_line and flagged, and the next
// one is whole.
func TestLongLines(t *testing.T) {
	all, err := run(t, `head -c 300000 /dev/zero | tr '\0' x; echo; echo two`, func(s *Settings) { s.MaxLine = 1 << 10 })
	if !errors.Is(err, io.EOF) || len(all) != 2 || len(all[0].Raw) != 1<<10 || all[0].Get(schema.Tags).Str() != "tallyman_truncated" || all[1].Raw != "two" || !all[1].Get(schema.Tags).IsZero() {
		t.Errorf("%d lines, %v", len(all), err)
	}
}

// TestAStopGivesWhatWasReadAhead: nothing that a program wrote is lost at a stop.
func TestAStopGivesWhatWasReadAhead(t *testing.T) {
	s := defaults()
	s.Command = []string{"sh", "-c", "seq 100; sleep 1000"}
	in, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if f, ok := in.(plugin.Fleeting); !ok || !f.GivesOnce() {
		t.Error("it does not say that its source gives nothing twice")
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	for n == 0 {
		var b event.Batch
		if err := in.Read(ctx, &b, time.Second); err != nil {
			t.Fatal(err)
		}
		n += len(b.Events)
	}
	for end := time.Now().Add(20 * time.Second); n < 100 && len(in.(*input).lines) < 100-n && time.Now().Before(end); {
		var b event.Batch
		if err := in.Read(ctx, &b, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		n += len(b.Events)
	}
	cancel()
	for {
		var b event.Batch
		err := in.Read(ctx, &b, time.Second)
		n += len(b.Events)
		if err != nil {
			break
		}
	}
	if n != 100 {
		t.Errorf("%d of 100 lines came", n)
	}
}

// TestAStopDoesNotWaitForStrangers: a child that left the process group and holds the
// output open does not keep the input from closing.
func TestAStopDoesNotWaitForStrangers(t *testing.T) {
	s := defaults()
	s.Command = []string{"setsid", "-f", "sh", "-c", "echo $$; exec sleep 1000"}
	in, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	var b event.Batch
	for len(b.Events) == 0 {
		if err := in.Read(context.Background(), &b, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	pid, err := strconv.Atoi(b.Events[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- in.Close() }()
	select {
	case err = <-done:
	case <-time.After(20 * time.Second):
		err = errors.New("it waits for the child")
	}
	if err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the child, which is not ours to end: %v", err)
	}
}

// TestAProgramThatClosesItsOutput: one that runs on without an output is waited for as
// any other: Read returns when its time is over, and a stop ends it.
func TestAProgramThatClosesItsOutput(t *testing.T) {
	s := defaults()
	s.Command = []string{"sh", "-c", "echo one; exec >&-; exec sleep 1000"}
	in, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan []event.Event, 1)
	go func() {
		var b event.Batch
		for range 50 {
			if err := in.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
				t.Error(err)
			}
		}
		all <- b.Events
	}()
	select {
	case list := <-all:
		if len(list) != 1 || list[0].Raw != "one" {
			t.Errorf("%d lines came", len(list))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for the program")
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
}
