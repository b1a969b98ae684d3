package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
	// What the machine says of AWS is none of the configuration.
	for name, value := range map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		t.Run(name, func(t *testing.T) {
			code, text := said(t, "", "validate", f)
			if code == exitOK && !strings.Contains(text, ": warning: ") || code != exitOK && code != exitConfig {
				t.Errorf("exit %d: %s", code, text)
			}
			if where := f + `:\d+:\d+: (error|warning): `; name != "empty" && !regexp.MustCompile("^"+where).MatchString(text) {
				t.Errorf("it has no line and column: %s", text) // an empty file has none
			}
			text = strings.ReplaceAll(text, here, "HERE")
			golden(t, "wrong/"+name+".golden", fmt.Sprintf("%sexit %d\n", text, code))
		})
	}
}
