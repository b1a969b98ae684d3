package syslog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

func TestSettingsAreChecked(t *testing.T) {
	cert := &servertls.Settings{Cert: plugin.Text{Value: "c"}, Key: plugin.Text{Value: "k"}}
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string // "": nothing is wrong
	}{
		{"defaults", func(*Settings) {}, ""},
		{"several", func(s *Settings) { s.Listen.Value = "udp://0.0.0.0 tcp://0.0.0.0, unix:///run/a unixgram:///run/b" }, ""},
		{"encrypted", func(s *Settings) { s.Listen.Value, s.TLS = "tls://[::]", cert }, ""},
		{"none", func(s *Settings) { s.Listen.Value = " " }, "names no address"},
		{"no scheme", func(s *Settings) { s.Listen.Value = "0.0.0.0:514" }, "is not a URL"},
		{"another scheme", func(s *Settings) { s.Listen.Value = "http://0.0.0.0:514" }, "does not say how to listen"},
		{"no host", func(s *Settings) { s.Listen.Value = "udp://:514" }, "is not a host and a port"},
		{"a path after the port", func(s *Settings) { s.Listen.Value = "udp://a:514/x" }, "is not a host and a port"},
		{"a query", func(s *Settings) { s.Listen.Value = "udp://a:514?x" }, "has parts"},
		{"no path", func(s *Settings) { s.Listen.Value = "unix://run/x" }, "lacks an absolute path"},
		{"twice", func(s *Settings) { s.Listen.Value = "tcp://a:514 tcp://a" }, "stands twice"},
		{"a TLS port and the same without", func(s *Settings) { s.Listen.Value, s.TLS = "tcp://a:6514 tls://a", cert }, "stands twice"},
		{"no certificate", func(s *Settings) { s.Listen.Value = "tls://a" }, "needs a certificate"},
		{"a certificate for nothing", func(s *Settings) { s.TLS = cert }, "no address of listen is encrypted"},
		{"a zone", func(s *Settings) { s.Timezone = "+02:00" }, ""},
		{"no zone", func(s *Settings) { s.Timezone = "Middle/Earth" }, "is not known here"},
		{"networks", func(s *Settings) {
			s.Allow = []plugin.Text{{Value: "10.0.0.0/8"}, {Value: "fd00::/8"}, {Value: "10.1.2.3"}}
		}, ""},
		{"no network", func(s *Settings) { s.Allow = []plugin.Text{{Value: "10.0.0.0/8"}, {Value: "web-1"}} }, `"web-1" is neither`},
		{"no mode", func(s *Settings) { s.SocketMode = "rw" }, "is no mode"},
		{"short messages", func(s *Settings) { s.MaxMessage = 100 }, "max_message"},
		{"long messages", func(s *Settings) { s.MaxMessage = 2 << 20 }, "max_message"},
		{"no connections", func(s *Settings) { s.MaxConnections = 0 }, "max_connections"},
		{"none for each", func(s *Settings) { s.MaxPerPeer = 0 }, "max_connections_per_peer"},
		{"no handshake", func(s *Settings) { s.HandshakeTime = 0 }, "handshake_timeout"},
		{"no time", func(s *Settings) { s.MessageTime = 0 }, "message_timeout"},
		{"never idle", func(s *Settings) { s.IdleTime = 0 }, ""},
		{"less than never", func(s *Settings) { s.IdleTime = -time.Second }, "idle_timeout"},
		{"no room in the kernel", func(s *Settings) { s.ReceiveBuffer = 1 }, "receive_buffer"},
		{"no room", func(s *Settings) { s.Buffer = 1 }, "buffer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := defaults()
			s.Listen.Value = "udp://127.0.0.1:514"
			c.change(&s)
			p := s.Check()
			if c.want == "" && len(p) > 0 || c.want != "" && (len(p) != 1 || !strings.Contains(p.Error(), c.want)) {
				t.Errorf("check says %v, want %q", p, c.want)
			}
		})
	}
}

func TestPathsAreClaimed(t *testing.T) {
	s := defaults()
	s.Listen.Value = "udp://0.0.0.0 unix:///run/a unixgram:///run/b"
	var got []string
	for _, c := range s.Claims() {
		got = append(got, c.Path)
	}
	if !slices.Equal(got, []string{"/run/a", "/run/b"}) {
		t.Errorf("claimed %q", got)
	}
}

// TestWhoCannotWait: the journal keeps a reserve where there are datagrams, and
// streams wait.
func TestWhoCannotWait(t *testing.T) {
	for listen, want := range map[string]bool{
		"tcp://127.0.0.1:0": false, "unix:///run/x": false, "udp://127.0.0.1:0": true, "unixgram:///run/x": true,
		"tcp://127.0.0.1:0 udp://127.0.0.1:0": true,
	} {
		in, err := Plugin.Input(settingsFor(listen, ""), envOf(t))
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := in.(plugin.Pressing); !ok || p.CannotWait() != want {
			t.Errorf("%s: cannot wait is %v", listen, !want)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}
