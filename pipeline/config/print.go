package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"tallyman/pipeline/plugin"
)

// maxShown bounds a file that Print reads for its source lines, in bytes.
const maxShown = 4 << 20

// The colours of a message, as a terminal takes them.
const (
	red, yellow, green, bold, plain = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;32m", "\x1b[1m", "\x1b[0m"
)

// Print writes problems for a person, in their order:
//
//	tallyman.yaml:14:5: error: unknown key "indxe" in output "splunk"
//	   14 |     indxe: main
//	      |     ^~~~~
//	      = did you mean "index"? known keys: ack, format, index
//
// The source line comes from the file that the position names, which may be
// another one than the configuration; where it cannot be read, it is left out.
// It is also left out where it may hold a secret, and what looks like one is
// masked elsewhere. Nothing of a file reaches the terminal that is not
// printable. With colour, the words carry the escape sequences of a terminal.
func Print(w io.Writer, problems plugin.Problems, colour bool) {
	p := printer{colour: colour, files: map[string][]string{}, read: readShown, hidden: map[plugin.Pos]bool{}}
	for _, one := range problems {
		if one.Width == hidden {
			p.hidden[plugin.Pos{File: one.Pos.File, Line: one.Pos.Line}] = true
		}
	}
	for _, one := range problems {
		p.problem(one)
	}
	_, _ = w.Write(p.out.Bytes()) // who cannot be told of problems cannot be told of this one either
}

// readShown returns the text of a regular file; a pipe would be waited for.
func readShown(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxShown {
		return nil, fmt.Errorf("config: %s is not shown", name)
	}
	return os.ReadFile(name)
}

type printer struct {
	out    bytes.Buffer
	colour bool
	read   func(string) ([]byte, error)
	files  map[string][]string // lines by file, nil for one that cannot be read
	hidden map[plugin.Pos]bool // lines with a secret, Col 0
}

func (p *printer) paint(colour, s string) string {
	if !p.colour {
		return s
	}
	return colour + s + plain
}

func (p *printer) problem(one plugin.Problem) {
	kind, colour := "error", red
	if one.Warn {
		kind, colour = "warning", yellow
	}
	if at := visible(one.Pos.String()); at != "" {
		p.out.WriteString(p.paint(bold, at+":") + " ")
	}
	p.out.WriteString(p.paint(colour, kind+":") + " " + p.paint(bold, visible(one.Text)) + "\n")
	number := strconv.Itoa(one.Pos.Line)
	gap := "  "
	if one.Pos.Line > 0 {
		gap = strings.Repeat(" ", max(5, len(number)))
		p.source(one, fmt.Sprintf("%*s", len(gap), number), gap)
	}
	if one.Hint != "" {
		fmt.Fprintf(&p.out, "%s = %s\n", gap, visible(one.Hint))
	}
}

// source writes the source line and the mark below it.
func (p *printer) source(one plugin.Problem, number, gap string) {
	if p.hidden[plugin.Pos{File: one.Pos.File, Line: one.Pos.Line}] {
		fmt.Fprintf(&p.out, "%s | (not shown: the line may hold a secret)\n", number)
		return
	}
	line, ok := p.line(one.Pos)
	if !ok {
		return
	}
	text, before, marked := show(line, one.Pos.Col-1, max(1, one.Width))
	fmt.Fprintf(&p.out, "%s | %s\n", number, text)
	fmt.Fprintf(&p.out, "%s | %s%s\n", gap, strings.Repeat(" ", before), p.paint(green, "^"+strings.Repeat("~", marked-1)))
}

// line returns the source line of a position.
func (p *printer) line(at plugin.Pos) (string, bool) {
	lines, known := p.files[at.File]
	if !known {
		if text, err := p.read(at.File); err == nil {
			lines = splitLines(bytes.TrimPrefix(text, []byte("\ufeff")))
		}
		p.files[at.File] = lines
	}
	if at.Line > len(lines) {
		return "", false
	}
	return lines[at.Line-1], true
}
