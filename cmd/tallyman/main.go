// Command tallyman reads what a container host logs, makes one event of each
// record, ties it to its container, judges it, and delivers it. One file per
// verb; plugins.go is the list of what is built in.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"strings"
	_ "time/tzdata" // an image of nothing but this program has no zones

	"github.com/spf13/cobra"

	"tallyman/pipeline/engine"
)

// The exit codes, which scripts rely on.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 69 // EX_UNAVAILABLE
	exitLeft        = 75 // EX_TEMPFAIL: events are left for the next run
	exitPermission  = 77 // EX_NOPERM
	exitConfig      = 78 // EX_CONFIG
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// streams are what a verb reads and writes: data on out, talk on err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit is an error with its exit code. A nil Err means that all has been said.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// run is the program without the process around it.
func run(args []string, in io.Reader, out, errw io.Writer) int {
	// What the standard library prints by itself is not for a log: net/http shows what
	// a receiver sends unasked, which may be the request, with its token.
	log.SetOutput(io.Discard)
	root := newRoot(streams{in, out, errw})
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	var e *exit
	code := exitUsage // what cobra refuses is usage
	if errors.As(err, &e) {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	fmt.Fprintf(errw, "tallyman: %v\n", err) //nolint:errcheck // there is nobody else to tell
	if code == exitUsage {
		fmt.Fprintln(errw, "Run 'tallyman --help' for the verbs and their flags.") //nolint:errcheck // as above
	}
	return code
}

// failed gives an error of a run its exit code.
func failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return &exit{exitPermission, err}
	case errors.Is(err, engine.ErrLeft):
		return &exit{exitLeft, err}
	case errors.Is(err, engine.ErrProbe):
		return &exit{exitUnreachable, err}
	}
	return &exit{exitFailure, err}
}

// noArgs refuses arguments and says where what was meant may belong: the name of
// a file is the value of a flag.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.HasSubCommands():
		text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += fmt.Sprintf("; did you mean %q?", near[0])
		}
		return errors.New(text)
	}
	hint := ""
	for _, name := range [...]string{"file", "config"} {
		if strings.ContainsAny(args[0], "./") && cmd.Flags().Lookup(name) != nil {
			hint = fmt.Sprintf("; a file is named with --%s %s", name, args[0])
			break
		}
	}
	return fmt.Errorf("%s takes no argument, and got %q%s", cmd.CommandPath(), args[0], hint)
}
