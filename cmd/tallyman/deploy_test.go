package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestShippedMetrics: every number that the dashboard and the alerts ask for is one
// that the running program serves, with the labels that they name.
func TestShippedMetrics(t *testing.T) {
	dir := t.TempDir()
	admin := freeAddr(t)
	lines := demoLines(t)
	write(t, filepath.Join(dir, "audit.log"), strings.Join(lines[:2000], "\n")+"\n")
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	start(t, conf(t, dir, fmt.Sprintf(`journal: {dir: journal, max_size: 64MiB, min_free: 0B}
admin: {listen: %q}
log: {level: error}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: container, connector: "off"}
  - {type: rules, files: [%s/*.yaml]}
outputs:
  out: {type: file, path: out.json, format: json}
`, admin, rules)))
	until(t, "the log is read", func() bool { return metric(admin, `tallyman_input_records_total{input="audit"}`) >= 2000 })
	_, page := ask(admin, "/metrics")
	served := map[string]string{} // a series' first line by its name
	for line := range strings.Lines(page) {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		served[name] += line
	}
	// These are made by what cannot be had here at will: a loss, and root's leave to
	// ask the kernel. Their names are held to the code that makes them.
	made := map[string][2]string{
		"tallyman_upstream_losses_total":      {"../../pipeline/engine/books.go", "tallyman_upstream_losses_total"},
		"tallyman_audit_kernel_lost":          {"../../inputs/auditd/notice.go", `{"lost", `},
		"tallyman_audit_kernel_enabled":       {"../../inputs/auditd/notice.go", `{"enabled", `},
		"tallyman_audit_kernel_backlog":       {"../../inputs/auditd/notice.go", `{"backlog", `},
		"tallyman_audit_kernel_backlog_limit": {"../../inputs/auditd/notice.go", `{"backlog_limit", `},
	}
	named := regexp.MustCompile(`(?:tallyman|process|go)_[a-z0-9_]+(\{[^}]*\})?`)
	labelled := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	seen := 0
	for _, file := range []string{"prometheus/tallyman.rules.yaml", "grafana/tallyman.json"} {
		text, err := os.ReadFile("../../configs/deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, expr := range expressions(string(text)) {
			for _, use := range named.FindAllStringSubmatch(expr, -1) {
				name, _, _ := strings.Cut(use[0], "{")
				series, ok := served[name]
				if !ok {
					at, known := made[name]
					source, err := os.ReadFile(at[0])
					if !known || err != nil || !strings.Contains(string(source), at[1]) {
						t.Errorf("%s asks for %s, which nothing serves", file, name)
					}
					continue
				}
				seen++
				for _, label := range labelled.FindAllStringSubmatch(use[1], -1) {
					if l := label[1]; l != "instance" && l != "job" && !strings.Contains(series, l+`="`) {
						t.Errorf("%s asks for %s by %s, a label that it lacks", file, name, l)
					}
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d names were compared", seen)
	}
}

// expressions are those of a file of rules or of a dashboard.
func expressions(text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^\s*"?expr"?: (.*)$`).FindAllStringSubmatch(text, -1) {
		list = append(list, strings.ReplaceAll(m[1], `\"`, `"`))
	}
	return list
}
