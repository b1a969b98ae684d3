package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugintest"
)

// TestShippedMetrics: every number that the dashboard and the alerts ask for is one
// that the running program serves, with the labels that they name; each alert says what
// is wrong, of which part, and what to do.
func TestShippedMetrics(t *testing.T) {
	dir := t.TempDir()
	admin := freeAddr(t)
	lines := demoLines(t)
	write(t, filepath.Join(dir, "audit.log"), strings.Join(lines[:2000], "\n")+"\n")
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "app.log"), "{\"message\": \"a line\"}\n")
	start(t, conf(t, dir, fmt.Sprintf(`journal: {dir: journal, max_size: 64MiB, min_free: 0B}
admin: {listen: %q}
log: {level: error}
inputs:
  audit: {type: auditd, path: audit.log}
  app: {type: file, path: [app.log], decode: json}
transforms:
  - {type: audit}
  - {type: container, connector: "off"}
  - {type: rules, files: [%s/*.yaml]}
outputs:
  out: {type: file, path: out.json, format: json}
`, admin, rules)))
	until(t, "the log is read", func() bool { return metric(admin, `tallyman_input_records_total{input="audit"}`) >= 2000 })
	until(t, "a decoder had a record", func() bool { return metric(admin, `tallyman_decode_records_total{decoder="json",input="app"}`) >= 1 })
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
	served["up"] = ""
	served["tallyman_upstream_losses_total"] = `{input="",reason=""}`
	told := 0
	for _, a := range shippedAlerts(t) {
		series := ""
		for _, name := range regexp.MustCompile(`[a-z_]+`).FindAllString(a.Expr, -1) {
			series += served[name]
		}
		for _, text := range a.Annotations {
			for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
				if told++; m[1] != "instance" && !strings.Contains(series, m[1]+`="`) {
					t.Errorf("%s speaks of the label %s, which its series lack: a person would read nothing there", a.Alert, m[1])
				}
			}
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s does not say what is wrong and what to do", a.Alert)
		}
	}
	if told < 20 {
		t.Errorf("only %d labels were compared", told)
	}
}

// shippedAlert is one alert of the shipped rules.
type shippedAlert struct {
	Alert, Expr string
	Annotations map[string]string
}

func shippedAlerts(t *testing.T) []shippedAlert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []shippedAlert }
	}
	if err := yaml.Unmarshal([]byte(slurp(t, "../../configs/deploy/prometheus/tallyman.rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	return file.Groups[0].Rules
}

// expressions are those of a file of rules or of a dashboard.
func expressions(text string) []string {
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^\s*"?expr"?: (.*)$`).FindAllStringSubmatch(text, -1) {
		list = append(list, strings.ReplaceAll(m[1], `\"`, `"`))
	}
	return list
}

// TestShippedConfigurations: every configuration that is shipped for a deployment is
// valid, with the paths of this machine in the place of those of its own.
func TestShippedConfigurations(t *testing.T) {
	const deploy = "../../configs/deploy/"
	found := map[string]string{}
	for _, file := range []string{"packages/tallyman.yaml", "image/tallyman.yaml", "compose/tallyman.yaml", "aggregator.yaml"} {
		found[file] = slurp(t, deploy+file)
	}
	for _, file := range []string{"daemonset", "aggregator", "sidecar"} {
		dec := yaml.NewDecoder(strings.NewReader(slurp(t, deploy+"kubernetes/"+file+".yaml")))
		for {
			var object struct {
				Kind string
				Data map[string]string
			}
			err := dec.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if object.Kind == "ConfigMap" {
				found[file] = object.Data["tallyman.yaml"]
			}
		}
	}
	var values map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(slurp(t, deploy+"helm/tallyman/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"node", "aggregator"} {
		var one struct{ Config yaml.Node }
		node := values[part]
		if err := node.Decode(&one); err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(&one.Config)
		if err != nil {
			t.Fatal(err)
		}
		found["helm "+part] = string(text)
	}
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_NAME", "node-1")
	t.Setenv("POD_NAME", "pod-1")
	for name, text := range found {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if name == "aggregator.yaml" {
				text = strings.ReplaceAll(text, "/etc/tallyman/", aggregatorFiles(t)+"/")
			}
			here := strings.NewReplacer("/etc/tallyman/rules", rules, "/var/lib/tallyman", dir, "/var/log/tallyman", dir, "/var/log", dir, "/events/", dir+"/", "/logs/", dir+"/")
			answers(t, exitOK, []string{"is valid"}, "validate", "--config", conf(t, dir, here.Replace(text)))
		})
	}
	if len(found) != 9 {
		t.Errorf("there are %d configurations, want 9", len(found))
	}
}

// aggregatorFiles makes the certificates that aggregator.yaml names.
func aggregatorFiles(t *testing.T) string {
	t.Helper()
	dir, ca := t.TempDir(), plugintest.NewAuthority(t, "siem ca")
	ca.Sign(t, dir, "aggregator", nil)
	for _, name := range []string{"kafka-ca.crt", "siem-ca.crt"} {
		write(t, filepath.Join(dir, name), slurp(t, ca.File))
	}
	write(t, filepath.Join(dir, "kafka-password"), "p\n")
	return dir
}

// TestChartHasTheAlerts: a chart can take in no file from beside it, so it has a copy.
func TestChartHasTheAlerts(t *testing.T) {
	if slurp(t, "../../configs/deploy/helm/tallyman/files/tallyman.rules.yaml") != slurp(t, "../../configs/deploy/prometheus/tallyman.rules.yaml") {
		t.Error("they differ: cp configs/deploy/prometheus/tallyman.rules.yaml configs/deploy/helm/tallyman/files/")
	}
}

func slurp(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestShippedCommandsTellTheirLife: whatever starts the program in a deployment has it
// say when it starts and stops, for a report knows from nothing else when it was down.
func TestShippedCommandsTellTheirLife(t *testing.T) {
	begins := regexp.MustCompile(`(?m)^(?:ExecStart=/usr/bin/tallyman |CMD |\s*(?:command|args): )(\S.*\brun\b.*|\[?"?run\b.*)$`)
	for file, want := range map[string]int{"systemd/tallyman.service": 1, "image/Dockerfile": 1, "compose/compose.yaml": 1,
		"kubernetes/daemonset.yaml": 1, "kubernetes/aggregator.yaml": 1, "kubernetes/sidecar.yaml": 1, "helm/tallyman/templates/_helpers.tpl": 1} {
		list := begins.FindAllStringSubmatch(slurp(t, "../../configs/deploy/"+file), -1)
		if len(list) != want {
			t.Errorf("%s starts the program %d times, want %d", file, len(list), want)
		}
		for _, m := range list {
			words := strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune(`[]", `, r) })
			cmd := newRun(streams{})
			if err := cmd.ParseFlags(slices.DeleteFunc(words[1:], func(w string) bool { return w == "--config" || strings.HasPrefix(w, "/") })); err != nil {
				t.Errorf("%s: %q: %v", file, m[1], err)
			}
			if on, err := cmd.Flags().GetBool("lifecycle"); err != nil || !on {
				t.Errorf("%s starts it with %q, which says nothing of its starts and stops (%v)", file, m[1], err)
			}
		}
	}
}
