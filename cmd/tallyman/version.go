package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker for a release build: -X main.release=1.2.3.
var release string

// version is the release, or what the build knows of its source.
func version() string {
	if release != "" {
		return release
	}
	b := buildInfo()
	v := "devel"
	if b.Revision != "" {
		v += "+" + b.Revision[:min(12, len(b.Revision))]
	}
	if b.Modified {
		v += ".modified"
	}
	return v
}

// versionLine is what `version` and --version print.
func versionLine() string {
	b := buildInfo()
	return fmt.Sprintf("tallyman %s (%s, %s)", version(), b.Go, b.Platform)
}

// build is what `version --json` prints.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Time     string `json:"time,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildInfo() build {
	b := build{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version and how it was built", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo()
			b.Version = version()
			if asJSON {
				return failed(json.NewEncoder(s.out).Encode(b))
			}
			_, err := fmt.Fprintln(s.out, versionLine())
			return failed(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object")
	return cmd
}
