package layering

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "tallyman"

// allowed is the table of docs/ARCHITECTURE.md for the packages of pipeline.
// A package of pipeline that is not listed fails, so that a new room is drawn
// before it is built.
var allowed = map[string][]string{
	"pipeline/schema":     {},
	"pipeline/event":      {"pipeline/schema"},
	"pipeline/vfs":        {},
	"pipeline/meter":      {},
	"pipeline/keep":       {},
	"pipeline/lazy":       {},
	"pipeline/jsonscan":   {},
	"pipeline/jsontree":   {"pipeline/jsonscan"},
	"pipeline/toolinput":  {"pipeline/event", "pipeline/plugin", "pipeline/tail", "pipeline/weblisten"},
	"pipeline/record":     {"pipeline/event", "pipeline/schema", "pipeline/pieces"},
	"pipeline/layering":   {},
	"pipeline/journal":    {"pipeline/vfs", "pipeline/meter"},
	"pipeline/codec":      {"pipeline/event", "pipeline/schema"},
	"pipeline/plugin":     {"pipeline/event", "pipeline/schema", "pipeline/meter"},
	"pipeline/expr":       {"pipeline/event", "pipeline/schema", "pipeline/plugin"},
	"pipeline/tail":       {"pipeline/event", "pipeline/schema", "pipeline/meter", "pipeline/plugin"},
	"pipeline/pieces":     {"pipeline/event", "pipeline/schema", "pipeline/meter"},
	"pipeline/servertls":  {"pipeline/plugin"},
	"pipeline/clienttls":  {"pipeline/plugin"},
	"pipeline/webclient":  {"pipeline/clienttls", "pipeline/plugin", "pipeline/meter", "pipeline/tunnel"},
	"pipeline/template":   {"pipeline/event", "pipeline/expr", "pipeline/plugin", "pipeline/schema"},
	"pipeline/enginetest": {"pipeline/engine", "pipeline/config", "pipeline/journal", "pipeline/plugin", "pipeline/plugintest", "pipeline/event", "pipeline/meter"},
	"pipeline/tunnel":     {"pipeline/plugin"},
	"pipeline/kafkalink":  {"pipeline/plugin", "pipeline/clienttls", "pipeline/tunnel"},
	"pipeline/accesslog":  {},
	"pipeline/programs":   {"pipeline/event", "pipeline/schema"},
	"pipeline/zone":       {"pipeline/event", "pipeline/schema"},
	"pipeline/multiline":  {"pipeline/event", "pipeline/schema", "pipeline/meter"},
	"pipeline/weblisten":  {"pipeline/event", "pipeline/jsonscan", "pipeline/schema", "pipeline/meter", "pipeline/plugin", "pipeline/servertls"},
	"pipeline/decode":     {"pipeline/event", "pipeline/schema", "pipeline/meter", "pipeline/plugin"},
	"pipeline/config":     {"pipeline/lazy", "pipeline/plugin", "pipeline/servertls"},
	"pipeline/plugintest": {"pipeline/decode", "pipeline/plugin", "pipeline/event", "pipeline/schema", "pipeline/meter"},
	"pipeline/engine": {"pipeline/config", "pipeline/decode", "pipeline/plugin", "pipeline/journal", "pipeline/codec", "pipeline/event",
		"pipeline/schema", "pipeline/meter", "pipeline/expr", "pipeline/keep", "pipeline/vfs"},
	"pipeline/admin":   {"pipeline/meter"},
	"pipeline/control": {},
	"pipeline/trend":   {"pipeline/engine"},
	"pipeline/console": {"pipeline/config", "pipeline/engine", "pipeline/trend", "pipeline/codec", "pipeline/event", "pipeline/expr", "pipeline/meter",
		"pipeline/plugin", "pipeline/schema", "pipeline/servertls"},
}

// leaves import only the standard library.
var leaves = []string{"pipeline/schema", "pipeline/event", "pipeline/vfs", "pipeline/meter", "pipeline/keep", "pipeline/lazy", "pipeline/jsonscan"}

var plugins = []string{"pipeline/plugin", "pipeline/event", "pipeline/schema", "pipeline/tail", "pipeline/pieces", "pipeline/meter", "pipeline/expr", "pipeline/keep", "pipeline/lazy", "pipeline/jsonscan", "pipeline/jsontree", "pipeline/record", "pipeline/servertls", "pipeline/clienttls", "pipeline/webclient", "pipeline/template", "pipeline/weblisten", "pipeline/toolinput", "pipeline/accesslog", "pipeline/programs", "pipeline/zone", "pipeline/multiline", "pipeline/kafkalink", "pipeline/tunnel", "pipeline/plugintest"}

// forbidden says why pkg (relative to the module) may not import imp (a full
// path), or "" when it may.
func forbidden(pkg, imp string) string {
	own, isOwn := strings.CutPrefix(imp, module+"/")
	if !isOwn {
		if slices.Contains(leaves, pkg) && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
			return "a leaf imports only the standard library"
		}
		return ""
	}
	switch top, _, _ := strings.Cut(pkg, "/"); top {
	case "cmd", "integration":
		return ""
	case "inputs", "transforms", "outputs":
		if slices.Contains(plugins, own) || strings.HasPrefix(own, pkg+"/") {
			return ""
		}
		if top == "outputs" && strings.HasPrefix(own, "outputs/format") {
			return ""
		}
		return "a plugin imports none of this"
	}
	list, known := allowed[pkg]
	switch {
	case !known:
		return "this room is not in the picture: add it to docs/ARCHITECTURE.md and to this table"
	case !slices.Contains(list, own):
		return "the picture has no such arrow"
	}
	return ""
}

func TestImportsFollowThePicture(t *testing.T) {
	touchSources(t)
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	n := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; n++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkg := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, imp := range p.Imports {
			if why := forbidden(pkg, imp); why != "" {
				t.Errorf("%s imports %s: %s", pkg, imp, why)
			}
		}
	}
	if n < 2 {
		t.Fatalf("go list named %d packages", n)
	}
}

func TestForbiddenArrowsAreSeen(t *testing.T) {
	for _, c := range []struct {
		pkg, imp string
		bad      bool
	}{
		{"pipeline/schema", "tallyman/pipeline/event", true},
		{"pipeline/schema", "github.com/spf13/viper", true},
		{"pipeline/event", "tallyman/pipeline/schema", false},
		{"pipeline/journal", "tallyman/pipeline/event", true},
		{"inputs/file", "tallyman/pipeline/journal", true},
		{"inputs/file", "tallyman/inputs/http", true},
		{"inputs/file", "tallyman/pipeline/plugin", false},
		{"outputs/file", "tallyman/outputs/format/json", false},
		{"transforms/rules", "tallyman/outputs/format/json", true},
		{"pipeline/unknown", "tallyman/pipeline/event", true},
		{"cmd/tallyman", "tallyman/pipeline/engine", false},
	} {
		if got := forbidden(c.pkg, c.imp); (got != "") != c.bad {
			t.Errorf("%s -> %s: %q, want forbidden %v", c.pkg, c.imp, got, c.bad)
		}
	}
}

// touchSources looks at every source, so that `go test` runs this again after each
// change: of what `go list` reads it knows nothing.
func touchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
