package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file reads out of source what a program logs. It knows the few ways in which
// the texts here are made: literals, constants, concatenations, fmt.Sprintf, and a text
// that is handed on as a parameter. What it cannot know of a text stands as unknownPart.

const unknownPart = "…"

// logLine is a text that some call may log.
type logLine struct{ level, text, at string }

// sourceText is one package's source, as far as the reading of texts needs it.
type sourceText struct {
	fset   *token.FileSet
	files  []*ast.File
	consts map[string]ast.Expr        // by name
	funcs  map[string]*ast.FuncType   // by name; methods too
	calls  map[string][]callIn        // by the name that is called
	fields map[string][]callIn        // what composite literals give a field of that name
	within map[ast.Node]*ast.FuncDecl // the function that a call stands in
}

type callIn struct {
	args []ast.Expr
	in   *ast.FuncDecl
}

// readSource gathers what the files of one package say.
func readSource(fset *token.FileSet, files []*ast.File) *sourceText {
	s := &sourceText{fset: fset, files: files, consts: map[string]ast.Expr{}, funcs: map[string]*ast.FuncType{},
		calls: map[string][]callIn{}, fields: map[string][]callIn{}, within: map[ast.Node]*ast.FuncDecl{}}
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				s.values(d)
			case *ast.FuncDecl:
				s.funcs[d.Name.Name] = d.Type
			}
		}
		for _, d := range f.Decls {
			fn, _ := d.(*ast.FuncDecl)
			ast.Inspect(d, func(n ast.Node) bool {
				s.node(n, fn)
				return true
			})
		}
	}
	return s
}

func (s *sourceText) values(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
			for i, name := range v.Names {
				s.consts[name.Name] = v.Values[i]
			}
		}
	}
}

func (s *sourceText) node(n ast.Node, fn *ast.FuncDecl) {
	switch n := n.(type) {
	case *ast.CallExpr:
		s.within[n] = fn
		if name := lastName(n.Fun); name != "" {
			s.calls[name] = append(s.calls[name], callIn{n.Args, fn})
		}
	case *ast.AssignStmt: // say := func(text string) { … }
		for i, right := range n.Rhs {
			if lit, ok := right.(*ast.FuncLit); ok && len(n.Lhs) == len(n.Rhs) {
				s.funcs[lastName(n.Lhs[i])] = lit.Type
			}
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok {
			s.fields[key.Name] = append(s.fields[key.Name], callIn{[]ast.Expr{n.Value}, fn})
		}
	}
}

// lastName is the name at the end of an expression: Warn of a.log.Warn.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// logged is every text that the package logs at Info or above.
func (s *sourceText) logged() []logLine {
	var list []logLine
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			level, text := logCall(call)
			if level == "" {
				return true
			}
			for _, t := range s.texts(text, s.within[call], 0) {
				list = append(list, logLine{level, t, s.fset.Position(call.Pos()).String()})
			}
			return true
		})
	}
	return list
}

// logCall is the level and the text of a call on a *slog.Logger, which are known by
// the name of what is called: log, x.log, x.Log, x.logger, slog.
func logCall(call *ast.CallExpr) (string, ast.Expr) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasSuffix(strings.TrimSuffix(strings.ToLower(lastName(sel.X)), "ger"), "log") {
		return "", nil
	}
	at := map[string]int{"Info": 0, "Warn": 0, "Error": 0, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1, "Log": 2, "LogAttrs": 2}
	i, ok := at[sel.Sel.Name]
	if !ok || len(call.Args) <= i {
		return "", nil
	}
	level := strings.TrimSuffix(sel.Sel.Name, "Context")
	if i == 2 {
		level = "Warn" // what it is at the worst
	}
	return level, call.Args[i]
}

// texts are the forms that an expression may have as text.
func (s *sourceText) texts(e ast.Expr, fn *ast.FuncDecl, deep int) []string {
	unknown := []string{unknownPart}
	if deep > 6 {
		return unknown
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return []string{text}
		}
	case *ast.ParenExpr:
		return s.texts(e.X, fn, deep+1)
	case *ast.BinaryExpr:
		var list []string
		for _, left := range s.texts(e.X, fn, deep+1) {
			for _, right := range s.texts(e.Y, fn, deep+1) {
				list = append(list, left+right)
			}
		}
		return list
	case *ast.CallExpr:
		if lastName(e.Fun) == "Sprintf" && len(e.Args) > 0 {
			var list []string
			for _, text := range s.texts(e.Args[0], fn, deep+1) {
				list = append(list, regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`).ReplaceAllString(text, unknownPart))
			}
			return list
		}
	case *ast.Ident:
		return s.named(e.Name, fn, deep)
	case *ast.SelectorExpr:
		return s.every(s.fields[e.Sel.Name], deep)
	}
	return unknown
}

// every is the texts of all of some expressions; one that is not a text makes them unknown.
func (s *sourceText) every(list []callIn, deep int) []string {
	var all []string
	for _, one := range list {
		for _, e := range one.args {
			for _, text := range s.texts(e, one.in, deep+1) {
				if !slices.Contains(all, text) {
					all = append(all, text)
				}
			}
		}
	}
	if len(all) == 0 || slices.Contains(all, unknownPart) {
		return []string{unknownPart}
	}
	return all
}

// named are the texts of a name: a local variable's, what callers hand over for a
// parameter, or a constant's of the package.
func (s *sourceText) named(name string, fn *ast.FuncDecl, deep int) []string {
	if fn != nil {
		if list := assigned(fn, name); len(list) > 0 {
			return s.every([]callIn{{list, fn}}, deep)
		}
	}
	var list []string
	for called, typ := range s.funcs {
		if fn != nil && typ != fn.Type && (typ.Pos() < fn.Pos() || typ.End() > fn.End()) {
			continue // neither this function nor one that is made in it
		}
		i := paramAt(typ, name)
		if i < 0 {
			continue
		}
		for _, c := range s.calls[called] {
			if i < len(c.args) {
				list = append(list, s.texts(c.args[i], c.in, deep+1)...)
			}
		}
	}
	if len(list) > 0 {
		return list
	}
	if e, ok := s.consts[name]; ok {
		return s.texts(e, nil, deep+1)
	}
	return []string{unknownPart}
}

// assigned is what a function gives a variable of its own.
func assigned(fn *ast.FuncDecl, name string) []ast.Expr {
	var list []ast.Expr
	ast.Inspect(fn, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != len(a.Rhs) {
			return true
		}
		for i, left := range a.Lhs {
			if id, ok := left.(*ast.Ident); ok && id.Name == name {
				list = append(list, a.Rhs[i])
			}
		}
		return true
	})
	return list
}

// paramAt is the place of a parameter among a function's, or -1.
func paramAt(typ *ast.FuncType, name string) int {
	i := 0
	for _, field := range typ.Params.List {
		for _, id := range field.Names {
			if id.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

// readTree reads every package below some folders, without their tests.
func readTree(dirs ...string) ([]*sourceText, error) {
	var list []*sourceText
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" {
				return fs.SkipDir
			}
			s, err := readPackage(path)
			if s != nil {
				list = append(list, s)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func readPackage(dir string) (*sourceText, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, nil
	}
	return readSource(fset, files), nil
}
