package main

import (
	"fmt"
	"slices"

	"tallyman/pipeline/config"
	"tallyman/pipeline/plugin"
)

// advice is what is worth saying of a configuration that is valid: transforms that
// stand where they do less than they should. Only the list knows the order; no transform sees it.
func advice(cfg *config.Config) (found plugin.Problems) {
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
