//go:build integration

package integration

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A receiver is a syslog receiver whose behaviour the test commands. It reads one
// connection to its end before it turns to the next, so that order can be judged.
//
// Plain syslog confirms nothing: what lies unread in the receiver's kernel when
// it breaks off is lost, and that is promised nowhere. A receiver here therefore
// never throws away what its kernel has acknowledged: it leaves by a FIN and
// reads on, or it breaks off while the program is halted and all is read.
type receiver struct {
	*sink
	addr   string
	tls    *tls.Config // nil: plain TCP
	buffer int         // bytes that the kernel holds for us
	queue  chan *net.TCPConn

	mu     sync.Mutex
	listen *net.TCPListener
	conn   *net.TCPConn // the one that is read
	marks  map[string]chan struct{}
	conns  int // how many there were
	ended  int // of them
	port   int // of the last mark
	done   sync.WaitGroup
}

// newReceiver starts a receiver. With small buffers it is soon noticed when it
// does not read, but a kernel that acknowledges late makes it slow.
func newReceiver(t *testing.T, s *sink, secure *tls.Config, buffer int) *receiver {
	t.Helper()
	r := &receiver{sink: s, addr: "127.0.0.1:0", tls: secure, buffer: buffer, queue: make(chan *net.TCPConn, 1<<16), marks: map[string]chan struct{}{}}
	r.up(t)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for c := range r.queue {
			r.read(c)
		}
	}()
	t.Cleanup(func() {
		r.stop(false)
		r.down(t)
		close(r.queue)
		<-read
	})
	return r
}

// up listens.
func (r *receiver) up(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listen != nil {
		return
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, r.buffer) })
		return errors.Join(err, cerr)
	}}
	l, err := lc.Listen(context.Background(), "tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	r.listen, r.addr = l.(*net.TCPListener), l.Addr().String()
	r.done.Go(func() { r.accept(l.(*net.TCPListener)) })
}

func (r *receiver) accept(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		r.mu.Lock()
		mark := r.marks[c.RemoteAddr().String()]
		r.mu.Unlock()
		if mark != nil {
			_ = c.Close()
			close(mark)
			continue
		}
		r.mu.Lock()
		r.conns++
		r.mu.Unlock()
		r.queue <- c
	}
}

// down ends the listening while the program is dead or halted. What had
// connected is taken first: connections are accepted in their order, so when one
// of our own is, there is none before it.
func (r *receiver) down(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	l := r.listen
	r.listen = nil
	r.mu.Unlock()
	if l == nil {
		return
	}
	local, mark := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, make(chan struct{})
	for try := 1; ; try++ { // the mark has to be known before it connects
		r.port++
		local.Port = 61000 + (os.Getpid()+r.port)%4000
		r.mu.Lock()
		r.marks[local.String()] = mark
		r.mu.Unlock()
		c, err := net.DialTCP("tcp", local, l.Addr().(*net.TCPAddr))
		if err == nil {
			<-mark
			_ = c.Close()
		}
		r.mu.Lock()
		delete(r.marks, local.String())
		r.mu.Unlock()
		if err == nil {
			break
		}
		if try > 4000 {
			t.Fatal(err)
		}
	}
	_ = l.Close()
	r.done.Wait()
}

// read takes the octet-counted frames of one connection until it ends; the last
// one may be unfinished.
func (r *receiver) read(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	r.mu.Lock()
	r.conn = c
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.conn = nil
		r.ended++
		r.mu.Unlock()
	}()
	r.gate()
	var in io.Reader = c
	if r.tls != nil {
		in = tls.Server(c, r.tls) // shakes hands at the first read
	}
	b := bufio.NewReaderSize(&gated{r.sink, in}, 4096)
	for {
		text, err := frame(b)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, "<") {
			r.sink.mu.Lock()
			r.wrong = append(r.wrong, fmt.Sprintf("a frame holds %.200q", text))
			r.sink.mu.Unlock()
			return
		}
		r.take(text)
	}
}

// gated reads only while the sink is not stopped.
type gated struct {
	s *sink
	r io.Reader
}

func (g *gated) Read(b []byte) (int, error) {
	g.s.gate()
	return g.r.Read(b)
}

func frame(r *bufio.Reader) (string, error) {
	head, err := r.ReadString(' ')
	if err != nil {
		return "", err
	}
	size, err := strconv.Atoi(head[:len(head)-1])
	if err != nil {
		return head, nil //nolint:nilerr // the caller sees that it is no frame
	}
	b := make([]byte, size)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

// leave ends our side of the connection and reads on to its end.
func (r *receiver) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		_ = r.conn.CloseWrite() // it may have ended by itself
	}
}

// reset breaks the connection off. The program pid is halted meanwhile, and all
// that its kernel has sent is read before.
func (r *receiver) reset(t *testing.T, pid int) {
	t.Helper()
	halt(t, pid)
	defer resume(t, pid)
	r.mu.Lock()
	c := r.conn
	r.mu.Unlock()
	if c == nil {
		return
	}
	eventually(t, "all that was sent is read", 10*time.Second, func() bool {
		r.mu.Lock()
		same := r.conn == c
		r.mu.Unlock()
		return !same || unsent(t, c) == 0 && unread(c) == 0
	})
	_ = c.SetLinger(0) // it may have ended by itself
	_ = c.Close()
}

// unread is how many bytes wait in our kernel.
func unread(c *net.TCPConn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
	return n
}

// unsent is how many bytes of the peer of c its kernel still has to bring here.
func unsent(t *testing.T, c *net.TCPConn) int {
	t.Helper()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	end := func(a net.Addr) string { return fmt.Sprintf("0100007F:%04X", a.(*net.TCPAddr).Port) }
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) > 4 && f[1] == end(c.RemoteAddr()) && f[2] == end(c.LocalAddr()) {
			tx, _, _ := strings.Cut(f[4], ":")
			n, err := strconv.ParseInt(tx, 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	return 0
}

// halt stops a process of ours and waits until it stands; resume lets it go on.
func halt(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program stands", 10*time.Second, func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		at := strings.LastIndexByte(string(b), ')')
		return err != nil || at > 0 && strings.HasPrefix(string(b[at:]), ") T")
	})
}

func resume(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
