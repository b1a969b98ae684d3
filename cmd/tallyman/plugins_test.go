package main

import (
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// notPlugins are folders that plugins are made of, or that hold them.
var notPlugins = map[string]bool{"outputs/format": true, "transforms/decode": true}

// TestEveryPluginIsBuiltIn walks the folders of plugins and says which line of
// plugins.go is missing.
func TestEveryPluginIsBuiltIn(t *testing.T) {
	text, err := os.ReadFile("plugins.go")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "plugins.go", text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // by path
	for _, i := range file.Imports {
		pkg := strings.TrimPrefix(strings.Trim(i.Path.Value, `"`), "tallyman/")
		if names[pkg] = path.Base(pkg); i.Name != nil {
			names[pkg] = i.Name.Name
		}
	}
	for _, kind := range []string{"inputs", "transforms", "transforms/decode", "outputs"} {
		dirs, err := os.ReadDir(filepath.Join("..", "..", kind))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			pkg := kind + "/" + d.Name()
			if !d.IsDir() || notPlugins[pkg] {
				continue
			}
			if name, ok := names[pkg]; !ok || !strings.Contains(string(text), "\t"+name+".") {
				t.Errorf("%s is not built in: add to plugins.go\n\t\"tallyman/%s\"\n\t\t%s.Plugin,", pkg, pkg, d.Name())
			}
		}
	}
}

// TestNamesAreUnique: a type names one plugin of its kind, and every plugin says
// what it is.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range plugins() {
		id := string(p.Kind) + " " + p.Type
		if seen[id] || p.Text == "" || p.Settings == nil {
			t.Errorf("%s: twice, or without a text or settings", id)
		}
		seen[id] = true
	}
}
