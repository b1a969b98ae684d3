package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/cmd/tallyman/report"
	"tallyman/outputs/s3/s3test"
)

const reportConfig = `journal: {dir: journal, max_size: 256MiB, min_free: 0B}
admin: {listen: off}
log: {level: error}
host: {name: h, id: h1}
inputs:
  audit: {type: auditd, path: audit.log}
transforms:
  - {type: audit}
  - {type: rules, files: [%s/*.yaml]}
outputs:
  out: %s
`

// reported is a run of the demo's log up to its end, from which drop lines are left out.
func reported(t *testing.T, output string, drop func(i int) bool) (config string) {
	t.Helper()
	dir := t.TempDir()
	var log strings.Builder
	for i, line := range demoLines(t) {
		if !drop(i) {
			log.WriteString(line + "\n")
		}
	}
	write(t, filepath.Join(dir, "audit.log"), log.String())
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	config = conf(t, dir, fmt.Sprintf(reportConfig, rules, output))
	if code, text := said(t, "", "run", "--once", "--config", config); code != exitOK {
		t.Fatalf("exit %d:\n%s", code, text)
	}
	return config
}

func nothing(int) bool { return false }

// readReport makes a report of the demo's day and reads it.
func readReport(t *testing.T, code int, args ...string) (r report.Report, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "out")
	args = append([]string{"report", "--pack", "pci-dss", "--from", "2026-11-21T03:00:00Z", "--to", "2026-11-21T04:00:00Z", "--gap", "10m", "--out", dir}, args...)
	if got, text := said(t, "", args...); got != code {
		t.Fatalf("exit %d, want %d:\n%s", got, code, text)
	}
	b, err := os.ReadFile(filepath.Join(dir, reportJSON))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

const fileOutput = `{type: file, path: out.json, format: json}`

// TestReport: a report of the journal has figures whose events query finds, and that of
// the file that was written from it has the same.
func TestReport(t *testing.T) {
	config := reported(t, fileOutput, nothing)
	r, dir := readReport(t, exitOK, "--config", config)
	if r.Within < 5000 || r.Alerts == 0 || r.Cited == 0 || !r.Completeness.Whole {
		t.Errorf("%d events, %d alerts, %d cited; whole %v: %v", r.Within, r.Alerts, r.Cited, r.Completeness.Whole, r.Completeness.Notes)
	}
	figures := 0
	for _, s := range r.Sections {
		for _, row := range s.Rows {
			if row.Count == 0 || figures > 12 || s.ID == "SRC" {
				continue
			}
			figures++
			code, text := said(t, "", "query", row.Query(), "--format", "json", "--config", config)
			if n := strings.Count(text, `"event":{"id":`); code != exitOK || n != len(row.Sample) || uint64(n) != min(row.Count, 20) {
				t.Errorf("figure %s: exit %d, %d events of %d: %.300s", row.Code, code, n, row.Count, text)
			}
		}
	}
	if figures < 5 {
		t.Errorf("there are only %d figures", figures)
	}
	for _, name := range []string{reportHTML, reportPDF, reportJSON, reportFigures, reportEvents} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	fromFile, _ := readReport(t, exitOK, "--config", config, "--input", filepath.Join(filepath.Dir(config), "out.json"))
	if a, b := sectionsText(t, &r), sectionsText(t, &fromFile); a != b {
		t.Errorf("the journal and the file differ:\n%.600s\n%.600s", a, b)
	}
	if fromFile.Completeness.Whole {
		t.Error("a file is called whole")
	}
	again := []string{"report", "--pack", "pci-dss", "--from", "2026-11-21T03:00:00Z", "--to", "2026-11-21T04:00:00Z", "--config", config, "--out", dir}
	answers(t, exitFailure, []string{"has a report.html"}, again...)
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 5 {
		t.Errorf("the folder has %v: %v", list, err)
	}
}

func sectionsText(t *testing.T, r *report.Report) string {
	t.Helper()
	b, err := json.Marshal(r.Sections)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReportOfAGap: records that were taken out of the log are in the report as a loss,
// and the record is no longer called complete.
func TestReportOfAGap(t *testing.T) {
	config := reported(t, fileOutput, func(i int) bool { return i > 5000 && i < 5400 })
	r, _ := readReport(t, exitOK, "--config", config)
	i := slices.IndexFunc(r.Sections, func(s *report.Section) bool { return s.ID == "LOSS" })
	found := false
	for _, row := range r.Sections[i].Rows {
		found = found || row.Cells[2] == "audit-sequence-gap"
	}
	if !found || r.Completeness.Whole {
		t.Errorf("the gap is not there; whole %v, losses %v", r.Completeness.Whole, r.Sections[i].Rows)
	}
	if text := strings.Join(r.Completeness.Notes, "\n"); !strings.Contains(text, "audit_serial_gap") {
		t.Errorf("the books do not tell of it: %s", text)
	}
}

// TestReportOfAnArchive: objects in S3 are verified while they are read; one that was
// changed is said, and so is the exit code.
func TestReportOfAnArchive(t *testing.T) {
	store := s3test.New(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
	output := fmt.Sprintf(`{type: s3, bucket: %s, prefix: audit, endpoint: %q, region: eu-test-1, manifest_every: 1ms, format: json}`, store.Name, store.URL)
	config := reported(t, output, nothing)
	answers(t, exitCheck, []string{"there is no manifest below"}, "report", "--pack", "pci-dss", "--from", "1h", "--to", "0s", "--out", t.TempDir(),
		"--input", "s3://"+store.Name+"/elsewhere", "--endpoint", store.URL, "--region", "eu-test-1")
	// The manifest that lists the last object is written by the next run.
	if code, text := said(t, "", "run", "--once", "--config", config); code != exitOK {
		t.Fatalf("exit %d:\n%s", code, text)
	}
	args := []string{"--config", config, "--input", "s3://" + store.Name + "/audit", "--endpoint", store.URL, "--region", "eu-test-1"}
	r, _ := readReport(t, exitOK, args...)
	journal, _ := readReport(t, exitOK, "--config", config)
	if !r.Completeness.Whole || r.Within != journal.Within || len(r.Completeness.Rows) != 1 {
		t.Errorf("%d events of %d; whole %v: %v", r.Within, journal.Within, r.Completeness.Whole, r.Completeness)
	}
	if a, b := sectionsText(t, &r), sectionsText(t, &journal); a != b {
		t.Errorf("the archive and the journal differ:\n%.600s\n%.600s", a, b)
	}
	for _, key := range store.Keys() {
		if !strings.Contains(key, "manifest") {
			body := append([]byte(nil), store.Objects()[key].Body...)
			body[len(body)/2] ^= 1
			store.Change(key, body)
			break
		}
	}
	r, _ = readReport(t, exitCheck, args...)
	if text := strings.Join(r.Completeness.Notes, "\n"); r.Completeness.Whole || !strings.Contains(text, "it was changed") {
		t.Errorf("whole %v: %s", r.Completeness.Whole, text)
	}
}

// TestReportMessages: what people get wrong, and what a file has that is no event.
func TestReportMessages(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.json")
	write(t, file, "no event\n")
	period := []string{"--from", "2026-11-21T03:00:00Z", "--to", "2026-11-21T04:00:00Z"}
	for _, c := range []struct {
		name string
		code int
		want string
		args []string
	}{
		{"no pack", exitUsage, `--pack "" is none of pci-dss, cis-docker, nist-800-190`, period},
		{"no period", exitUsage, "say --from and --to", []string{"--pack", "pci-dss"}},
		{"a period the wrong way round", exitUsage, "ends before it begins", []string{"--pack", "pci-dss", "--from", "1h", "--to", "2h"}},
		{"no such file", exitUsage, "no such file", append([]string{"--pack", "pci-dss", "--input", dir + "/none"}, period...)},
		{"too short a gap", exitUsage, "no time of a minute", append([]string{"--pack", "pci-dss", "--gap", "1s", "--input", file}, period...)},
		{"too many parts", exitUsage, "with --gap", []string{"--pack", "pci-dss", "--gap", "1m", "--input", file, "--from", "1990-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z"}},
		{"lines that are no events", exitCheck, "1 line could not be read as an event", append([]string{"--pack", "nist-800-190", "--input", file}, period...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			answers(t, c.code, []string{c.want}, append([]string{"report", "--out", out}, c.args...)...)
			list, err := os.ReadDir(out)
			if want := map[bool]int{true: 5}[c.code == exitCheck]; len(list) != want {
				t.Errorf("the folder has %v: %v", list, err)
			}
		})
	}
}
