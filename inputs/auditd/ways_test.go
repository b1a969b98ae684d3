package auditd

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// way is one of the ways in, for the tests that all of them have to pass.
type way struct {
	name     string
	plugin   plugin.Plugin
	settings func(dir string) *Settings
	add      func(t testing.TB, dir string, content []byte)
	end      bool // has an end and a position
}

func ways() []way {
	file := func(dir string) string { return filepath.Join(dir, "audit.log") }
	plain := func(change func(s *Settings, dir string)) func(dir string) *Settings {
		return func(dir string) *Settings {
			s := defaults()
			s.StatusEvery = 0
			change(&s, dir)
			return &s
		}
	}
	list := []way{
		{name: "path", plugin: Plugin, end: true, settings: plain(func(s *Settings, dir string) { s.Path.Value = file(dir) }),
			add: func(t testing.TB, dir string, content []byte) {
				t.Helper()
				f, err := os.OpenFile(file(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
				if err == nil {
					_, err = f.Write(content)
				}
				if err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
			}},
		socketWay(plain),
		stdinWay(plain),
		netlinkWay("netlink multicast", plain, false),
		netlinkWay("netlink unicast", plain, true),
	}
	return list
}

type plainSettings = func(change func(s *Settings, dir string)) func(dir string) *Settings

func socketWay(plain plainSettings) way {
	feeders := map[string]*feeder{}
	p := Plugin
	p.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
		in, err := build(settings.(*Settings), env)
		if err != nil {
			return nil, err
		}
		return patient{in, func() bool { return feeders[env.Dir].behind(in.(*watch).Input.(*stream)) }}, nil
	}
	return way{name: "socket", plugin: p, settings: plain(func(s *Settings, dir string) { s.Socket.Value = filepath.Join(dir, "s") }),
		add: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			f := feeders[dir]
			if f == nil {
				l, err := net.Listen("unix", filepath.Join(dir, "s"))
				if err != nil {
					t.Fatal(err)
				}
				f = newFeeder()
				feeders[dir] = f
				var all sync.WaitGroup
				all.Go(func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						all.Go(func() { f.feed(c) })
					}
				})
				t.Cleanup(func() { f.end(); _ = l.Close(); all.Wait() })
			}
			f.add(content)
		}}
}

// stdinWay reads from a pair of sockets in place of the test's own input.
func stdinWay(plain plainSettings) way {
	type pair struct {
		f  *feeder
		in *os.File
	}
	pairs := map[string]pair{}
	p := Plugin
	p.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
		in, err := build(settings.(*Settings), env)
		if err != nil {
			return nil, err
		}
		s := in.(*watch).Input.(*stream)
		s.dial = ahead(func(context.Context) (source, error) { return pairs[env.Dir].in, nil }, 1<<20, env.Once)
		return patient{in, func() bool { return pairs[env.Dir].f.behind(s) }}, nil
	}
	return way{name: "stdin", plugin: p, settings: plain(func(s *Settings, _ string) { s.Stdin = true }),
		add: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			at, ok := pairs[dir]
			if !ok {
				fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				out := os.NewFile(uintptr(fds[1]), "out")
				c, err := net.FileConn(out)
				if err != nil {
					t.Fatal(err)
				}
				_ = out.Close()
				at = pair{newFeeder(), os.NewFile(uintptr(fds[0]), "in")}
				pairs[dir] = at
				var all sync.WaitGroup
				all.Go(func() { at.f.feed(c) })
				t.Cleanup(func() { at.f.end(); _ = at.in.Close(); all.Wait() })
			}
			at.f.add(content)
		}}
}

func netlinkWay(name string, plain plainSettings, again bool) way {
	kernels := map[string]*fakeKernel{}
	p := Plugin
	p.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
		s := settings.(*Settings)
		lines := tail.NewLines(tail.LineOptions{Input: env.Name, Decode: s.Decode, Max: int(s.MaxLine), Shared: env.Shared, Meter: env.Meter})
		k := kernels[env.Dir]
		return patient{watched(s, env, newNetlink(s, env, lines, k.open, again)), k.behind}, nil
	}
	mode := strings.TrimPrefix(name, "netlink ")
	return way{name: name, plugin: p, settings: plain(func(s *Settings, _ string) { s.Netlink = mode }),
		add: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			if kernels[dir] == nil {
				kernels[dir] = newFakeKernel()
			}
			if len(content) > 0 && !bytes.Contains(content, []byte("type=")) {
				content = append([]byte("type=USER_LOGIN msg="), content...) // the suite's "one"
			}
			kernels[dir].giveLines(t, content)
		}}
}

func TestWhoCannotWait(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *Settings)
		want   bool
	}{
		"a file":    {func(*Settings) {}, false},
		"a socket":  {func(s *Settings) { s.Socket.Value = "s" }, true},
		"stdin":     {func(s *Settings) { s.Stdin = true }, true},
		"multicast": {func(s *Settings) { s.Netlink = "multicast" }, true},
		"unicast":   {func(s *Settings) { s.Netlink = "unicast" }, true},
	} {
		s := defaults()
		c.change(&s)
		e := env("/")
		e.Meter = new(meter.Registry)
		in, err := build(&s, e)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := in.(plugin.Pressing); !ok || p.CannotWait() != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
