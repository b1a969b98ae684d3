package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tallyman/outputs/s3"
	"tallyman/pipeline/config"
)

// verifyOutput verifies the archive of an output of the configuration.
func verifyOutput(cmd *cobra.Command, s streams, name string, args []string, deep, asJSON bool) error {
	switch {
	case name == "":
		return &exit{exitUsage, errors.New("which archive? Write s3://BUCKET/PREFIX, or name an output s3 of the configuration with --output")}
	case len(args) > 0:
		return &exit{exitUsage, fmt.Errorf("%s and --output %s are two archives: leave one out", args[0], name)}
	}
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return &exit{exitUsage, err}
	}
	// What is wrong with the rest of it is no matter here.
	cfg, found := config.LoadPart(path, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv, Override: over})
	if cfg == nil {
		config.Print(s.err, found, colour(cmd, s.err))
		return &exit{exitConfig, errors.New("without a configuration, write s3://BUCKET/PREFIX")}
	}
	var known []string
	for _, o := range cfg.Outputs {
		c, ok := o.Settings.(*s3.Settings)
		switch {
		case ok && o.Name == name:
			root, err := s3.Root(c)
			if err != nil {
				return &exit{exitConfig, err}
			}
			return verifyArchive(cmd, s, c, cfg.Dir, root, deep, asJSON)
		case o.Name == name:
			return &exit{exitUsage, fmt.Errorf("output %s is of type %s, and only archives of s3 are verified", name, o.Type)}
		case ok:
			known = append(known, o.Name)
		}
	}
	if found.Bad() { // it may be there, and wrong
		config.Print(s.err, found, colour(cmd, s.err))
	}
	list := "there is none of type s3"
	if len(known) > 0 {
		list = "those of type s3 are " + strings.Join(known, ", ")
	}
	return &exit{exitConfig, fmt.Errorf("%s has no output %s that can be read: %s", path, name, list)}
}
