package plugin

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// The settings of a plugin are a struct. Each exported field is one key:
//
//	Path string `yaml:"path" doc:"The log file to follow." example:"/var/log/audit/audit.log" required:"true"`
//
// yaml names the key, doc is the sentence of the reference, example is optional,
// required:"true" refuses its absence, enum:"a,b" lists the words it may be. The
// value that the defaults function sets is the default. verbatim:"true" keeps
// ${NAME} in the value as it stands, for expressions. Field types: string,
// bool, int, int64, uint64, float64, time.Duration ("250ms"), Size ("16MiB"),
// Text, Secret, []string, []Text, map[string]string, structs of these and
// pointers to structs (nil: absent), and slices and maps of structs.
//
// A settings struct may have the method Check() Problems for what a type cannot
// say; positions come from its Text fields, or from Problem.Key.

// Pos is a place in a file, for messages. Line and Col count from 1, Col in
// bytes; the zero Pos is nowhere.
type Pos struct {
	File      string
	Line, Col int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Text is a string setting that remembers where it stands, for what is
// compiled or checked later (expressions, file names).
type Text struct {
	Value string
	Pos   Pos
}

func (t Text) String() string { return t.Value }

// Size is a number of bytes, written with its unit: "16MiB", "64KB".
type Size int64

// Secret is a reference to a secret: `{file: PATH}` or `{env: NAME}`. It prints
// as [redacted].
type Secret struct {
	File string `yaml:"file" doc:"A file that holds the secret; a line end at its end is cut."`
	Env  string `yaml:"env" doc:"The environment variable that holds the secret."`
}

// ErrNoSecret says that a secret is not where its reference says.
var ErrNoSecret = errors.New("secret not found")

func (s Secret) String() string { return "[redacted]" }

// GoString keeps the reference out of %#v as well.
func (s Secret) GoString() string { return "[redacted]" }

// IsZero reports whether nothing is referred to.
func (s Secret) IsZero() bool { return s == Secret{} }

// Read returns the secret. It is read each time, so that a changed one is seen.
func (s Secret) Read() (string, error) {
	if s.Env != "" {
		v, ok := os.LookupEnv(s.Env)
		if !ok {
			return "", fmt.Errorf("%w: the environment variable %s is not set", ErrNoSecret, s.Env)
		}
		return v, nil
	}
	b, err := os.ReadFile(s.File)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoSecret, err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// Problem is one thing that is wrong in a file, said so that a person can mend
// it.
type Problem struct {
	Pos   Pos
	Width int    // bytes to underline from Pos, 0 for one
	Text  string // what is wrong: `unknown key "formt" in output "siem"`
	Hint  string // what to do, "" for nothing: `did you mean "format"?`
	Warn  bool   // worth saying, and no reason to refuse

	// Key is for Check, where Pos is not known: the key of the settings that is
	// wrong, with a dot before one inside it ("cef.version"). Whoever read the
	// file turns it into Pos and Width.
	Key string
}

func (p Problem) String() string {
	s := p.Text
	if at := p.Pos.String(); at != "" {
		s = at + ": " + s
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems is every problem that was found, not only the first.
type Problems []Problem

func (p Problems) Error() string {
	var lines []string
	for _, one := range p {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Bad reports whether one of them is more than a warning.
func (p Problems) Bad() bool {
	for _, one := range p {
		if !one.Warn {
			return true
		}
	}
	return false
}
