package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/control"
	"tallyman/pipeline/engine"
)

// notifier tells the service manager how the process is: sd_notify(3), one
// datagram a message. A nil one, of a process that no manager started, is silent.
type notifier struct {
	conn  net.Conn
	every time.Duration // how often the watchdog wants to hear of us; 0 for never
	log   *slog.Logger
}

// newNotifier connects to NOTIFY_SOCKET. The watchdog is for the process that
// WATCHDOG_PID names, and for any where it names none.
func newNotifier(env func(string) string, pid int, log *slog.Logger) *notifier {
	path := env("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	// A path that begins with @ is of Linux's abstract names, to net as to systemd.
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		log.Warn("the service manager cannot be told how this process is", "error", err)
		return nil
	}
	n := &notifier{conn: conn, log: log}
	usec, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 64)
	if who := env("WATCHDOG_PID"); err == nil && usec > 0 && (who == "" || who == strconv.Itoa(pid)) {
		n.every = time.Duration(usec) * time.Microsecond / 2
	}
	return n
}

// say sends assignments, each a line. A manager that does not take them is no
// reason to stop.
func (n *notifier) say(lines ...string) {
	if n == nil {
		return
	}
	if _, err := n.conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		n.log.Debug("the service manager was not told", "error", err)
	}
}

// watch answers the watchdog at every tick until ctx is done. It asks status each
// time, which takes the locks of the engine and of the journal: where one of them is
// never given back, the manager hears nothing more and starts the process again. A
// full journal or a destination that is away is told, and no reason for that.
func (n *notifier) watch(ctx context.Context, tick <-chan time.Time, status func() string) {
	for {
		select {
		case <-tick:
			n.say("WATCHDOG=1", "STATUS="+visible(status()))
		case <-ctx.Done():
			return
		}
	}
}

// guard starts watch where a watchdog waits; the function that it returns ends it.
func (n *notifier) guard(ctx context.Context, status func() string) (stop func()) {
	if n == nil || n.every <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ticker := time.NewTicker(n.every)
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.watch(ctx, ticker.C, status)
	}()
	return func() {
		cancel()
		ticker.Stop()
		<-done
	}
}

// follow tells the manager when the engine has opened everything, and that the
// process stops once ctx is done. It closes what it returns when all is told.
func (n *notifier) follow(ctx context.Context, e *engine.Engine) <-chan struct{} {
	told := make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-e.Started():
			if !e.Ending() {
				n.say("READY=1")
			}
			<-ctx.Done()
		case <-ctx.Done():
		}
		n.say("STOPPING=1")
	}()
	return told
}

// reloading returns do with the manager told before and after.
func (n *notifier) reloading(do func(discard bool) control.Answer) func(discard bool) control.Answer {
	if n == nil {
		return do
	}
	return func(discard bool) control.Answer {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
			n.say("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond)))
		}
		defer n.say("READY=1")
		return do(discard)
	}
}

// close lets go of the socket.
func (n *notifier) close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// health is the line about the process in `systemctl status`.
func (c *controlled) health() string {
	s := c.engine.Status()
	if !s.Ready {
		return "not ready: " + s.Problem
	}
	var records uint64
	for _, in := range s.Inputs {
		records += in.Records
	}
	return many(records, "record") + " read, journal " + mib(s.Journal.Bytes) + " of " + mib(s.Journal.Max)
}
