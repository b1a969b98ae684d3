package syslog

import (
	"strings"
	"testing"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ in, network, addr string }{
		{"udp://siem", "udp", "siem:514"},
		{"tcp://siem:601", "tcp", "siem:601"},
		{"tcp://[::1]", "tcp", "[::1]:514"},
		{"tls://siem.example", "tcp", "siem.example:6514"},
		{"tls://siem.example:443/", "tcp", "siem.example:443"},
		{"unix:///run/x.sock", "unix", "/run/x.sock"},
		{"unixgram:///dev/log", "unixgram", "/dev/log"},
		{"siem:514", "", ""},
		{"", "", ""},
		{"http://siem", "", ""},
		{"tcp://", "", ""},
		{"tcp://siem/path", "", ""},
		{"tls://user@siem", "", ""},
		{"tcp://siem?x=1", "", ""},
		{"tls://ana:hush@siem", "", ""},
		{"http://ana:hush@siem", "", ""},
		{"tls://ana:hush@siem:%", "", ""},
		{"unix://run/x.sock", "", ""},
		{"unix:///", "", ""},
		{"tcp://siem:99x", "", ""},
		{"tcp://siem:70000", "", ""},
		{"tcp://siem:0", "", ""},
		{"tcp://siem:65535", "tcp", "siem:65535"},
	} {
		got, err := parseAddress(c.in)
		if (err != nil) != (c.network == "") || got.network != c.network && err == nil || got.addr != c.addr {
			t.Errorf("%q is %+v, %v", c.in, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("a password is shown: %v", err)
		}
	}
}

func TestSettingsThatContradictAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string // "": accepted
	}{
		{"default", func(*Settings) {}, ""},
		{"no scheme", func(s *Settings) { s.Address = plugin.Text{Value: "siem:514"} }, "does not say how"},
		{"tls in the clear", func(s *Settings) { s.TLS = &clienttls.Settings{} }, "not encrypted"},
		{"half a pair", func(s *Settings) {
			s.Address, s.TLS = plugin.Text{Value: "tls://h"}, &clienttls.Settings{}
			s.TLS.Cert.Value = "c"
		}, "come together"},
		{"framed datagrams", func(s *Settings) { s.Address, s.Framing = plugin.Text{Value: "udp://h"}, framingNewline }, "framing is for streams"},
		{"no time", func(s *Settings) { s.Timeout = 0 }, "timeout"},
		{"too small", func(s *Settings) { s.MaxBytes = 100 }, "480"},
		{"too large for UDP", func(s *Settings) { s.Address, s.MaxBytes = plugin.Text{Value: "udp://h"}, 65508 }, "65507"},
		{"a proxy", func(s *Settings) { s.Proxy.Value = "http://p:3128" }, ""},
		{"no proxy", func(s *Settings) { s.Address, s.Proxy = plugin.Text{Value: "udp://h"}, plugin.Text{Value: "none"} }, ""},
		{"a proxy for datagrams", func(s *Settings) {
			s.Address, s.Proxy = plugin.Text{Value: "udp://h"}, plugin.Text{Value: "http://p:3128"}
		}, "goes through none"},
		{"a proxy that is none", func(s *Settings) { s.Proxy.Value = "p:3128" }, "proxy"},
		{"large for TCP", func(s *Settings) { s.MaxBytes = 1 << 20 }, ""},
	} {
		s := Default()
		s.Address = plugin.Text{Value: "tcp://siem"}
		c.change(&s)
		p := s.Check()
		if c.want == "" && len(p) > 0 || c.want != "" && !strings.Contains(p.Error(), c.want) {
			t.Errorf("%s: %v", c.name, p)
		}
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("tls://[::1]:6514")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseAddress(s)
		if err != nil {
			return
		}
		again, err := parseAddress(got.String())
		if err == nil && again.addr != got.addr {
			t.Errorf("%q is %+v, and then %+v", s, got, again)
		}
	})
}
