package expr

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/expr-lang/expr/file"

	"tallyman/pipeline/plugin"
)

func problem(pos plugin.Pos, width int, hint, format string, args ...any) plugin.Problems {
	return plugin.Problems{{Pos: pos, Width: width, Hint: hint, Text: fmt.Sprintf(format, args...)}}
}

// place returns where a location inside the text stands in its file and how
// wide it is. Locations count runes, positions bytes. A later line of the text
// is taken to be indented as its first.
func place(t plugin.Text, loc file.Location) (plugin.Pos, int) {
	pos := t.Pos
	if pos.Line == 0 {
		return pos, 0
	}
	n, width := 0, 0
	col := pos.Col
	for _, r := range t.Value {
		size := len(string(r))
		switch {
		case n >= loc.To && n > loc.From:
			return pos, width
		case n >= loc.From:
			width += size
		case r == '\n':
			pos.Line++
			pos.Col = col
		default:
			pos.Col += size
		}
		n++
	}
	return pos, width
}

// syntaxProblem says what the parser did not understand.
func syntaxProblem(t plugin.Text, err error) error {
	p := typeProblem(t, err)
	if strings.Contains(t.Value, "@timestamp") {
		p[0].Hint = `write timestamp for @timestamp`
	}
	return p
}

// typeProblem turns an error of the library into a problem with its place.
func typeProblem(t plugin.Text, err error) plugin.Problems {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return problem(t.Pos, 0, "", "%s", firstLine(err))
	}
	pos, width := place(t, fe.Location)
	return problem(pos, width, "", "%s", plain(fe.Message))
}

// plain writes the types of the library's messages as the schema names them.
func plain(s string) string {
	return strings.NewReplacer("map[string]string", "map", "map[string]interface {}", "group", "[]string", "list",
		"interface {}", "any", " (mismatched type ", " (wrong type ", "mismatched types", "wrong types").Replace(s)
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "a map"
	case reflect.Func:
		return "a function"
	}
	return t.String()
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return plain(line)
}

// runError is what went wrong while running, without the picture that the
// library draws of it.
func runError(err error) error {
	var fe *file.Error
	if errors.As(err, &fe) {
		return errors.New(plain(fe.Message))
	}
	return err
}

// meant is the hint for a word that is not known.
func meant(best string) string {
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// Nearest returns the known word that was probably meant, or "". The distance
// that is allowed grows with the word: one letter in a short word makes another
// word, while a long one stays recognisable.
func Nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", 2+min(2, len(word)/4)
	for _, k := range known {
		if far := levenshtein.ComputeDistance(fold(word), fold(k)); far < least {
			best, least = k, far
		}
	}
	return best
}

// fold makes words equal that differ only in case and in how they are joined.
func fold(s string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
}
