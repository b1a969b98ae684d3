package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/journal"
)

const troubleshooting = "../../docs/TROUBLESHOOTING.md"

// sourceDirs hold all that is built into the program.
var sourceDirs = []string{".", "../../pipeline", "../../inputs", "../../transforms", "../../outputs"}

// handbook is the page as the tests need it.
type handbook struct {
	entries map[string]string   // what stands below each heading of the third level
	tables  map[string][]string // the texts in the first column, by the heading of the second level
}

var (
	heading  = regexp.MustCompile(`(?m)^(##|###) (.*)\n((?:[^#\n].*\n|\n)*)`)
	firstCol = regexp.MustCompile("(?m)^\\| ((?:`[^`]*`|[^|`])*)\\|")
	quoted   = regexp.MustCompile("`([^`]*)`")
)

func readHandbook(text string) *handbook {
	h := &handbook{map[string]string{}, map[string][]string{}}
	class := ""
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		if m[1] == "###" {
			h.entries[m[2]] = m[3]
		} else {
			class = m[2]
		}
		for _, row := range firstCol.FindAllStringSubmatch(m[3], -1) {
			for _, q := range quoted.FindAllStringSubmatch(row[1], -1) {
				h.tables[class] = append(h.tables[class], q[1])
			}
		}
	}
	return h
}

// proseEntries are headings that are no message.
var proseEntries = []string{"Does the kernel lose records?"}

// gaps says which messages have no entry in the page, and which entries no message.
func gaps(h *handbook, lines []logLine) []string {
	var bad []string
	said := map[string]bool{}
	informs := h.tables["Messages that only inform"]
	for _, l := range lines {
		said[l.text] = true
		_, own := h.entries[l.text]
		switch {
		case strings.Trim(l.text, unknownPart+" :") == "":
			bad = append(bad, fmt.Sprintf("%s: no part of this text is known; make it a constant", l.at))
		case !own && (l.level != "Info" || !slices.Contains(informs, l.text)):
			bad = append(bad, fmt.Sprintf("%s: no entry for %s %q", l.at, l.level, l.text))
		}
	}
	for _, text := range slices.Sorted(maps.Keys(h.entries)) {
		if !said[text] && !slices.Contains(proseEntries, text) {
			bad = append(bad, fmt.Sprintf("nothing logs %q any more", text))
		}
		if body := h.entries[text]; !strings.Contains(body, "**Events:**") || !strings.Contains(body, "**Do:**") {
			bad = append(bad, fmt.Sprintf("the entry %q does not say what becomes of events, or what to do", text))
		}
	}
	for _, text := range informs {
		if !said[text] {
			bad = append(bad, fmt.Sprintf("nothing logs %q any more", text))
		}
	}
	return bad
}

// TestTroubleshooting: every message that the program logs has its entry, and every
// entry its message.
func TestTroubleshooting(t *testing.T) {
	var lines []logLine
	for _, s := range wholeSource(t) {
		lines = append(lines, s.logged()...)
	}
	if len(lines) < 150 {
		t.Errorf("only %d messages were found", len(lines))
	}
	for _, bad := range gaps(readHandbook(slurp(t, troubleshooting)), lines) {
		t.Error(bad)
	}
}

func wholeSource(t *testing.T) []*sourceText {
	t.Helper()
	list, err := readTree(sourceDirs...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestTroubleshootingFinds holds the test against a source that has what it is to find.
func TestTroubleshootingFinds(t *testing.T) {
	const source = `package p
const late = "a constant"
func (x *x) a() {
	x.log.Warn("a literal", "error", nil)
	x.env.Log.Error(late)
	x.Log.Info(x.kind+" works", "component", 1)
	x.log.Debug("not for people")
	x.say("one that is handed on")
	x.log.Warn(fmt.Sprintf("number %d of %s", 1, "b"))
	x.log.Log(ctx, level, "with a level")
	why := "in a variable"
	slog.Warn(why)
	tell := func(text string) { x.logger.Warn("told: " + text) }
	tell("by a closure")
	x.log.Warn(unheardOf())
	http.Error(w, "no message of the log", 500)
}
func (x *x) say(text string) { x.log.Warn(text) }
var one = x{kind: "input"}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	lines := readSource(fset, []*ast.File{f}).logged()
	var got []string
	for _, l := range lines {
		got = append(got, l.level+" "+l.text)
	}
	want := []string{"Warn a literal", "Error a constant", "Info input works", "Warn number … of …", "Warn with a level", "Warn in a variable",
		"Warn told: by a closure", "Warn …", "Warn one that is handed on"}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("it finds\n%q, not\n%q", got, want)
	}
	const page = "## A\n### a literal\nx **Events:** y **Do:** z\n### gone\n**Events:** **Do:**\n### a constant\nwithout them\n" +
		"## Messages that only inform\n| `input works` | x |\n| `with a level` | x |\n| `never` | x |\n"
	bad := strings.Join(gaps(readHandbook(page), lines), "\n")
	for _, w := range []string{`no entry for Warn "number … of …"`, `no entry for Warn "with a level"`, "no part of this text is known", `nothing logs "gone"`, `nothing logs "never"`,
		`the entry "a constant" does not say`} {
		if !strings.Contains(bad, w) {
			t.Errorf("it does not say %s:\n%s", w, bad)
		}
	}
	for _, w := range []string{"a literal", "input works", "in a variable\" any more"} {
		if strings.Contains(bad, `"`+w+`"`) {
			t.Errorf("it finds fault with %q:\n%s", w, bad)
		}
	}
}

// TestTroubleshootingConfiguration: each problem of testdata/wrong is of a kind that the
// page has, and each kind has such a problem.
func TestTroubleshootingConfiguration(t *testing.T) {
	kinds := readHandbook(slurp(t, troubleshooting)).tables["Configuration"]
	files, err := filepath.Glob("testdata/wrong/*.golden")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d goldens: %v", len(files), err)
	}
	met := map[string]bool{}
	for _, file := range files {
		first, _, _ := strings.Cut(slurp(t, file), "\n")
		_, text, ok := strings.Cut(first, "error: ")
		if !ok {
			_, text, ok = strings.Cut(first, "warning: ")
		}
		of := kindOf(kinds, text)
		if !ok || of == "" {
			t.Errorf("%s: no kind of problem for %q", file, text)
		}
		met[of] = true
	}
	for _, k := range kinds {
		if !met[k] {
			t.Errorf("no configuration of testdata/wrong has the problem %q", k)
		}
	}
	if got := kindOf(kinds, "something new"); got != "" {
		t.Errorf("anything is of the kind %q", got)
	}
}

// kindOf is the first kind that a text is of; … stands for any text.
func kindOf(kinds []string, text string) string {
	for _, k := range kinds {
		if regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(k), unknownPart, ".+")).MatchString(text) {
			return k
		}
	}
	return ""
}

// TestTroubleshootingTables: reasons of losses, exit codes, doctor's checks and the names
// of metrics are those of the program.
func TestTroubleshootingTables(t *testing.T) {
	text := slurp(t, troubleshooting)
	h := readHandbook(text)
	var reasons []string
	for r := range journal.NumReasons {
		reasons = append(reasons, r.String())
	}
	for r := range event.NumLossReasons {
		reasons = append(reasons, r.String())
	}
	bothHave(t, "reasons of losses", h.tables["Where a loss is counted"], reasons)
	for _, code := range []int{exitOK, exitFailure, exitUsage, exitCheck, exitUnreachable, exitLeft, exitPermission, exitConfig} {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("the exit code %d has no row", code)
		}
	}
	metrics := map[string]bool{}
	for _, s := range wholeSource(t) {
		for _, name := range s.metrics() {
			metrics[name] = true
		}
	}
	var checks []string
	for _, dir := range []string{".", "../../transforms/container"} {
		s, err := readPackage(dir)
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, s.findings()...)
	}
	bothHave(t, "checks of doctor", h.tables["Doctor"], checks)
	for _, name := range regexp.MustCompile("`(tallyman_[a-z_]+)").FindAllStringSubmatch(text, -1) {
		if !metrics[name[1]] && !slices.ContainsFunc(slices.Collect(maps.Keys(metrics)), func(m string) bool {
			return strings.HasSuffix(m, unknownPart) && strings.HasPrefix(name[1], strings.TrimSuffix(m, unknownPart)) && m != "tallyman_"+unknownPart
		}) {
			t.Errorf("there is no metric %s", name[1])
		}
	}
}

// bothHave holds two lists against each other, whatever their order.
func bothHave(t *testing.T, what string, page, source []string) {
	t.Helper()
	for _, one := range source {
		if !slices.Contains(page, one) {
			t.Errorf("%s: the page lacks %q", what, one)
		}
	}
	for _, one := range page {
		if !slices.Contains(source, one) {
			t.Errorf("%s: the program does not have %q", what, one)
		}
	}
}

// findings are the names of doctor's checks.
func (s *sourceText) findings() []string {
	var list []string
	s.inspect(func(n ast.Node, fn *ast.FuncDecl) {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return
		}
		at := filepath.Base(s.fset.Position(n.Pos()).Filename)
		if !strings.HasPrefix(at, "doctor") && at != "sources.go" || lit.Type != nil && lastName(lit.Type) != "Finding" {
			return // without a type it is an element of a list of them
		}
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && lastName(kv.Key) == "Name" {
				for _, text := range s.texts(kv.Value, fn, 0) {
					if !strings.Contains(text, unknownPart) {
						list = append(list, text)
					}
				}
			}
		}
	})
	return list
}

// metrics are the texts of the package that begin like the name of a metric.
func (s *sourceText) metrics() []string {
	var list []string
	s.inspect(func(n ast.Node, fn *ast.FuncDecl) {
		e, ok := n.(ast.Expr)
		if sum, of := n.(*ast.BinaryExpr); of {
			e, ok = sum, true
			for of {
				n = sum.X
				sum, of = sum.X.(*ast.BinaryExpr)
			}
		}
		if first, of := n.(*ast.BasicLit); ok && of && strings.HasPrefix(first.Value, `"tallyman_`) {
			list = append(list, s.texts(e, fn, 0)...)
		}
	})
	return list
}

func (s *sourceText) inspect(look func(ast.Node, *ast.FuncDecl)) {
	for _, f := range s.files {
		for _, d := range f.Decls {
			fn, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				look(n, fn)
				return true
			})
		}
	}
}
