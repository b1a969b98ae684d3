package auditd

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-libaudit/v2/auparse"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// fakeKernel is the kernel's side of a link in the hands of a test: datagrams as
// they were recorded, one by one.
type fakeKernel struct {
	mu      sync.Mutex
	queue   []datagram
	changed chan struct{} // closed with each change
	busy    bool          // a datagram is being handed on
	opened  int
	closed  int
}

// behind reports whether there is more than was handed on.
func (k *fakeKernel) behind() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.queue) > 0 || k.busy
}

// patient reads an input whose source has a goroutine of its own: it takes "there
// is nothing" only where nothing is under way, however busy the machine is.
type patient struct {
	plugin.Input
	behind func() bool
}

func (p patient) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	for {
		behind := p.behind()
		if err := p.Input.Read(ctx, b, wait); err != nil || len(b.Events) > 0 || !behind {
			return err
		}
	}
}

type datagram struct {
	typ  uint16
	text string
	fail error
	drop uint64 // with ENOBUFS
}

func newFakeKernel() *fakeKernel { return &fakeKernel{changed: make(chan struct{})} }

func (k *fakeKernel) give(list ...datagram) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.queue = append(k.queue, list...)
	close(k.changed)
	k.changed = make(chan struct{})
}

// giveLines gives records as the lines that auditd makes of them.
func (k *fakeKernel) giveLines(t testing.TB, content []byte) {
	t.Helper()
	var list []datagram
	for line := range bytes.Lines(content) {
		if d, ok := asDatagram(string(bytes.TrimSuffix(line, []byte("\n")))); ok {
			list = append(list, d)
		}
	}
	k.give(list...)
}

// asDatagram is the datagram that auditd makes a line of; false where none is.
func asDatagram(line string) (datagram, bool) {
	rest, ok := strings.CutPrefix(line, "type=")
	name, text, ok2 := strings.Cut(rest, " msg=")
	if !ok || !ok2 {
		return datagram{}, false
	}
	typ, err := auparse.GetAuditMessageType(name)
	if err != nil {
		n, err := strconv.Atoi(strings.Trim(name, "UNKOW[]"))
		return datagram{typ: uint16(n), text: text}, err == nil
	}
	return datagram{typ: uint16(typ), text: text}, true
}

func (k *fakeKernel) open(context.Context, func(uint16, []byte)) (link, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened++
	return &fakeLink{k: k, over: make(chan struct{})}, nil
}

type fakeLink struct {
	k    *fakeKernel
	over chan struct{}
	drop uint64
}

func (l *fakeLink) receive(take func(typ uint16, text []byte)) error {
	for {
		l.k.mu.Lock()
		changed := l.k.changed
		if len(l.k.queue) > 0 {
			d := l.k.queue[0]
			l.k.queue = l.k.queue[1:]
			l.k.busy = true
			l.k.mu.Unlock()
			if d.fail != nil {
				l.drop += d.drop
				return d.fail
			}
			take(d.typ, []byte(d.text))
			return nil
		}
		l.k.busy = false
		l.k.mu.Unlock()
		select {
		case <-changed:
		case <-l.over:
			return errStopped
		}
	}
}

func (l *fakeLink) drops() (uint64, bool) {
	n := l.drop
	l.drop = 0
	return n, true
}

func (l *fakeLink) stop() error { close(l.over); return nil }

func (l *fakeLink) close() error {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	l.k.closed++
	return nil
}

// feeder writes to whoever connects what a test appends.
type feeder struct {
	mu      sync.Mutex
	changed *sync.Cond
	text    []byte
	over    bool
}

func newFeeder() *feeder {
	f := &feeder{}
	f.changed = sync.NewCond(&f.mu)
	return f
}

func (f *feeder) add(content []byte) {
	f.mu.Lock()
	f.text = append(f.text, content...)
	f.mu.Unlock()
	f.changed.Broadcast()
}

func (f *feeder) end() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.changed.Broadcast()
}

// behind reports whether an input has not read all that was added.
func (f *feeder) behind(s *stream) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s.lines.Offset+s.lines.Pending()+int64(len(s.rest)) < int64(len(f.text))
}

// feed writes to w until end, or w takes no more.
func (f *feeder) feed(w net.Conn) {
	defer func() { _ = w.Close() }()
	for at := 0; ; {
		f.mu.Lock()
		for len(f.text) == at && !f.over {
			f.changed.Wait()
		}
		piece := bytes.Clone(f.text[at:])
		over := f.over
		f.mu.Unlock()
		if over && len(piece) == 0 {
			return
		}
		n, err := w.Write(piece)
		if at += n; err != nil {
			return
		}
	}
}
