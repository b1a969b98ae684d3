//go:build integration

package integration

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A clock is a syslog receiver over TCP that reads as fast as it can and notes of
// each event how long after it was read it came. It may go away and come back.
type clock struct {
	addr string

	mu       sync.Mutex
	listen   net.Listener
	conns    map[net.Conn]bool
	deaf     bool // takes connections and reads nothing
	seen     []bool
	distinct int
	times    []time.Duration // of events that came for the first time
	wrong    error
	work     sync.WaitGroup
}

func newClock(t *testing.T) *clock {
	t.Helper()
	c := &clock{addr: freeAddr(t), conns: map[net.Conn]bool{}}
	c.up(t)
	t.Cleanup(c.down)
	return c
}

func (c *clock) up(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.listen = l
	c.mu.Unlock()
	c.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			open, deaf := c.listen == l, c.deaf
			if open {
				c.conns[conn] = true
			}
			c.mu.Unlock()
			switch {
			case !open:
				_ = conn.Close()
			case !deaf:
				c.work.Go(func() { c.read(conn) })
			}
		}
	})
}

// down refuses connections and breaks those off that there are.
func (c *clock) down() {
	c.mu.Lock()
	if c.listen != nil {
		_ = c.listen.Close()
	}
	c.listen = nil
	for conn := range c.conns {
		_ = conn.Close()
	}
	clear(c.conns)
	c.mu.Unlock()
	c.work.Wait()
}

// setDeaf decides whether the connections of the future are read.
func (c *clock) setDeaf(yes bool) {
	c.mu.Lock()
	c.deaf = yes
	c.mu.Unlock()
}

// read takes octet-counted frames until the connection ends.
func (c *clock) read(conn net.Conn) {
	r := bufio.NewReaderSize(conn, 1<<20)
	var b []byte
	for {
		head, err := r.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(head, " "))
		if err != nil {
			c.note(fmt.Errorf("the length %q: %w", head, err))
			return
		}
		b = slices.Grow(b[:0], n)[:n]
		if _, err := io.ReadFull(r, b); err != nil {
			return
		}
		if err := c.take(string(b), time.Now()); err != nil {
			c.note(err)
			return
		}
	}
}

func (c *clock) note(err error) {
	c.mu.Lock()
	c.wrong = err
	c.mu.Unlock()
}

// take notes one message. Its TIMESTAMP is when the event was read, because its
// line has no time of its own.
func (c *clock) take(message string, now time.Time) error {
	_, rest, _ := strings.Cut(message, " ")
	stamp, _, _ := strings.Cut(rest, " ")
	read, err := time.Parse(time.RFC3339Nano, stamp)
	_, number, found := strings.Cut(message, "tick-")
	if err != nil || !found || len(number) < 8 {
		return fmt.Errorf("the message %q: %w", message, err)
	}
	n, err := strconv.Atoi(number[:8])
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n >= len(c.seen) {
		c.seen = append(c.seen, false)
	}
	if !c.seen[n] {
		c.seen[n] = true
		c.distinct++
		c.times = append(c.times, now.Sub(read))
	}
	return nil
}

// count is how many different events came.
func (c *clock) count(t *testing.T) int {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrong != nil {
		t.Fatal(c.wrong)
	}
	return c.distinct
}

// p99 is of what came since it was asked last.
func (c *clock) p99(t *testing.T) time.Duration {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) == 0 {
		t.Fatal("no event came")
	}
	slices.Sort(c.times)
	p := c.times[len(c.times)*99/100]
	c.times = c.times[:0]
	return p
}

// A ticker writes lines at a steady pace into the file at path.
type ticker struct {
	path string
	n    int // lines that were written
}

// run writes rate lines a second for so long; each is called every second.
func (k *ticker) run(t *testing.T, rate int, long time.Duration, each func(second int)) {
	t.Helper()
	f := k.open(t)
	defer func() { _ = f.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	begin, first, seconds := time.Now(), k.n, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		k.write(t, f, first+int(time.Since(begin).Seconds()*float64(rate)))
		if s := int(time.Since(begin).Seconds()); s > seconds {
			seconds = s
			each(s)
		}
	}
}

// more writes n lines at once.
func (k *ticker) more(t *testing.T, n int) {
	t.Helper()
	f := k.open(t)
	defer func() { _ = f.Close() }()
	k.write(t, f, k.n+n)
}

func (k *ticker) open(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile(k.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// write writes lines until there are n in all.
func (k *ticker) write(t *testing.T, f *os.File, n int) {
	t.Helper()
	var b []byte
	for ; k.n < n; k.n++ {
		b = fmt.Appendf(b, "order taken by the shop of the north, and paid with the card of the house: tick-%08d\n", k.n)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}
