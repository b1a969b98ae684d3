package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	anyHeading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noAnchor   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the places in a page that a link may name, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range anyHeading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all[strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

// leadNowhere says what of a page's links leads nowhere; read gives the text of another page.
func leadNowhere(p page, read func(path string) (string, error)) []string {
	var bad []string
	for _, m := range pageLink.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		to, anchor, _ := strings.Cut(m[1], "#")
		if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
			continue
		}
		text := p.text
		if to != "" {
			var err error
			if text, err = read(filepath.Join(filepath.Dir(p.path), to)); err != nil {
				bad = append(bad, m[1])
				continue
			}
		}
		if anchor != "" && !anchors(text)[anchor] {
			bad = append(bad, m[1])
		}
	}
	return bad
}

// TestDocsLinks: every link from a page to a page, and to a heading in it, leads there.
func TestDocsLinks(t *testing.T) {
	read := func(path string) (string, error) {
		at := filepath.Join("../..", path)
		if info, err := os.Stat(at); err != nil || info.IsDir() {
			return "", err
		}
		b, err := os.ReadFile(at)
		return string(b), err
	}
	for _, p := range pages(t) {
		for _, to := range leadNowhere(p, read) {
			t.Errorf("%s: the link %s leads nowhere", p.path, to)
		}
	}
	made := page{path: "docs/a.md", text: "# One: `two`, three\n[well](#one-two-three) [gone](#one) [no file](b.md) [out](https://x.example/#y)\n"}
	if got := strings.Join(leadNowhere(made, func(string) (string, error) { return "", os.ErrNotExist }), " "); got != "#one b.md" {
		t.Errorf("of a page with two wrong links it finds %q", got)
	}
}
