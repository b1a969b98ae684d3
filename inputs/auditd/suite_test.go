package auditd

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tallyman/pipeline/plugintest"
)

func TestConformance(t *testing.T) {
	file := func(dir string) string { return filepath.Join(dir, "audit.log") }
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin,
		Golden: "testdata",
		Settings: func(_ testing.TB, dir string) any {
			s := Plugin.Settings().(*Settings)
			s.Path.Value = file(dir)
			s.StatusEvery = 0
			return s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			t.Helper()
			f, err := os.OpenFile(file(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = f.Write(content)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		Vanish: func(t testing.TB, dir string) {
			t.Helper()
			if err := os.Remove(file(dir)); err != nil {
				t.Fatal(err)
			}
		},
	})
}
