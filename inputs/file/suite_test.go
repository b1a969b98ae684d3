package file

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func settings(t testing.TB, dir string) *Settings {
	t.Helper()
	s, ok := Plugin.Settings().(*Settings)
	if !ok {
		t.Fatal("the settings are another type")
	}
	s.Path = []plugin.Text{{Value: filepath.Join(dir, "*.log")}}
	return s
}

// TestConformance: the input passes the suite.
func TestConformance(t *testing.T) { conform(t, "testdata", nil) }

// TestConformanceOfMultiline: it passes it also where records have several lines.
func TestConformanceOfMultiline(t *testing.T) {
	conform(t, "testdata/multiline", &Multiline{Start: plugin.Text{Value: `^[^\s]`}, Timeout: 2 * time.Second})
}

func conform(t *testing.T, golden string, m *Multiline) {
	one := Plugin
	one.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
		if m != nil {
			env.Now = time.Now // a record that may go on waits for its time
		}
		return Plugin.Input(settings, env)
	}
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: one, Golden: golden,
		Settings: func(t testing.TB, dir string) any {
			s := settings(t, dir)
			s.Multiline = m
			return s
		},
		Refused: func(t testing.TB) any {
			s := settings(t, "x")
			s.Path = []plugin.Text{{Value: "a["}}
			return s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			f, err := os.OpenFile(filepath.Join(dir, "app.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(content); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		},
		Vanish: func(t testing.TB, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "app.log")); err != nil {
				t.Fatal(err)
			}
		},
	})
}

// TestSettingsAreChecked: each mistake is named by its key.
func TestSettingsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"path":     func(s *Settings) { s.Path = nil },
		"max_line": func(s *Settings) { s.MaxLine = 10 },
		"open":     func(s *Settings) { s.Open = 0 },
		"files":    func(s *Settings) { s.Files = 0 },
	} {
		s := settings(t, "/logs")
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		change(s)
		if p := s.Check(); len(p) != 1 || p[0].Key != name {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestClaims: a file that is named is claimed, what a pattern matches cannot be.
func TestClaims(t *testing.T) {
	s := settings(t, "/logs")
	s.Path = append(s.Path, plugin.Text{Value: "/logs/one"})
	if c := s.Claims(); len(c) != 1 || c[0].Path != "/logs/one" || c[0].Use != plugin.UseRead {
		t.Errorf("%+v", c)
	}
}
