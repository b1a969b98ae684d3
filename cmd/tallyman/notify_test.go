package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/control"
)

// manager is a service manager's end of the socket.
func manager(t *testing.T) (path string, next func() string) {
	t.Helper()
	// The path of a socket has to be short.
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), os.RemoveAll(dir) })
	return path, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("the manager was told nothing more: %v", err)
		}
		return string(b[:n])
	}
}

func TestNotifier(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	t.Run("without a manager", func(t *testing.T) {
		n := newNotifier(env(), 7, log)
		if n != nil {
			t.Fatal("a notifier without NOTIFY_SOCKET")
		}
		n.say("READY=1")
		n.guard(t.Context(), nil)()
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	path, next := manager(t)
	for _, c := range []struct {
		name, usec, pid string
		want            time.Duration
	}{
		{"no watchdog", "", "", 0},
		{"for anybody", "3000000", "", 1500 * time.Millisecond},
		{"for us", "3000000", "7", 1500 * time.Millisecond},
		{"for another", "3000000", "8", 0},
		{"no number", "soon", "7", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNotifier(env("NOTIFY_SOCKET", path, "WATCHDOG_USEC", c.usec, "WATCHDOG_PID", c.pid), 7, log)
			if n.every != c.want {
				t.Errorf("every %v, want %v", n.every, c.want)
			}
			if err := n.close(); err != nil {
				t.Error(err)
			}
		})
	}
	n := newNotifier(env("NOTIFY_SOCKET", path), 7, log)
	defer func() { _ = n.close() }()
	t.Run("the watchdog hears of each tick, in one line", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tick, done := make(chan time.Time), make(chan struct{})
		go func() { defer close(done); n.watch(ctx, tick, func() string { return "a\nREADY=0" }) }()
		tick <- time.Time{}
		if got, want := next(), "WATCHDOG=1\nSTATUS=a\\x0aREADY=0"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		cancel()
		<-done
	})
	t.Run("a reload", func(t *testing.T) {
		if a := n.reloading(func(bool) control.Answer { return control.Answer{Code: 78} })(false); a.Code != 78 {
			t.Errorf("the answer is %v", a)
		}
		if got := next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
			t.Errorf("told %q", got)
		}
		if got := next(); got != "READY=1" {
			t.Errorf("told %q", got)
		}
	})
}

// TestNotifyLife: a service manager hears of the whole life of the process.
func TestNotifyLife(t *testing.T) {
	path, next := manager(t)
	config := conf(t, t.TempDir(), good)
	run := tallyman(t, "run", "--config", config)
	run.Env = append(run.Env, "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=100000")
	until := func(want string) (all string) {
		for !strings.Contains(all, want) {
			all += next() + "\n"
		}
		return all
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = run.Process.Kill() }()
	until("READY=1")
	if got := until("WATCHDOG=1\nSTATUS="); !strings.Contains(got, "read, journal") {
		t.Errorf("the status is %q", got)
	}
	if err := run.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until("RELOADING=1")
	until("READY=1")
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until("STOPPING=1")
	if err := run.Wait(); err != nil {
		t.Error(err)
	}
}

// TestNotifyFailedStart: what cannot be opened is never told to be ready.
func TestNotifyFailedStart(t *testing.T) {
	path, next := manager(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	text := strings.Replace(good, "inputs:\n", "inputs:\n  web: {type: http, listen: \""+taken.Addr().String()+"\", decode: json}\n", 1)
	run := tallyman(t, "run", "--config", conf(t, t.TempDir(), text))
	run.Env = append(run.Env, "NOTIFY_SOCKET="+path)
	said, err := run.CombinedOutput()
	if err == nil || !strings.Contains(string(said), "address already in use") {
		t.Fatalf("the start did not fail at the port: %v\n%s", err, said)
	}
	if got := next(); got != "STOPPING=1" {
		t.Errorf("told %q", got)
	}
}
