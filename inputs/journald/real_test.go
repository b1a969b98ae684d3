package journald

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestRealJournalctl reads a journal that systemd's own program wrote, with the
// real journalctl: each entry once, over a stop, while it grows.
func TestRealJournalctl(t *testing.T) {
	const remote = "/lib/systemd/systemd-journal-remote"
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skipf("NOT RUN: no journalctl (apt-get install systemd): %v", err)
	}
	if _, err := os.Stat(remote); err != nil {
		t.Skipf("NOT RUN: no journal can be written (apt-get install systemd-journal-remote): %v", err)
	}
	dir := t.TempDir()
	var want []string
	grow := func(from, to int) {
		t.Helper()
		text := ""
		for n := from; n < to; n++ {
			message := fmt.Sprintf("entry %d", n)
			want = append(want, message)
			text += fmt.Sprintf("__CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=%x;b=6c7c6013a26343b29e964691ff25d04c;m=%x;t=%x;x=1\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n"+
				"_BOOT_ID=6c7c6013a26343b29e964691ff25d04c\nMESSAGE=%s\n%s\n", n, 1000+n, 1795231588000000+n, 1795231588000000+n, 1000+n, message, binaryField("B", "a\n\nMESSAGE=forged\n"))
		}
		file := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command(remote, "-o", filepath.Join(dir, "system.journal"), file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	follow := func(once bool, from []byte) *rig {
		s := settings(t, dir, false)
		s.Program = "journalctl"
		return open(t, s, once, from)
	}
	grow(1, 6)
	first := follow(false, nil)
	first.until(first.count(5))
	grow(6, 11)
	first.until(first.count(10))
	first.close()
	grow(11, 16)
	again := follow(true, first.position)
	again.until(func() bool { return false })
	if got := slices.Concat(messages(first), messages(again)); !slices.Equal(got, want) || len(first.losses)+len(again.losses) > 0 {
		t.Errorf("read %q, want %q; losses %v %v", got, want, first.losses, again.losses)
	}
}

var messageIn = regexp.MustCompile(`MESSAGE=entry [0-9]+`)

// messages are those of the entries, wherever in them they stand.
func messages(r *rig) (list []string) {
	for i := range r.events {
		list = append(list, messageIn.FindString(r.events[i].Raw)[len("MESSAGE="):])
	}
	return list
}
