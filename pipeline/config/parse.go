package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/lazy"
	"tallyman/pipeline/plugin"
)

// maxFile bounds the file, so that a wrong --config cannot fill the memory.
const maxFile = 1 << 20

// read returns the text of the file, without a byte order mark.
func read(path string) ([]byte, *plugin.Problem) {
	fail := func(text, hint string) ([]byte, *plugin.Problem) {
		return nil, &plugin.Problem{Pos: plugin.Pos{File: path}, Text: text, Hint: hint}
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("the configuration file does not exist", "name one with --config FILE or "+envConfig)
	case errors.Is(err, fs.ErrPermission):
		return fail("no permission to read the configuration file", "the user that runs tallyman needs to read it and to enter its folders")
	case err != nil:
		return fail("the configuration file cannot be opened: "+err.Error(), "")
	}
	defer func() { _ = f.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fail("the configuration file cannot be read: "+err.Error(), "")
	}
	if len(text) > maxFile {
		return fail("the configuration file is larger than "+FormatSize(maxFile), "is it the right file?")
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// parse returns the top mapping of the one document in text, or nil after it
// has added a problem.
func (d *decoder) parse(text []byte) *yaml.Node {
	if p := d.badText(text); p != nil {
		d.problems = append(d.problems, *p)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if err == nil {
		switch err = dec.Decode(&second); {
		case errors.Is(err, io.EOF):
			err = nil
		case err == nil:
			d.add(&second, "a configuration is one document: remove the line `---` and what follows", "a second document begins in the file")
			err = nil
		}
	}
	switch {
	case errors.Is(err, io.EOF), err == nil && (len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null"):
		d.problems = append(d.problems, plugin.Problem{Pos: plugin.Pos{File: d.file}, Text: "the configuration is empty",
			Hint: "it needs journal, inputs and outputs"})
		return nil
	case err != nil:
		d.problems = append(d.problems, d.syntax(err))
		return nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		d.add(top, "it needs the keys journal, inputs and outputs", "the configuration is %s, not a map of keys", kindOf(top))
		return nil
	}
	return top
}

// badText finds what YAML refuses without saying where.
func (d *decoder) badText(text []byte) *plugin.Problem {
	line, start := 1, 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		what := ""
		switch {
		case r == '\n', r == '\r' && !bytes.HasPrefix(text[i:], []byte("\r\n")), r == 0x85, r == 0x2028, r == 0x2029: // as splitLines
			line, start = line+1, i+n
		case r == utf8.RuneError && n <= 1:
			what = "a byte that is not UTF-8"
		case r < 0x20 && r != '\t' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			what = fmt.Sprintf("the control character U+%04X", r)
		}
		if what != "" {
			return &plugin.Problem{Pos: plugin.Pos{File: d.file, Line: line, Col: i - start + 1},
				Text: "the file holds " + what, Hint: `write "\x.." in double quotes where such a character is meant`}
		}
		i += n
	}
	return nil
}

var (
	yamlLine   = lazy.Regexp(`^yaml: (?:line (\d+): )?(.*)$`)
	yamlAnchor = lazy.Regexp(`^unknown anchor '(.*)' referenced$`)
	// yamlParser are the messages of the YAML parser proper. It counts lines
	// from 0, while the scanner below it counts from 1.
	yamlParser = lazy.Regexp(`^did not find expected (key|'-' indicator|',' or '.'|node content|<document start>)`)
)

// yamlHints are what most often is behind the words of the YAML library.
var yamlHints = []struct{ text, hint string }{
	{"mapping values are not allowed", "a value with `: ` in it needs quotes, and keys of one level need the same indentation"},
	{"did not find expected key", "keys of one level need the same indentation, and each a `:` and a value behind it"},
	{"did not find expected ','", "a { or [ before this line is not closed, or a value in it needs quotes"},
	{"unexpected end of stream", "a quote before this line is not closed"},
	{"unknown escape character", `in double quotes \ begins an escape; single quotes keep it as it is`},
	{"cannot start any token", "a value that begins with such a character needs quotes"},
}

// syntax turns an error of the YAML library, whose text is all it gives, into a
// problem with its place.
func (d *decoder) syntax(err error) plugin.Problem {
	m := yamlLine().FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0])
	if m == nil {
		return plugin.Problem{Pos: plugin.Pos{File: d.file}, Text: "the file is not YAML: " + err.Error()}
	}
	line, _ := strconv.Atoi(m[1]) // no number: the library means the first line
	text := m[2]
	if m[1] == "" || yamlParser().MatchString(text) {
		line++
	}
	p := plugin.Problem{Pos: plugin.Pos{File: d.file, Line: min(line, len(d.lines)), Col: 1}, Text: "the file is not YAML: " + text}
	if m := yamlAnchor().FindStringSubmatch(text); m != nil {
		p.Pos.Line, p.Pos.Col = d.find("*" + m[1])
		p.Width, p.Text = 1+len(m[1]), "the alias *"+m[1]+" has no anchor before it"
		p.Hint = "an anchor is written &" + m[1] + "; a value that begins with * needs quotes"
		return p
	}
	return d.syntaxHint(p)
}

// syntaxHint adds what most often is the cause.
func (d *decoder) syntaxHint(p plugin.Problem) plugin.Problem {
	for i := p.Pos.Line; i <= len(d.lines) && i <= p.Pos.Line+1; i++ {
		line := d.lines[i-1]
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
			p.Pos.Line, p.Pos.Col = i, tab+1
			p.Text, p.Hint = "a tab in the indentation", "YAML is indented with spaces only"
			return p
		}
	}
	line := d.line(p.Pos.Line)
	p.Pos.Col = 1 + len(line) - len(strings.TrimLeft(line, " "))
	if i := strings.Index(line, "${"); i >= 0 && strings.Contains(line[:i], "{") {
		p.Pos.Col, p.Hint = i+1, `inside { } a value with ${…} needs quotes: "${NAME}"`
		return p
	}
	for _, one := range yamlHints {
		if strings.Contains(p.Text, one.text) {
			p.Hint = one.hint
		}
	}
	return p
}

// find returns the first place of text in the file.
func (d *decoder) find(text string) (line, col int) {
	for i, l := range d.lines {
		if at := strings.Index(l, text); at >= 0 {
			return i + 1, at + 1
		}
	}
	return 1, 1
}

// splitLines splits as YAML counts lines, where more than LF ends one.
func splitLines(text []byte) []string {
	s := strings.ReplaceAll(string(text), "\r\n", "\n")
	return strings.Split(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s), "\n")
}

func comparePos(a, b plugin.Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
}
