package auditd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugintest"
)

// TestConformance: every way in passes the suite of inputs.
func TestConformance(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			s := plugintest.InputSuite{
				Plugin: w.plugin, Golden: "testdata", NoPosition: !w.end, NoEnd: !w.end,
				Settings: func(_ testing.TB, dir string) any { return w.settings(dir) },
				Append:   w.add,
			}
			if w.end {
				s.Vanish = func(t testing.TB, dir string) {
					t.Helper()
					if err := os.Remove(filepath.Join(dir, "audit.log")); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				s.Golden = "testdata/records"
			}
			plugintest.Input(t, s)
		})
	}
}

// TestEveryWayGivesTheSame: the same records come the same, whichever way they
// take.
func TestEveryWayGivesTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/records/*.in")
	if err != nil || len(files) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		for _, w := range ways() {
			t.Run(filepath.Base(name)+" "+w.name, func(t *testing.T) {
				dir := t.TempDir()
				w.add(t, dir, content)
				in, err := w.plugin.Input(w.settings(dir), plugintest.Env(dir))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = in.Close() }()
				if err := in.Open(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				var got []string
				for len(got) < len(want) {
					var b event.Batch
					if err := in.Read(t.Context(), &b, 20*time.Second); err != nil {
						t.Fatal(err)
					}
					for i := range b.Events {
						if e := &b.Events[i]; e.Decode != "audit" || e.Records != 1 || len(e.Fields) > 0 {
							t.Errorf("%s", plugintest.Dump(e))
						}
					}
					if len(b.Losses) > 0 {
						t.Errorf("lost: %+v", b.Losses)
					}
					got = append(got, raws(&b)...)
				}
				if !slices.Equal(got, want) {
					t.Errorf("read %q, want %q", got, want)
				}
			})
		}
	}
}
