package expr

import (
	"fmt"
	"regexp"
	"strings"
)

// Glob compiles a pattern: * matches within a component, ** across components,
// ? one character but no slash; every other character matches itself. The whole
// text must match.
func Glob(pattern string) (func(string) bool, error) {
	if literal, ok := strings.CutSuffix(pattern, "/**"); ok && !strings.ContainsAny(literal, "*?") {
		return func(s string) bool { return strings.HasPrefix(s, literal) && strings.HasPrefix(s[len(literal):], "/") }, nil
	}
	if !strings.ContainsAny(pattern, "*?") {
		return func(s string) bool { return s == pattern }, nil
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(`.*`)
			i++
		case pattern[i] == '*':
			b.WriteString(`[^/]*`)
		case pattern[i] == '?':
			b.WriteString(`[^/]`)
		default:
			j := i
			for j < len(pattern) && pattern[j] != '*' && pattern[j] != '?' {
				j++
			}
			b.WriteString(regexp.QuoteMeta(pattern[i:j]))
			i = j - 1
		}
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return re.MatchString, nil
}
