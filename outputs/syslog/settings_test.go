package syslog

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
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
		{"unix://run/x.sock", "", ""},
		{"unix:///", "", ""},
		{"tcp://siem:99x", "", ""},
	} {
		got, err := parseAddress(c.in)
		if (err != nil) != (c.network == "") || got.network != c.network && err == nil || got.addr != c.addr {
			t.Errorf("%q is %+v, %v", c.in, got, err)
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
		{"no scheme", func(s *Settings) { s.Address.Value = "siem:514" }, "does not say how"},
		{"tls in the clear", func(s *Settings) { s.TLS = &TLS{} }, "not encrypted"},
		{"half a pair", func(s *Settings) { s.Address.Value, s.TLS = "tls://h", &TLS{}; s.TLS.Cert.Value = "c" }, "come together"},
		{"framed datagrams", func(s *Settings) { s.Address.Value, s.Framing = "udp://h", framingNewline }, "framing is for streams"},
		{"no time", func(s *Settings) { s.Timeout = 0 }, "timeout"},
		{"too small", func(s *Settings) { s.MaxBytes = 100 }, "480"},
		{"too large for UDP", func(s *Settings) { s.Address.Value, s.MaxBytes = "udp://h", 65508 }, "65507"},
		{"large for TCP", func(s *Settings) { s.MaxBytes = 1 << 20 }, ""},
	} {
		s := Default()
		s.Address.Value = "tcp://siem"
		c.change(&s)
		p := s.Check()
		if c.want == "" && len(p) > 0 || c.want != "" && !strings.Contains(p.Error(), c.want) {
			t.Errorf("%s: %v", c.name, p)
		}
	}
}

func TestACutSplitsNoCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		limit := rapid.IntRange(0, len(s)+1).Draw(t, "limit")
		got := cut([]byte(s), limit)
		if len(got) > limit || !strings.HasPrefix(s, string(got)) || len(s) > limit && limit-len(got) >= utf8.UTFMax {
			t.Fatalf("%q cut to %d is %q", s, limit, got)
		}
		if !utf8.Valid(got) {
			t.Fatalf("%q is not UTF-8 any more", got)
		}
	})
}

func TestABadByteDoesNotMoveTheCut(t *testing.T) {
	if got := cut([]byte("abc\x80\x80\x80\x80\x80\x80"), 8); len(got) != 8 {
		t.Errorf("cut to %q", got)
	}
}

func TestWhereTheHeaderEnds(t *testing.T) {
	for _, c := range []struct{ head, rest string }{
		{`<134>1 - h a p m -`, ` text`},
		{`<134>1 - h a p m [x y="a b\"] c"][z q="[ "]`, ` text [not] "this`},
		{`<134>1 - h a p m -`, ``},
		{`<134>1 - h`, ``},
		{``, `{"json": "no header"}`},
	} {
		if got := headEnd([]byte(c.head + c.rest)); got != len(c.head) {
			t.Errorf("%s%s: %d, want %d", c.head, c.rest, got, len(c.head))
		}
	}
}

func FuzzHeadEnd(f *testing.F) {
	f.Add(`<134>1 - h a p m [x y="a b\"] c"] text`)
	f.Add(`<1>1 - h a p m [x y="\`)
	f.Fuzz(func(t *testing.T, s string) {
		if n := headEnd([]byte(s)); n < 0 || n > len(s) {
			t.Errorf("%q: %d", s, n)
		}
	})
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
