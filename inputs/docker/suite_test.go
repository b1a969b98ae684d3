package docker

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugintest"
)

func settings(t testing.TB, path string) *Settings {
	t.Helper()
	s, ok := Plugin.Settings().(*Settings)
	if !ok {
		t.Fatal("the settings are another type")
	}
	s.Host = "unix://" + path
	s.Inspect = false // its own test has it
	return s
}

// TestConformance: the input passes the suite against an engine at a socket.
func TestConformance(t *testing.T) {
	all := &folders{of: map[string]*fakeEngine{}}
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin, Golden: "testdata",
		Settings: func(t testing.TB, dir string) any { return settings(t, all.at(t, dir).path) },
		Refused: func(t testing.TB) any {
			s := settings(t, "x")
			s.Host = "ftp://x"
			return s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			f := all.at(t, dir)
			select {
			case <-f.quit:
				f.start(t)
			default:
			}
			if text := strings.TrimSuffix(string(content), "\n"); text != "" {
				f.tell(strings.Split(text, "\n")...)
			}
		},
		Vanish: func(t testing.TB, dir string) { t.Helper(); all.at(t, dir).stop() },
	})
}

// TestSettingsAreChecked: each mistake is named by its key.
func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		key    string
		warn   bool
	}{
		{"a scheme", func(s *Settings) { s.Host = "http://x:1" }, "host", false},
		{"a relative socket", func(s *Settings) { s.Host = "unix://run/x" }, "host", false},
		{"no port", func(s *Settings) { s.Host = "tcp://x" }, "host", false},
		{"in the clear", func(s *Settings) { s.Host = "tcp://x:2375" }, "host", true},
		{"half a pair", func(s *Settings) { s.TLS = &TLS{}; s.TLS.Cert.Value = "x" }, "tls", false},
		{"start_at", func(s *Settings) { s.StartAt = "now" }, "start_at", false},
		{"decode", func(s *Settings) { s.Decode = "" }, "decode", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings(t, "/x")
			if p := s.Check(); len(p) > 0 {
				t.Fatalf("sound settings: %v", p)
			}
			c.change(s)
			if p := s.Check(); len(p) != 1 || p[0].Key != c.key || p[0].Warn != c.warn {
				t.Errorf("%v", p)
			}
		})
	}
}
