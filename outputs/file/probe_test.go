package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A probe finds what Send would meet, and leaves everything as it is.
func TestAProbeChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name, path, content, want string // content "": there is no file; want "": nothing is wrong
	}{
		{"no file", "out", "", ""},
		{"a file", "out", "{}\n", ""},
		{"a torn line", "out", "{}\n{\"a", ""},
		{"no folder", "no/out", "", "its folder does not exist"},
		{"a folder that is a file", "file/out", "", "is a file and no folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "file"), "x")
			path := filepath.Join(dir, c.path)
			if c.content != "" {
				write(t, path, c.content)
			}
			err := at(t, path, nil).Probe(context.Background())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("the probe said %v, want %q", err, c.want)
			}
			if err != nil && strings.Count(err.Error(), path) != 1 {
				t.Errorf("the path is not said once: %v", err)
			}
			got, err := os.ReadFile(path)
			if c.content == "" && !errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(c.path, "file/") || string(got) != c.content {
				t.Errorf("the probe left %q, %v", got, err)
			}
		})
	}
}

func TestAProbeSeesAnotherWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	o := at(t, path, nil)
	send(t, o, "a")
	if err := at(t, path, nil).Probe(context.Background()); !errors.Is(err, errLocked) {
		t.Errorf("the probe said %v", err)
	}
	if err := o.Probe(context.Background()); err != nil {
		t.Errorf("its own probe said %v", err)
	}
	send(t, o, "b")
	want(t, path, "a", "b")
}
