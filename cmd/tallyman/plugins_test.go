package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// notPlugins are folders that plugins are made of.
var notPlugins = map[string]bool{"outputs/format": true}

// TestEveryPluginIsBuiltIn walks the folders of plugins and says which line of
// plugins.go is missing.
func TestEveryPluginIsBuiltIn(t *testing.T) {
	list, err := os.ReadFile("plugins.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"inputs", "transforms", "outputs"} {
		dirs, err := os.ReadDir(filepath.Join("..", "..", kind))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range dirs {
			pkg := kind + "/" + d.Name()
			if !d.IsDir() || notPlugins[pkg] {
				continue
			}
			if !strings.Contains(string(list), `"tallyman/`+pkg+`"`) || !strings.Contains(string(list), "\t"+d.Name()+".Plugin,") {
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
