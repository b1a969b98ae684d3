package journald

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// fakeName makes the test's own program a journalctl.
const fakeName = "TALLYMAN_TEST_JOURNALCTL"

// TestMain is the fake journalctl where it was started as one.
func TestMain(m *testing.M) {
	if os.Getenv(fakeName) != "" {
		os.Exit(fake())
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// fake prints the entries of DIR/j.export from the cursor on, and follows the file.
// DIR/die makes it end with an error, once.
func fake() int {
	set := flag.NewFlagSet("journalctl", flag.ContinueOnError)
	_ = set.Bool("no-pager", false, "")
	_ = set.Bool("quiet", false, "")
	_ = set.Bool("no-tail", false, "")
	_ = set.String("output", "", "")
	dir, cursor, lines, follow := set.String("directory", "", ""), set.String("cursor", "", ""), set.Int("lines", -1, ""), set.Bool("follow", false, "")
	if err := set.Parse(os.Args[1:]); err != nil {
		return 2
	}
	path := filepath.Join(*dir, "j.export")
	list := func() []string {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		all := strings.SplitAfter(string(b), "\n\n")
		return all[:len(all)-1]
	}
	sent := 0
	if *cursor != "" {
		sent = max(0, slices.IndexFunc(list(), func(e string) bool { return strings.HasPrefix(e, "__CURSOR="+*cursor+"\n") }))
	}
	if *lines == 0 {
		sent = len(list())
	}
	tick := time.NewTicker(2 * time.Millisecond)
	for {
		all := list()
		if sent < len(all) {
			if _, err := os.Stdout.WriteString(strings.Join(all[sent:], "")); err != nil {
				return 0
			}
			sent = len(all)
		}
		if os.Remove(filepath.Join(*dir, "die")) == nil {
			_, _ = os.Stdout.WriteString("__CURSOR=half an en")
			_, _ = fmt.Fprintln(os.Stderr, "Failed to add filter: it was told to die")
			return 1
		}
		if _, err := os.Stat(*dir); !*follow || err != nil || os.Getppid() == 1 {
			return 0
		}
		<-tick.C
	}
}

// item is an entry with a cursor.
func item(n int, message string) string {
	return fmt.Sprintf("__CURSOR=s=ab;i=%x;b=cd;m=1;t=2;x=3\n__REALTIME_TIMESTAMP=%d\nMESSAGE=%s\n_PID=1\n\n", n, 1795231588000000+n, message)
}

func add(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// settings are those of the fake over a folder, or of a folder of files.
func settings(t testing.TB, dir string, ours bool) *Settings {
	t.Helper()
	s, ok := Plugin.Settings().(*Settings)
	if !ok {
		t.Fatal("the settings are another type")
	}
	if ours {
		s.Path = dir
		return s
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.Program, s.Directory = program, dir
	return s
}
