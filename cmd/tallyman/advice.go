package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"tallyman/pipeline/config"
	"tallyman/pipeline/plugin"
)

// advice is what is worth saying of a configuration that is valid: transforms that
// stand where they do less than they should, and secrets that are not where it says.
func advice(cfg *config.Config) plugin.Problems {
	return config.Tidy(append(misplaced(cfg), secretsAway(cfg)...))
}

// secretsAway says which secrets are not there. That refuses nothing: a configuration may be
// looked at where its secrets are not, and they may come before the start.
func secretsAway(cfg *config.Config) (found plugin.Problems) {
	for _, s := range cfg.Secrets {
		text, hint := "", ""
		if s.Env != "" {
			if _, ok := os.LookupEnv(s.Env); !ok {
				text, hint = fmt.Sprintf("%s is to be in the environment variable %s, which is not set", s.Of, s.Env), "it has to be where the process is started: `Environment=` or `EnvironmentFile=` of its unit"
			}
		} else {
			text, hint = lacking(s.Of, s.File)
		}
		if text != "" {
			found = append(found, plugin.Problem{Pos: s.Pos, Width: s.Width, Warn: true, Text: text, Hint: hint})
		}
	}
	return found
}

// lacking says what is wrong with the file of a secret, "" where nothing is. A pipe is
// left alone: it gives what it has once.
func lacking(what, file string) (text, hint string) {
	info, err := os.Stat(file)
	if err == nil && info.Mode().IsRegular() {
		var f *os.File
		if f, err = os.Open(file); err == nil {
			_ = f.Close() // nothing was read
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%s is to be in the file %s, which does not exist", what, file), "write it there, readable by the user that runs tallyman alone; it is read each time it is needed"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s is to be in the file %s, which may not be read by this user", what, file), "the user that runs tallyman has to own it, and to be let into its folders"
	case err != nil:
		return fmt.Sprintf("%s cannot be read: %v", what, err), ""
	case info.IsDir():
		return fmt.Sprintf("%s is to be in %s, which is a folder", what, file), "name the file in it"
	case info.Mode().IsRegular() && info.Size() == 0:
		return fmt.Sprintf("%s is to be in the file %s, which is empty", what, file), "write it there"
	}
	return "", ""
}

// misplaced are transforms that stand where they do less than they should. Only the
// list knows the order; no transform sees it.
func misplaced(cfg *config.Config) (found plugin.Problems) {
	place := func(typ string) int {
		return slices.IndexFunc(cfg.Transforms, func(c config.Component) bool { return c.Type == typ })
	}
	add := func(c config.Component, width int, hint, text string, args ...any) {
		found = append(found, plugin.Problem{Pos: c.Pos, Width: width, Warn: true, Text: fmt.Sprintf(text, args...), Hint: hint})
	}
	redact := place("redact")
	for i, c := range cfg.Transforms {
		if redact >= 0 && i > redact && c.Type != "redact" {
			add(c, 0, "put redact at the end of transforms", "transform %s stands behind redact and does not see the texts as they were", c.Name)
		}
		if c.Type != "filter" {
			continue
		}
		if at := place("audit"); at > i {
			add(c, 0, "put filter behind audit", "transform %s stands before audit, where nothing is known of a record: it drops none", c.Name)
		} else if at := place("container"); at > i {
			add(c, 0, "put filter behind container", "transform %s stands before container, which then does not know the processes of what is dropped", c.Name)
		}
	}
	return found
}
