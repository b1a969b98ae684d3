package main

import (
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unrun are the verbs that a test cannot run as a page has them, with the reason.
// TestDocsCommands holds their flags all the same.
var unrun = map[string]string{
	"run":                "goes on until it is stopped; TestDocsConfigurations loads the configurations of the pages",
	"tap":                "asks a process that runs; TestTap does",
	"top":                "asks a process that runs; TestTop does",
	"status":             "asks a process that runs; TestStatus does",
	"reload":             "asks a process that runs; TestReload does",
	"drain":              "asks a process that runs; TestDrain does",
	"verify":             "needs an archive in S3; the integration tests have one",
	"deadletter show":    "needs a letter; TestDeadLetter makes one",
	"deadletter drop":    "needs a letter; TestDeadLetter makes one",
	"deadletter replay":  "needs a letter and a receiver; TestDeadLetter makes them",
	"baseline approve":   "changes what a process that runs has learned; TestBaseline does",
	"baseline learn":     "changes what a process that runs has learned; TestBaseline does",
	"baseline forget":    "changes what a process that runs has learned; TestBaseline does",
	"baseline import":    "changes what a process that runs has learned; TestBaseline does",
	"doctor":             "judges the host that it is on; TestDoctor judges made ones",
	"support-bundle":     "asks the host and a process that runs; TestSupportBundle does",
	"test":               "needs tests of a person's own; TestTrial has some",
	"rules import sigma": "needs rules of Sigma; TestImportSigma has some",
	"audit-rules check":  "asks the kernel; TestAuditRules gives it a file",
}

// namedOnly are verbs that sentences name without what they have to be given.
var namedOnly = []string{"report", "eval", "query", "journal export"}

// fails are the commands whose failure is what the page shows.
var fails = map[string]int{`tallyman query 'event.outcme == "failure"'`: exitUsage}

// placeholder is a word of a command that a person replaces, or a file of theirs.
var placeholder = regexp.MustCompile(`^(\[?[A-Z][A-Z_-]+(\.\.\.)?\]?|\[.*|.*(…|\.\.\.|<|\[flags\]).*|s3://.*)$`)

// verbOf is the verb of a command's words, and of journal ls both.
func verbOf(args []string) string {
	cmd, _, err := newRoot(streams{}).Find(args)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "tallyman"), " ")
}

// whyNot says why a command of a page is not run, "" where it is.
func whyNot(args []string) string {
	verb := verbOf(args)
	switch {
	case unrun[verb] != "":
		return "tallyman " + verb + ": " + unrun[verb]
	case verb == "":
		return "a word about the program and no command"
	case slices.Equal(args, strings.Fields(verb)) && slices.Contains(namedOnly, verb):
		return "the name of a verb that has to be given something"
	case slices.ContainsFunc(args, placeholder.MatchString):
		return "it has a word that a person replaces"
	case slices.ContainsFunc(args, func(w string) bool { return strings.HasPrefix(w, "$") }):
		return "it has a variable of the shell"
	}
	cmd, _, _ := newRoot(streams{}).Find(args)
	if cmd.HasSubCommands() {
		return "the name of a group of verbs"
	}
	return ""
}

// TestDocsRun runs every command of every page that can run without a server, on a
// journal of the demo's host, in a folder of its own.
func TestDocsRun(t *testing.T) {
	dir, path := journalled(t)
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	conf(t, dir, strings.NewReplacer("- {type: audit}", "- {type: audit}\n  - {type: rules, files: ['"+rules+"/*.yaml']}").Replace(lookConfig))
	write(t, filepath.Join(dir, "events.json.gz"), packed(t, slurp(t, filepath.Join(dir, "json.json"))))
	t.Setenv("TALLYMAN_CONFIG", path)
	reasons, ran := map[string]int{}, map[string]bool{}
	used := map[string]bool{}
	for _, p := range pages(t) {
		for _, line := range commands(p) {
			args := shellWords(line)[1:]
			if why := whyNot(args); why != "" {
				reasons[why]++
				used[verbOf(args)] = true
				continue
			}
			if ran[line] {
				continue
			}
			ran[line] = true
			t.Run(p.path+": "+line, func(t *testing.T) { runAsPage(t, dir, path, line) })
		}
	}
	t.Logf("%d commands were run; not run:", len(ran))
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%4d  %s", reasons[why], why)
	}
	tests := ""
	list, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range list {
		tests += slurp(t, file)
	}
	for verb, why := range unrun {
		if name := regexp.MustCompile(`Test\w+`).FindString(why); !strings.Contains(tests, "\nfunc "+name) {
			t.Errorf("tallyman %s: there is no %s", verb, name)
		}
		if !used[verb] {
			t.Errorf("no page has tallyman %s: take it from the list of what is not run", verb)
		}
	}
	if len(ran) < 40 {
		t.Errorf("only %d commands were run", len(ran))
	}
}

// runAsPage runs a command in a folder of its own, which has the files that pages speak
// of. What a page calls its configuration, its journal or an output is ours.
func runAsPage(t *testing.T, dir, path, line string) {
	h := newDocsHost(t)
	lines := strings.Join(demoLines(t)[:6], "\n") + "\n"
	rule := slurp(t, "../../configs/rules/self.yaml")
	line = h.here(strings.ReplaceAll(line, "/tmp/", "tmp-"))
	for name, text := range map[string]string{
		"audit.log": lines, "record.txt": lines, "var/log/audit/audit.log.1": lines, "new.yaml": rule, "rules/one.yaml": rule,
		"event.json": `{"event":{"severity":7}}`, "events.json.gz": slurp(t, filepath.Join(dir, "events.json.gz")),
		"etc/tallyman/tallyman.yaml": good, "etc/rsyslog.conf": slurp(t, "testdata/from/rsyslog.conf"), "usr/share/man/man1/x": "",
	} {
		if name == "rules/one.yaml" && strings.HasPrefix(line, "tallyman init") {
			continue // init writes that folder itself, and overwrites nothing
		}
		at := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, at, text)
	}
	args := shellWords(line)[1:]
	for i := range args {
		switch {
		case i == 0:
		case args[i-1] == "--config" || args[i-1] == "-c":
			args[i] = path
		case args[i-1] == "--journal-dir":
			args[i] = filepath.Join(dir, "journal")
		case args[i-1] == "--output" && verbOf(args) == "journal dump":
			args[i] = "json"
		}
	}
	t.Chdir(h.dir)
	code, text := said(t, lines, args...)
	if code == exitPermission && args[0] == "init" {
		return // nothing of this host can be read by this user, and init says so
	}
	if want, known := fails[line]; known && code != want || !known && code != exitOK && code != exitCheck {
		t.Errorf("%q: exit %d\n%s", args, code, text[:min(len(text), 400)])
	}
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
