package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugintest"
)

// foreign are the blocks of YAML that are no configuration of tallyman: those of
// Kubernetes, of rules and of other programs, and single lines that stand for a part.
var foreign = map[string]int{
	"docs/containers.md": 1, "docs/redaction.md": 1, "docs/rules.md": 3, "docs/reference/kubernetes.md": 2,
	"docs/reference/output-file.md": 1, "docs/reference/output-http.md": 3, "docs/reference/output-syslog.md": 3,
}

// page is one page of the documentation with its fenced blocks.
type page struct {
	path, text string // the path is that in the repository
	blocks     []block
}

type block struct{ lang, text string }

var fence = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$")

// pages are all of the documentation.
func pages(t *testing.T) []page {
	t.Helper()
	files := []string{"../../README.md"}
	for _, dir := range []string{"../../docs", "../../configs"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".md") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := make([]page, 0, len(files))
	for _, file := range files {
		p := page{path: strings.TrimPrefix(filepath.ToSlash(file), "../../"), text: slurp(t, file)}
		for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
			p.blocks = append(p.blocks, block{m[1], m[2]})
		}
		list = append(list, p)
	}
	return list
}

// wholeOf makes a configuration of a block that has some of the top-level keys, and is
// empty where it has none.
func wholeOf(text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "- {type:") {
		text = "transforms:\n" + text
	}
	var keys map[string]yaml.Node
	if yaml.Unmarshal([]byte(text), &keys) != nil {
		return ""
	}
	ours := false
	for _, k := range []string{"inputs", "transforms", "outputs", "console", "journal", "admin"} {
		_, has := keys[k]
		ours = ours || has
	}
	if !ours {
		return ""
	}
	for _, part := range [][2]string{
		{"journal", "journal: {dir: journal}\n"}, {"inputs", "inputs:\n  in: {type: auditd, path: audit.log}\n"},
		{"outputs", "outputs:\n  out: {type: stdout, format: json}\n"},
	} {
		if _, has := keys[part[0]]; !has {
			text = strings.TrimRight(text, "\n") + "\n" + part[1]
		}
	}
	return text
}

// docsHost stands for the host that a page speaks of: its paths lie in a folder here.
type docsHost struct {
	t           *testing.T
	dir, rules  string
	cert, key   string
	pathPattern *regexp.Regexp
}

func newDocsHost(t *testing.T) *docsHost {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "audit.rules"), "-a always,exit -F arch=b64 -S execve -k exec\n") // pages name it beside the configuration
	write(t, filepath.Join(dir, "my-rules.yaml"), "rules: []\n")
	for _, name := range []string{"inspect.json", "docker-events.jsonl", "podman-events.jsonl", "timeline.jsonl.gz"} {
		write(t, filepath.Join(dir, name), slurp(t, "../../configs/demo/"+name))
	}
	ca := plugintest.NewAuthority(t, "docs ca")
	ca.Sign(t, dir, "pair", nil)
	for _, name := range []string{"ca.pem", "ca.crt", "client.pem", "client.crt", "server.crt", "clients.crt"} {
		write(t, filepath.Join(dir, name), slurp(t, filepath.Join(dir, "pair.crt")))
	}
	for _, name := range []string{"client-key.pem", "client.key", "server.key"} {
		write(t, filepath.Join(dir, name), slurp(t, filepath.Join(dir, "pair.key")))
	}
	return &docsHost{t: t, dir: dir, rules: rules, cert: slurp(t, filepath.Join(dir, "pair.crt")), key: slurp(t, filepath.Join(dir, "pair.key")),
		pathPattern: regexp.MustCompile(`(^|[\s"'\[{,=:>])(/(?:etc|run|var|srv|opt|usr|home|host)/[^\s"'\]},;|&>]*)`)}
}

// here puts the paths of a text below the folder and makes the files that a
// configuration reads when it is loaded.
func (h *docsHost) here(text string) string {
	text = strings.ReplaceAll(text, "[rules/", "["+h.rules+"/")
	return h.pathPattern.ReplaceAllStringFunc(text, func(all string) string {
		m := h.pathPattern.FindStringSubmatch(all)
		if strings.HasPrefix(m[2], "/etc/tallyman/rules/") {
			return m[1] + h.rules + strings.TrimPrefix(m[2], "/etc/tallyman/rules")
		}
		at := filepath.Join(h.dir, m[2])
		if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
			h.t.Fatal(err)
		}
		content := ""
		switch ext := filepath.Ext(m[2]); {
		case strings.Contains(m[2], "/tls/") && ext == "", strings.ContainsAny(m[2], "*?"):
			return m[1] + at
		case ext == ".crt" || ext == ".pem":
			content = h.cert
		case filepath.Base(m[2]) == "redact.key": // made when it is missing
		case ext == ".key":
			content = h.key
		case ext == "" && (strings.HasPrefix(m[2], "/etc/") || strings.HasPrefix(m[2], "/run/credentials/")):
			content = "secret\n"
		}
		if content != "" {
			write(h.t, at, content)
		}
		return m[1] + at
	})
}

// TestDocsConfigurations loads every configuration of every page as validate does.
func TestDocsConfigurations(t *testing.T) {
	loaded := 0
	variable := regexp.MustCompile(`\$\{([A-Z_]+)`)
	for _, p := range pages(t) {
		if p.path == "docs/reference/settings.md" {
			continue // printed by the program: each plugin with what is required alone, which some lack a source with
		}
		strange := 0
		for i, b := range p.blocks {
			if b.lang != "yaml" {
				continue
			}
			text := wholeOf(b.text)
			if text == "" {
				strange++
				continue
			}
			loaded++
			h := newDocsHost(t)
			for _, m := range variable.FindAllStringSubmatch(text, -1) {
				t.Setenv(m[1], "value")
			}
			if code, said := said(t, "", "validate", "--config", conf(t, h.dir, h.here(text))); code != exitOK {
				t.Errorf("%s, block %d: exit %d\n%s\nof\n%s", p.path, i+1, code, said, text)
			}
		}
		if strange != foreign[p.path] {
			t.Errorf("%s has %d blocks of YAML that are no configuration of tallyman, and is known to have %d", p.path, strange, foreign[p.path])
		}
	}
	if loaded < 50 {
		t.Errorf("only %d configurations were loaded", loaded)
	}
}

// commands are the calls of tallyman in a page: lines of its blocks, and what stands
// between backquotes in its sentences.
func commands(p page) []string {
	var list []string
	for _, b := range p.blocks {
		if b.lang == "yaml" || b.lang == "json" || b.lang == "ini" || b.lang == "text" {
			continue
		}
		for line := range strings.Lines(b.text) {
			line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "$ "), "sudo "), "build/")
			for _, start := range []string{"tallyman ", "&& tallyman "} {
				if _, after, ok := strings.Cut(" "+line, " "+start); ok && (start != "tallyman " || strings.HasPrefix(line, start)) {
					list = append(list, "tallyman "+after)
				}
			}
		}
	}
	for _, m := range regexp.MustCompile("`(tallyman [a-z][^`\n]*)`").FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		list = append(list, m[1])
	}
	return list
}

// shellWords splits a line as a shell does, up to what is no more of the command. It knows
// quotes, and neither variables nor escapes.
func shellWords(line string) []string {
	var list []string
	var word strings.Builder
	quote, begun := rune(0), false
	end := func() {
		if begun {
			list = append(list, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && strings.ContainsRune("|&;>#", r):
			end()
			return list
		case quote == 0 && (r == ' ' || r == '\n'):
			end()
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	end()
	return list
}

// unknown says what of a command the program does not know.
func unknown(args []string) string {
	root := newRoot(streams{})
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err.Error()
	}
	rest = slices.DeleteFunc(rest, func(w string) bool { return w == "…" || w == "..." || w == "--help" || w == "[flags]" })
	if err := cmd.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return "there is no " + cmd.CommandPath() + " " + cmd.Flags().Arg(0)
	}
	return ""
}

// TestDocsCommands holds the verbs and flags of every command in every page to those
// that there are.
func TestDocsCommands(t *testing.T) {
	seen := 0
	for _, p := range pages(t) {
		for _, line := range commands(p) {
			seen++
			if why := unknown(shellWords(line)[1:]); why != "" {
				t.Errorf("%s: %s: %s", p.path, line, why)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d commands were found", seen)
	}
	for _, wrong := range []string{"tallyman rnu", "tallyman run --onec", "tallyman journal lst"} {
		if unknown(shellWords(wrong)[1:]) == "" {
			t.Errorf("%q is taken for a command", wrong)
		}
	}
}
