package config

import (
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// TestPlaces: what is found out only when a component is built is placed at its key, at
// the innermost map around it where it is not set, and at the component.
func TestPlaces(t *testing.T) {
	cfg, problems := understand("f.yaml", []byte(strings.TrimSpace(`
journal: {dir: j}
inputs: {in: {type: lines}}
transforms:
  - {type: pass}
outputs:
  out:
    type: keep
    tls:
      cert: /c
`)), Options{Plugins: []plugin.Plugin{
		plugin.NewInput("lines", "x", func() struct{} { return struct{}{} }, nil),
		plugin.NewTransform("pass", "x", func() struct{} { return struct{}{} }, nil),
		plugin.NewOutput("keep", "x", func() placed { return placed{} }, nil),
	}})
	if problems.Bad() {
		t.Fatal(problems)
	}
	for key, want := range map[string][3]int{"type": {7, 11, 4}, "tls": {9, 7, 0}, "tls.cert": {9, 13, 2}, "tls.key": {9, 7, 0}, "tls.key.deeper": {9, 7, 0}, "address": {6, 3, 3}, "": {6, 3, 3}} {
		pos, width := cfg.Outputs[0].Place(key)
		if got := [3]int{pos.Line, pos.Col, width}; got != want || pos.File != "f.yaml" {
			t.Errorf("%q is at %v of %s, want %v", key, got, pos.File, want)
		}
	}
	if pos, _ := cfg.Transforms[0].Place("none"); pos.Line != 4 || pos.Col != 5 {
		t.Errorf("the transform is at %v", pos)
	}
	if pos, _ := (&Component{Pos: plugin.Pos{Line: 3}}).Place("x"); pos.Line != 3 {
		t.Errorf("a component of no file is at %v", pos)
	}
}

type placed struct {
	Address string `yaml:"address"`
	TLS     *struct {
		Cert string `yaml:"cert"`
		Key  string `yaml:"key"`
	} `yaml:"tls"`
}
