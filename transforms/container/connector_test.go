package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// datagram builds what the kernel sends: header, cn_msg, proc_event.
func datagram(what uint32, t uint64, data ...uint32) []byte {
	b := make([]byte, dataAt+24)
	ne := binary.NativeEndian
	ne.PutUint32(b, uint32(len(b)))
	ne.PutUint32(b[nlHeader:], cnIdxProc)
	ne.PutUint32(b[nlHeader+4:], cnValProc)
	ne.PutUint32(b[eventAt:], what)
	ne.PutUint64(b[eventAt+8:], t)
	for i, d := range data {
		ne.PutUint32(b[dataAt+4*i:], d)
	}
	return b
}

func TestParseProcEvent(t *testing.T) {
	foreign := datagram(procFork, 7, 10, 10, 30, 30)
	binary.NativeEndian.PutUint32(foreign[nlHeader:], 5)
	for name, c := range map[string]struct {
		b    []byte
		want change
		ok   bool
	}{
		"a fork":                 {datagram(procFork, 7, 10, 10, 30, 30), change{t: 7, kind: changeFork, pid: 30, ppid: 10}, true},
		"a fork by a thread":     {datagram(procFork, 7, 11, 10, 30, 30), change{t: 7, kind: changeFork, pid: 30, ppid: 10}, true},
		"a thread begins":        {datagram(procFork, 7, 10, 10, 31, 30), change{}, false},
		"an exec":                {datagram(procExec, 8, 30, 30), change{t: 8, kind: changeExec, pid: 30, ppid: 0}, true},
		"an exit":                {datagram(procExit, 9, 30, 30, 0, 17), change{t: 9, kind: changeExit, pid: 30, ppid: 0}, true},
		"a thread ends":          {datagram(procExit, 9, 31, 30, 0, 17), change{}, false},
		"another user":           {datagram(procUID, 9, 30, 30), change{t: 9, kind: changeLook, pid: 30, ppid: 0}, true},
		"another name":           {datagram(procComm, 9, 30, 30), change{t: 9, kind: changeLook, pid: 30, ppid: 0}, true},
		"a thread's user":        {datagram(procUID, 9, 31, 30), change{t: 9, kind: changeLook, pid: 30, ppid: 0}, true},
		"a thread's name":        {datagram(procComm, 9, 31, 30), change{}, false},
		"traced":                 {datagram(procPtrace, 9, 30, 30), change{}, false},
		"an answer":              {datagram(0, 9, 0), change{}, false},
		"of another connector":   {foreign, change{}, false},
		"cut":                    {datagram(procFork, 7, 10, 10, 30, 30)[:dataAt+12], change{}, false},
		"cut before its process": {datagram(procExit, 7, 10, 10)[:dataAt+4], change{}, false},
		"empty":                  {nil, change{}, false},
	} {
		got, ok := parseProcEvent(c.b)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v %v, want %+v %v", name, got, ok, c.want, c.ok)
		}
	}
}

func FuzzParseProcEvent(f *testing.F) {
	f.Add(datagram(procFork, 7, 10, 10, 30, 30))
	f.Add(datagram(procExit, 9, 31, 30))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parseProcEvent(b); ok && (c.pid <= 0 || c.kind >= changeKinds) {
			t.Errorf("%+v of %x", c, b)
		}
	})
}

// fed is a connector that a test feeds.
type fed struct {
	in     chan []change
	kicked chan struct{}
	gone   chan struct{}
	err    error
}

func newFed() *fed {
	return &fed{in: make(chan []change), kicked: make(chan struct{}, 1), gone: make(chan struct{})}
}

func (f *fed) next(dst []change) ([]change, int64, error) {
	select {
	case c := <-f.in:
		return append(dst, c...), time.Now().UnixNano(), nil
	case <-f.kicked:
		return dst, time.Now().UnixNano(), nil
	case <-f.gone:
		if f.err != nil {
			return dst, 0, f.err
		}
		return dst, 0, os.ErrClosed
	}
}

func (f *fed) kick() {
	select {
	case f.kicked <- struct{}{}:
	default:
	}
}

func (f *fed) close() error {
	close(f.gone)
	return nil
}

// followed builds a transform that follows a connector, over a /proc of nothing
// but what read says.
func followed(t *testing.T, c connector, wait time.Duration, read func(string) ([]byte, error)) *Transform {
	t.Helper()
	s := Default()
	s.Connector, s.DockerRoot, s.Wait = connectorOff, plugin.Text{}, wait
	tr, err := New(&s, plugin.Env{Now: time.Now, Meter: &meter.Registry{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	x := tr.(*Transform)
	x.proc = &procfs{root: "/sim", now: time.Now, read: read, list: func(string) ([]string, error) { return nil, nil },
		link: func(string) (string, error) { return "pid:[1]", nil }}
	x.begin(c, &s)
	return x
}

// TestALaneWaitsForTheKernelsWord runs the goroutine on a clock that stands still
// while nothing else can happen.
func TestALaneWaitsForTheKernelsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boot := time.Now()
		c := newFed()
		tr := followed(t, c, 250*time.Millisecond, func(path string) ([]byte, error) {
			switch path {
			case "/sim/uptime":
				return fmt.Appendf(nil, "%.2f 0", time.Since(boot).Seconds()+3600), nil
			case "/sim/20/cgroup":
				return []byte("0::/docker/" + idA + "\n"), nil
			case "/sim/20/stat":
				return []byte("20 (app) S 1 1 1 0 -1 0" + strings.Repeat(" 0", 12) + " 360000 0\n"), nil
			}
			return nil, os.ErrNotExist
		})
		synctest.Wait()
		event := func(pid, ppid int) capturedEvent {
			e := tell(t, fmt.Sprintf("at 0: %d of %d openat", pid, ppid))
			e.ev.Time = time.Now()
			return e
		}
		tell := func(changes ...change) {
			for i := range changes {
				changes[i].t = time.Now().UnixNano()
			}
			c.in <- changes
		}
		tell(change{kind: changeFork, pid: 20, ppid: 1})
		synctest.Wait()
		go func() {
			time.Sleep(100 * time.Millisecond)
			tell(change{kind: changeFork, pid: 30, ppid: 20}, change{kind: changeFork, pid: 31, ppid: 30}, change{kind: changeExit, pid: 30}, change{kind: changeExit, pid: 31})
		}()
		begin := time.Now()
		early := event(31, 30)
		early.ev.Time = early.ev.Time.Add(100 * time.Millisecond) // its clock and ours need not agree
		out := run(t, tr, []capturedEvent{early, event(20, 1)}, 2)
		if got := told(&out[0]); got != "4c07 connector exact" || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("%q after %v", got, time.Since(begin))
		}
		if got := told(&out[1]); got != "4c07 connector exact" {
			t.Errorf("the event behind it: %q", got)
		}
		begin = time.Now()
		run(t, tr, []capturedEvent{event(77, 76)}, 1)
		if d := time.Since(begin); d < 15*time.Millisecond || d > 20*time.Millisecond {
			t.Errorf("a process that nothing tells of was waited for %v", d)
		}
		begin = time.Now()
		if run(t, tr, []capturedEvent{event(20, 1)}, 1); time.Since(begin) != 0 {
			t.Errorf("a known process was waited for %v", time.Since(begin))
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestAConnectorThatEndsIsDoneWithout goes on without what nothing keeps true.
func TestAConnectorThatEndsIsDoneWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFed()
		c.err = errors.New("the socket is broken")
		tr := followed(t, c, 250*time.Millisecond, func(string) ([]byte, error) { return nil, os.ErrNotExist })
		c.in <- []change{{t: time.Now().UnixNano(), kind: changeFork, pid: 30, ppid: 1}}
		close(c.gone)
		synctest.Wait()
		e := tell(t, "at 0: 30 of 1 openat")
		e.ev.Time = time.Now()
		begin := time.Now()
		if out := run(t, tr, []capturedEvent{e}, 1); told(&out[0]) != " none unknown" || time.Since(begin) != 0 {
			t.Errorf("%q after %v", told(&out[0]), time.Since(begin))
		}
		<-tr.follow.done
	})
}

// TestTheConnectorOfThisKernel starts a process and sees it begin and end.
func TestTheConnectorOfThisKernel(t *testing.T) {
	p := newProcfs("/proc", time.Now)
	c, err := openConnector(p)
	if err != nil {
		t.Skipf("SKIPPED, the kernel's connector was NOT read: %v", err)
	}
	defer func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	}()
	begin := time.Now().UnixNano()
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Skipf("SKIPPED, no program to run: %v", err)
	}
	end := time.Now().UnixNano()
	c.kick()
	seen := ""
	for until := int64(0); until < end; {
		var changes []change
		if changes, until, err = c.next(nil); err != nil {
			t.Fatal(err)
		}
		for _, ch := range changes {
			if int(ch.pid) != cmd.Process.Pid {
				continue
			}
			seen += fmt.Sprint(ch.kind)
			if ch.t < begin-int64(time.Millisecond) || ch.t > end+int64(time.Millisecond) {
				t.Errorf("%+v is not between %d and %d", ch, begin, end)
			}
			if ch.kind == changeFork && int(ch.ppid) != os.Getpid() {
				t.Errorf("its parent is %d", ch.ppid)
			}
		}
		if until == 0 {
			c.kick()
		}
	}
	if seen != "012" {
		t.Errorf("the changes of the process are %q", seen)
	}
}

// TestAConnectorThatIsAskedFor refuses to start where it cannot be had.
func TestAConnectorThatIsAskedFor(t *testing.T) {
	s := Default()
	s.Connector, s.Procfs.Value = connectorOn, t.TempDir()
	if _, err := New(&s, plugin.Env{Now: time.Now}); !errors.Is(err, errConnector) {
		t.Errorf("it started: %v", err)
	}
	s.Connector = connectorAuto
	tr, err := New(&s, plugin.Env{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	for what, set := range map[string]func(s *Settings){
		"connector": func(s *Settings) { s.Connector = "perhaps" },
		"wait":      func(s *Settings) { s.Wait = time.Minute },
	} {
		s := Default()
		set(&s)
		if p := s.Check(); len(p) != 1 || p[0].Key != what {
			t.Errorf("%s: %v", what, p)
		}
	}
}
