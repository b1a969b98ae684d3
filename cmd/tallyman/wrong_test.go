package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongConfigurations: each configuration of testdata/wrong has one thing that
// people get wrong, and beside it what validate says: what, where and what to do.
func TestWrongConfigurations(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d configurations: %v", len(files), err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		t.Run(name, func(t *testing.T) {
			code, text := said(t, "", "validate", f)
			if code == exitOK && !strings.Contains(text, ": warning: ") || code != exitOK && code != exitConfig {
				t.Errorf("exit %d: %s", code, text)
			}
			text = strings.ReplaceAll(text, here, "HERE")
			golden(t, "wrong/"+name+".golden", fmt.Sprintf("%sexit %d\n", text, code))
		})
	}
}
