//go:build sizing

package integration

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// loaded is what a process under load took. The figures are of the time in which
// events were written; delays are from the write of an event's last line to the
// moment its JSON could be read from the output.
type loaded struct {
	rate, cpu                     float64 // events a second; percent of a core
	resident                      float64 // KiB, the most of all looks
	log, journal, output, written float64 // bytes a second; written is what went to the disk
	p50, p99                      float64 // milliseconds
	syncs                         float64 // a second
}

// load writes events at a pace and watches them come out.
func load(t *testing.T, rate int, length time.Duration) loaded {
	t.Helper()
	s := size(t, "auto")
	settle(2 * time.Second)
	f, err := os.OpenFile(filepath.Join(s.dir, "audit.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	g := &generator{w: f, sent: make([]time.Time, rate*int(length/time.Second)), serial: firstSerial}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	arrived := make(chan arrivals, 1)
	go func() { arrived <- watch(ctx, filepath.Join(s.dir, "events.json"), len(g.sent)) }()
	before, first := used(t, s.cmd.Process.Pid), metrics(s.admin)
	most := before.resident
	next := before.at.Add(time.Second)
	if err := g.run(rate, func() {
		if now := time.Now(); now.After(next) {
			most, next = max(most, used(t, s.cmd.Process.Pid).resident), now.Add(time.Second)
		}
	}); err != nil {
		t.Fatal(err)
	}
	after, last := used(t, s.cmd.Process.Pid), metrics(s.admin)
	var got arrivals
	select {
	case got = <-arrived:
	case <-time.After(30 * time.Second):
		stop()
		got = <-arrived
	}
	s.end(t)
	if got.err != nil || got.n != len(g.sent) || got.twice > 0 {
		t.Fatalf("%d of %d events arrived, %d twice: %v", got.n, len(g.sent), got.twice, got.err)
	}
	delays := make([]float64, len(g.sent))
	for i, at := range got.at {
		delays[i] = float64(at.Sub(g.sent[i])) / 1e6
	}
	slices.Sort(delays)
	seconds := after.at.Sub(before.at).Seconds()
	diff := func(name string) float64 { return (last[name] - first[name]) / seconds }
	return loaded{rate: float64(len(g.sent)) / seconds, cpu: after.share(before), resident: float64(max(most, after.resident)),
		log: float64(g.bytes) / seconds, journal: diff("tallyman_journal_written_bytes_total"), output: float64(got.bytes) / seconds,
		written: float64(after.written-before.written) / seconds, syncs: diff("tallyman_journal_commits_total"),
		p50: delays[len(delays)/2], p99: delays[len(delays)*99/100]}
}

// loadTable is the table of docs/SIZING.md.
func loadTable(all []loaded) string {
	var b strings.Builder
	line := func(name string, unit float64, digits int, of func(*loaded) float64) {
		var list []float64
		for i := range all {
			list = append(list, of(&all[i]))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, spread(list, unit, digits))
	}
	const mb = 1e6
	line("events a second that were written", 1, 0, func(l *loaded) float64 { return l.rate })
	line("CPU, % of one core", 1, 0, func(l *loaded) float64 { return l.cpu })
	line("resident at most, MiB", 1024, 0, func(l *loaded) float64 { return l.resident })
	line("audit log read, MB/s", mb, 2, func(l *loaded) float64 { return l.log })
	line("journal written, MB/s", mb, 2, func(l *loaded) float64 { return l.journal })
	line("commits (fdatasync) a second", 1, 0, func(l *loaded) float64 { return l.syncs })
	line("JSON output written, MB/s", mb, 2, func(l *loaded) float64 { return l.output })
	line("written to the disk, all together, MB/s", mb, 2, func(l *loaded) float64 { return l.written })
	line("from the log to the output, median, ms", 1, 0, func(l *loaded) float64 { return l.p50 })
	line("from the log to the output, 99 %, ms", 1, 0, func(l *loaded) float64 { return l.p99 })
	return b.String()
}

// arrivals are when events came out, by their serial.
type arrivals struct {
	at       []time.Time
	n, twice int
	bytes    int64
	err      error
}

// watch follows the output until all events are there.
func watch(ctx context.Context, path string, n int) (a arrivals) {
	a.at = make([]time.Time, n)
	f, err := os.Open(path)
	if err != nil {
		a.err = err
		return a
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 1<<20)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var part []byte
	for a.n < n {
		text, err := r.ReadSlice('\n')
		a.bytes += int64(len(text))
		part = append(part, text...)
		switch {
		case err == nil:
			a.take(part)
			part = part[:0]
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			select {
			case <-ctx.Done():
				return a
			case <-tick.C:
			}
		default:
			a.err = err
			return a
		}
	}
	return a
}

// take notes a line of the output. Alerts have the serial of the event they judge.
func (a *arrivals) take(line []byte) {
	_, rest, ok := bytes.Cut(line, []byte(`"sequence":`))
	if !ok || bytes.Contains(line, []byte(`"kind":"alert"`)) {
		return
	}
	end := bytes.IndexAny(rest, ",}")
	serial, err := strconv.Atoi(string(rest[:max(end, 0)]))
	i := serial - firstSerial
	switch {
	case err != nil || i < 0 || i >= len(a.at):
	case !a.at[i].IsZero():
		a.twice++
	default:
		a.at[i] = time.Now()
		a.n++
	}
}

// firstSerial is that of the generator's first event.
const firstSerial = 100_000

// generator writes an audit log as auditd does: RAW, each event's records together.
// Of ten events six open a file, two run a program, one connects and one removes a
// file, in two hundred processes.
type generator struct {
	w      io.Writer
	b      bytes.Buffer
	sent   []time.Time // when each event was written
	serial int
	bytes  int64
}

// slice is how often the generator writes: events come in bursts, as in a kernel.
const slice = 5 * time.Millisecond

// run writes so many events a second until all are written, and calls look meanwhile.
func (g *generator) run(rate int, look func()) error {
	tick := time.NewTicker(slice)
	defer tick.Stop()
	began := time.Now()
	for done := 0; done < len(g.sent); {
		<-tick.C
		look()
		now := time.Now()
		due := min(len(g.sent), int(now.Sub(began).Seconds()*float64(rate)))
		g.b.Reset()
		for i := done; i < due; i++ {
			g.event(i, now)
		}
		n, err := g.w.Write(g.b.Bytes())
		if g.bytes += int64(n); err != nil {
			return err
		}
		for now = time.Now(); done < due; done++ {
			g.sent[done] = now
		}
	}
	return nil
}

// event appends the records of an event.
func (g *generator) event(i int, now time.Time) {
	stamp := fmt.Sprintf("audit(%d.%03d:%d)", now.Unix(), now.Nanosecond()/1e6, g.serial)
	g.serial++
	who, uid := i%200, 1000+i%40
	pid := 3_000_000 + who
	record := func(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }
	call := func(number, items int, name string, pid int) {
		record(`type=SYSCALL msg=%s: arch=c000003e syscall=%d success=yes exit=3 a0=7ffe%08x a1=%x a2=1b6 a3=0 items=%d ppid=%d pid=%d auid=%d uid=%d gid=%d euid=%d suid=%d fsuid=%d egid=%d sgid=%d fsgid=%d tty=(none) ses=%d comm="%s" exe="/usr/bin/%s" key="watch"`,
			stamp, number, i, i%4096, items, 3_000_000+who%10, pid, uid, uid, uid, uid, uid, uid, uid, uid, uid, 1+who%50, name, name)
	}
	path := func(item int, name, kind string) {
		record(`type=PATH msg=%s: item=%d name="%s" inode=%d dev=fd:01 mode=0100644 ouid=%d ogid=%d rdev=00:00 nametype=%s cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`,
			stamp, item, name, 400_000+i%100_000, uid, uid, kind)
	}
	cwd := func() { record(`type=CWD msg=%s: cwd="/srv/app%d"`, stamp, who%20) }
	title := func(text string) { record(`type=PROCTITLE msg=%s: proctitle=%X`, stamp, text) }
	switch name := []string{"node", "python3", "postgres", "java", "nginx"}[who%5]; i % 10 {
	case 2, 7:
		call(59, 2, "convert", 4_000_000+i%60_000)
		record(`type=EXECVE msg=%s: argc=4 a0="convert" a1="-resize" a2="640x480" a3="/srv/app%d/upload/%d.png"`, stamp, who%20, i)
		cwd()
		path(0, "/usr/bin/convert", "NORMAL")
		path(1, "/lib64/ld-linux-x86-64.so.2", "NORMAL")
		title(fmt.Sprintf("convert\x00-resize\x00640x480\x00/srv/app%d/upload/%d.png", who%20, i))
	case 4:
		call(42, 0, name, pid)
		record(`type=SOCKADDR msg=%s: saddr=02001538%08X0000000000000000`, stamp, 0x0A000000+i%65536)
		title(name + "\x00server")
	default:
		number, kind := 257, "CREATE"
		if i%10 == 9 {
			number, kind = 87, "DELETE"
		}
		call(number, 2, name, pid)
		cwd()
		path(0, "/srv/app"+strconv.Itoa(who%20)+"/data/", "PARENT")
		path(1, fmt.Sprintf("/srv/app%d/data/session-%d.json", who%20, i), kind)
		title(name + "\x00server")
	}
}
