package container

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
)

// kernelWith returns a table of 100,000 lives in containers, a hundred in each, as many
// running as not.
func kernelWith() *kernel {
	const n = 100_000
	k := newKernel(n)
	k.clock = 1
	text := []byte("4:memory:/docker/" + idA + "\n0::/\n")
	for i := range n {
		pid, t := int32(i%30_000)+2, int64(i)*1_000_000
		c := change{t: t, kind: changeFork, pid: pid, ppid: 1}
		if i%100 > 0 {
			c.ppid = int32((i-i%100)%30_000) + 2
		}
		if l := k.take(&c); l != nil {
			k.saw(l, &reading{start: t, at: t, text: text, name: "app", exe: "/bin/app"})
		}
		if i%2 > 0 || i < n-30_000 {
			k.take(&change{t: t + 1000, kind: changeExit, pid: pid})
		}
	}
	return k
}

// cpu returns how long this process has computed: on a machine that others use,
// the time on the wall says little.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// heap returns what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory holds the tables to 16 MiB for 100,000 lives.
func TestMemory(t *testing.T) {
	const n, most = 100_000, 16 << 20
	before := heap()
	k := kernelWith()
	if used := heap() - before; k.count < n || used > most {
		t.Errorf("%d lives of the kernel take %.1f MiB", k.count, float64(used)/(1<<20))
	} else {
		t.Logf("%d lives of the kernel take %.1f MiB", k.count, float64(used)/(1<<20))
	}
	runtime.KeepAlive(k)
	before = heap()
	tab := newTable(2*n, &registry{byID: map[string]*container{}, max: 10})
	for i := range int64(n) {
		tab.observe(&seen{t: i * 1_000_000, pid: int32(i%30_000) + 2, ppid: int32(i%7) + 1, kernel: true, name: "app", exe: "/bin/app"})
	}
	if used := heap() - before; tab.count < n || used > most {
		t.Errorf("%d lives of the log take %.1f MiB", tab.count, float64(used)/(1<<20))
	} else {
		t.Logf("%d lives of the log take %.1f MiB", tab.count, float64(used)/(1<<20))
	}
	runtime.KeepAlive(tab)
}

// BenchmarkMemory reports what 100,000 lives of the kernel's table take.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		k := kernelWith()
		b.ReportMetric(float64(heap()-before)/float64(k.count), "B/life")
		runtime.KeepAlive(k)
	}
}

// BenchmarkChange is what one process costs that the connector tells of, a fork,
// an exec and an exit in a container; a third of it is one event.
func BenchmarkChange(b *testing.B) {
	k := kernelWith()
	t := int64(1) << 50
	init := change{t: t, kind: changeFork, pid: 2, ppid: 1}
	k.saw(k.take(&init), &reading{start: t, at: t, text: []byte("4:memory:/docker/" + idA + "\n0::/\n"), name: "app", exe: "/bin/app"})
	b.ReportAllocs()
	pid, begin := int32(100), cpu(b)
	for b.Loop() {
		if pid++; pid > 30_000 {
			pid = 100
		}
		t += 1000
		for _, c := range [...]change{{t: t, kind: changeFork, pid: pid, ppid: 2}, {t: t + 1, kind: changeExec, pid: pid}, {t: t + 2, kind: changeExit, pid: pid}} {
			k.mu.Lock()
			l := k.take(&c)
			k.mu.Unlock()
			if l != nil {
				b.Fatal("a process of a container was to be read")
			}
		}
	}
	b.ReportMetric(float64(cpu(b)-begin)/float64(3*b.N), "cpu-ns/change")
}

// BenchmarkApplyWithConnector is what an event costs whose process the connector
// told of: among 100,000, in a container, four processes below its first.
func BenchmarkApplyWithConnector(b *testing.B) {
	sim := simOf([]tick{{T: time.UnixMilli(storyStart).UnixNano(), K: "scan", PID: 1, CG: "/"}})
	sim.at = sim.begin
	tr := simulated(b, sim)
	s := Default()
	s.MaxProcesses = 100_000
	tr.attach(&simConnector{proc: sim}, &s)
	tr.follow.rescan(0)
	k := kernelWith()
	tr.kernel.lives, tr.kernel.ended, tr.kernel.count = k.lives, k.ended, k.count
	at := time.UnixMilli(storyStart).UnixNano()
	text := []byte("4:memory:/docker/" + idA + "\n0::/\n")
	for i := range int32(5) {
		l := tr.kernel.take(&change{t: at + int64(i), kind: changeFork, pid: 40_000 + i, ppid: 40_000 + i - 1})
		if l != nil {
			tr.kernel.saw(l, &reading{start: at, at: at, text: text, name: "app", exe: "/bin/app"})
		}
	}
	sim.at = at + int64(time.Second)
	var in event.Batch
	for range 256 {
		in.Add(tell(b, fmt.Sprintf("at 100: %d of %d openat /bin/app", 40_004, 40_003)).ev)
	}
	st := tr.Lane("audit")
	var out event.Batch
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		out.Reset()
		if err := st.Apply(context.Background(), &in, &out); err != nil {
			b.Fatal(err)
		}
	}
	if got := told(&out.Events[0]); got != "4c07 connector exact" {
		b.Fatal(got)
	}
	b.ReportMetric(float64(cpu(b)-begin)/float64(b.N*len(in.Events)), "cpu-ns/event")
}

// BenchmarkSnapshot is what a save costs with 10,000 processes known, and as many
// events kept back as there may be: the lanes stand still for it, once a minute.
func BenchmarkSnapshot(b *testing.B) {
	s := Settings{Runtimes: Default().Runtimes, Kubernetes: "auto", MaxProcesses: 20_000, Wait: time.Second}
	tr := build(b, &s).(*Transform)
	st := tr.Lane("audit")
	var in, out event.Batch
	for i := range 10_000 {
		e := tell(b, fmt.Sprintf("at %d: %d of %d openat /usr/bin/app%d", i, 1000+i, 1000+i/2, i%50)).ev
		e.ID = event.NewID(fmt.Append(nil, i))
		in.Add(e)
	}
	for i := range aheadEvents {
		e := tell(b, "at 10000: 20000 of 19999 openat /bin/app").ev
		e.ID = event.NewID(fmt.Append(nil, "kept", i))
		in.Add(e)
	}
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		b.Fatal(err)
	}
	if len(tr.learnt) != aheadEvents {
		b.Fatalf("%d events are kept", len(tr.learnt))
	}
	var buf []byte
	begin := cpu(b)
	for b.Loop() {
		var err error
		if buf, err = tr.Snapshot(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-begin)/float64(b.N)/1e6, "cpu-ms/save")
	b.ReportMetric(float64(len(buf)), "bytes")
}
