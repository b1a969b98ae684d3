package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheTableOfReliability: every case has its row in docs/RELIABILITY.md, and
// every test that a row names is there.
func TestTheTableOfReliability(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "RELIABILITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range []struct {
		letter   string
		from, to int
	}{{"B", 1, 20}, {"C", 1, 10}, {"R", 1, 8}, {"O", 1, 2}, {"O", 9, 14}, {"O", 16, 19}, {"T", 1, 16}, {"I", 13, 15}, {"S", 1, 2}, {"S", 7, 8}} {
		for n := r.from; n <= r.to; n++ {
			want = append(want, fmt.Sprintf("%s%d", r.letter, n))
		}
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|.*$`).FindAllStringSubmatch(string(text), -1) {
		if rows[m[1]] != "" {
			t.Errorf("case %s has two rows", m[1])
		}
		rows[m[1]] = m[0]
	}
	named := regexp.MustCompile("`([a-z][a-z0-9/]*)\\.((?:Test|Benchmark|Fuzz)\\w+)`")
	for _, id := range want {
		if !strings.Contains(rows[id], "not covered") && !named.MatchString(rows[id]) {
			t.Errorf("case %s has no row, or one that names neither a test nor the reason why there is none: %s", id, rows[id])
		}
	}
	source := map[string]string{}
	for _, m := range named.FindAllStringSubmatch(string(text), -1) {
		folder, name := m[1], m[2]
		if source[folder] == "" {
			files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
			if err != nil || len(files) == 0 {
				t.Errorf("%s has no tests: %v", folder, err)
			}
			for _, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				source[folder] += string(b)
			}
		}
		if !strings.Contains(source[folder], "\nfunc "+name+"(") {
			t.Errorf("%s has no %s", folder, name)
		}
	}
}
