package auditd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
)

// TestStdinOfAProcess runs this test as the process that auditd would start: it
// reads its standard input to the end, and waits in between.
func TestStdinOfAProcess(t *testing.T) {
	if os.Getenv("TALLYMAN_TEST_STDIN") != "" {
		readStdin(t)
		return
	}
	for _, form := range []string{"pipe", "file"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestStdinOfAProcess$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "TALLYMAN_TEST_STDIN=1")
		if form == "pipe" {
			cmd.Stdin = io.MultiReader(strings.NewReader("type=A\nty"), strings.NewReader("pe=B\n"), strings.NewReader("type=C"))
		} else {
			name := t.TempDir() + "/in"
			if err := os.WriteFile(name, []byte("type=A\ntype=B\ntype=C"), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			cmd.Stdin = f
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), `read ["type=A" "type=B" "type=C"]`) {
			t.Errorf("%s: %v\n%s", form, err, out)
		}
	}
}

func readStdin(t *testing.T) {
	s := defaults()
	s.StatusEvery = 0
	s.Stdin = true
	in, err := build(&s, env("/"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		var b event.Batch
		err := in.Read(context.Background(), &b, time.Millisecond)
		got = append(got, raws(&b)...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("read %q\n", got)
}
