package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// echo are handlers that answer with what they were asked.
func echo() Handlers {
	return Handlers{
		Status: func() any { return map[string]string{"state": "fine"} },
		Reload: func(_ context.Context, discard bool) Answer {
			return Answer{Code: 78, Text: fmt.Sprint("discard ", discard)}
		},
		Drain: func(_ context.Context, limit time.Duration) Answer { return Answer{Code: 75, Text: limit.String()} },
	}
}

// TestALongRequest: baselines that are imported are larger than any buffer.
func TestALongRequest(t *testing.T) {
	dir := t.TempDir()
	do := echo()
	do.Baselines = func(_ context.Context, args json.RawMessage) Answer { return Answer{Text: fmt.Sprint(len(args))} }
	running(t, dir, do)
	a, err := dial(t, dir).Baselines(t.Context(), strings.Repeat("x", 1<<20))
	if err != nil || a.Text != fmt.Sprint(1<<20+2) {
		t.Errorf("answered %q, %v", a.Text, err)
	}
}

// running serves do in dir until the test ends.
func running(t *testing.T, dir string, do Handlers) {
	t.Helper()
	s, err := Serve(dir, do, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func dial(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestVerbs(t *testing.T) {
	for _, where := range []struct{ name, dir string }{
		{"a usual path", "j"},
		{"a path that no address holds", strings.Repeat("long/", 40)},
	} {
		t.Run(where.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), where.dir)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			running(t, dir, echo())
			info, err := os.Lstat(Path(dir))
			if err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o600 {
				t.Fatalf("the socket is %v, %v", info, err)
			}
			c := dial(t, dir) // several requests over one connection
			if data, err := c.Status(t.Context()); err != nil || string(data) != `{"state":"fine"}` {
				t.Errorf("status %s, %v", data, err)
			}
			for _, discard := range []bool{false, true} {
				if a, err := c.Reload(t.Context(), discard); err != nil || a.Code != 78 || a.Text != fmt.Sprint("discard ", discard) {
					t.Errorf("reload %+v, %v", a, err)
				}
			}
			if a, err := c.Drain(t.Context(), time.Minute); err != nil || a.Code != 75 || a.Text != "1m0s" {
				t.Errorf("drain %+v, %v", a, err)
			}
		})
	}
}

// TestSeveralClients: one that works long, and one that says nothing, delay
// nobody else.
func TestSeveralClients(t *testing.T) {
	dir := t.TempDir()
	do := echo()
	begun, end := make(chan struct{}), make(chan struct{})
	do.Drain = func(context.Context, time.Duration) Answer { close(begun); <-end; return Answer{Text: "drained"} }
	running(t, dir, do)
	slow := dial(t, dir)
	dial(t, dir) // and says nothing
	got := make(chan Answer, 1)
	go func() {
		a, err := slow.Drain(context.Background(), 0)
		if err != nil {
			a.Text = err.Error()
		}
		got <- a
	}()
	<-begun
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c, err := Dial(t.Context(), dir)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.Status(t.Context()); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(end)
	if a := <-got; a.Text != "drained" {
		t.Errorf("the long request got %+v", a)
	}
}

// TestTooManyClients: beyond the bound a client is told so at once.
func TestTooManyClients(t *testing.T) {
	dir := t.TempDir()
	running(t, dir, echo())
	for range maxPeers {
		if _, err := dial(t, dir).Status(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dial(t, dir).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("one more: %v", err)
	}
}

// TestBadRequests: what is not a request is refused in words, and the server
// goes on.
func TestBadRequests(t *testing.T) {
	dir := t.TempDir()
	running(t, dir, echo())
	for _, c := range []struct{ name, send, want string }{
		{"no JSON", "status\n", "not understood"},
		{"another version", `{"version":2,"verb":"status"}` + "\n", "version 1"},
		{"no version", `{"verb":"status"}` + "\n", "version 0"},
		{"an unknown verb", `{"version":1,"verb":"selfdestruct"}` + "\n", `"selfdestruct"`},
		{"too long", `{"version":1,"verb":"` + strings.Repeat("x", maxRequest) + "\"}\n", "longer than 8388608 bytes"},
		{"cut short", `{"version":1`, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("unix", Path(dir))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := conn.Write([]byte(c.send)); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			b, err := bufio.NewReader(conn).ReadBytes('\n')
			var r reply
			if err != nil || json.Unmarshal(b, &r) != nil || r.Version != Version || !strings.Contains(r.Refused, c.want) {
				t.Errorf("the answer is %s, %v; want %q", b, err, c.want)
			}
		})
	}
	if _, err := dial(t, dir).Status(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestBadAnswers: a client believes no server that answers strangely.
func TestBadAnswers(t *testing.T) {
	for _, c := range []struct{ name, answer, want string }{
		{"another version", `{"version":9,"code":0}` + "\n", "version 9"},
		{"no JSON", "fine\n", "not understood"},
		{"nothing", "", "unexpected EOF"},
		{"cut short", `{"version":1`, "unexpected EOF"},
		{"too long", strings.Repeat("x", maxAnswer+1) + "\n", "longer than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := net.Listen("unix", Path(dir))
			if err != nil {
				t.Fatal(err)
			}
			var done sync.WaitGroup
			done.Go(func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				// The client's answer is what is tested.
				_, _ = bufio.NewReader(conn).ReadBytes('\n')
				_, _ = conn.Write([]byte(c.answer))
				_ = conn.Close()
			})
			if _, err := dial(t, dir).Status(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the client says %v, want %q", err, c.want)
			}
			done.Wait()
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPeers(t *testing.T) {
	dir := t.TempDir()
	var asked uint32
	s, err := serve(dir, echo(), quiet, func(uid uint32) bool { asked = uid; return false })
	if err != nil {
		t.Fatal(err)
	}
	_, err = dial(t, dir).Reload(t.Context(), true)
	if !errors.Is(err, ErrNotAllowed) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a peer that may not ask is told %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if int(asked) != os.Getuid() {
		t.Errorf("the kernel says that user %d asked, it was %d", asked, os.Getuid())
	}
}

// TestSocketFile: a dead process's socket is replaced, a file of another kind is
// not, and nothing is left at the end.
func TestSocketFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{Path(dir), Path(dir) + ".new"} {
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		dead.SetUnlinkOnClose(false)
		if err := dead.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a dead socket: %v", err)
	}
	s, err := Serve(dir, echo(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, dir).Status(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the close: %v", err)
	}
	if err := os.Symlink("/etc/passwd", Path(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Serve(dir, echo(), quiet); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a link in the way: %v", err)
	}
}

// TestStop: no new request is taken, the one that is worked on is answered, and
// the context of its handler ends with Close.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	do := echo()
	begun := make(chan struct{})
	do.Reload = func(ctx context.Context, _ bool) Answer { close(begun); <-ctx.Done(); return Answer{Text: "ended"} }
	s, err := Serve(dir, do, quiet)
	if err != nil {
		t.Fatal(err)
	}
	idle, busy := dial(t, dir), dial(t, dir)
	if _, err := idle.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		a, err := busy.Reload(context.Background(), false)
		got <- fmt.Sprint(a.Text, err)
	}()
	<-begun
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := idle.Status(t.Context()); err == nil {
		t.Error("a request was taken after the stop")
	}
	if _, err := os.Lstat(Path(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after the stop: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if a := <-got; a != "ended<nil>" {
		t.Errorf("the request under way got %q", a)
	}
}

func TestClientGivesUp(t *testing.T) {
	dir := t.TempDir()
	do := echo()
	do.Reload = func(ctx context.Context, _ bool) Answer { <-ctx.Done(); return Answer{} }
	running(t, dir, do)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := dial(t, dir).Reload(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("a client that gives up says %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	s := &Server{do: echo(), ctx: f.Context()}
	for _, seed := range []string{`{"version":1,"verb":"status"}`, `{"version":1,"verb":"reload","discard":true}`, `{"version":1,"verb":"drain","timeout":-1}`, `{"version":1e9}`, `null`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := s.answer(nil, b)
		if out, err := json.Marshal(r); err != nil || strings.Contains(string(out), "\n") {
			t.Errorf("the answer to %q is no line: %s, %v", b, out, err)
		}
	})
}
