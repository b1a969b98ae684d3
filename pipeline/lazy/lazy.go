// Package lazy has regular expressions that are compiled when they are first used. Those
// of all decoders and verbs together took a tenth of the program's start, which
// needs few of them.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns a function that returns a regular expression, which has to be a right
// one. It may be called from any goroutine.
func Regexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
