package session

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
)

// few draws words of which many are alike, some empty and some of blanks.
func few(t *rapid.T, name string, most int) []string {
	return rapid.SliceOfN(rapid.SampledFrom([]string{"sh", "-c", "id", "", " ", "a b", "b ", "web", "c0ff", "exec", "-e", "X=1"}), 0, most).Draw(t, name)
}

// TestSumsAreThoseOfTheTexts: two command lines have one sum where their words are
// the same, or, as an engine tells them, their text; a command of an engine has that of
// its program.
func TestSumsAreThoseOfTheTexts(t *testing.T) {
	w := newWords(keep.NewSeal())
	rapid.Check(t, func(t *rapid.T) {
		a, b := few(t, "a", 5), few(t, "b", 5)
		if rapid.Bool().Draw(t, "alike") {
			b = strings.Split(strings.Join(a, " "), " ")
		}
		text := func(args []string) string { return strings.TrimRight(strings.Join(args, " "), " ") }
		if same := strings.Join(a, "\x00") == strings.Join(b, "\x00"); same != (w.of(a).exact == w.of(b).exact) {
			t.Errorf("%q and %q, word by word: %v", a, b, !same)
		}
		if same := text(a) == text(b); same != (w.of(a).spaced == w.of(b).spaced) {
			t.Errorf("%q and %q, with blanks: %v", a, b, !same)
		}
		if w.command(strings.Join(a, " ")) != w.of(a).spaced {
			t.Errorf("%q is not its own command", a)
		}
	})
	other := newWords(keep.NewSeal())
	if w.of([]string{"sh"}) == other.of([]string{"sh"}) {
		t.Error("sums do not depend on their seed")
	}
}

// TestTargetsAreWhatFollowsExec holds the targets of a command line against the plain
// way to look for a container in it.
func TestTargetsAreWhatFollowsExec(t *testing.T) {
	k := build(t, nil).known
	var asked int
	rapid.Check(t, func(t *rapid.T) {
		args := append([]string{"docker"}, few(t, "args", 9)...)
		command := few(t, "command", 3)
		if rapid.Bool().Draw(t, "asks") { // by chance alone a run may have nobody who does
			args = append(append(args, "exec", "web"), command...)
		}
		words := strings.TrimRight(strings.Join(command, " "), " ")
		v := &evidence{command: k.words.command(words), box: box{id: "c0ffee", name: "web"}}
		want, exec := false, false
		for i, a := range args {
			named := a == v.box.name || len(a) >= 4 && strings.HasPrefix(v.box.id, a)
			want = want || exec && named && strings.TrimRight(strings.Join(args[i+1:], " "), " ") == words
			exec = exec || i > 0 && a == "exec"
		}
		if got := k.asks(&client{targets: k.words.targets(args)}, v); got != want {
			t.Errorf("%q asks for %q: %v", args, words, got)
		}
		if want {
			asked++
		}
	})
	if asked == 0 {
		t.Error("nobody asked for anything")
	}
}

// TestTargetsAreBounded: a command line of very many words is kept by the first of
// those that may be a name, and by all that follows each.
func TestTargetsAreBounded(t *testing.T) {
	k := build(t, nil).known
	args := []string{"docker", "exec", "-e", "A", "web"}
	for range 70_000 {
		args = append(args, "x")
	}
	c := &client{targets: k.words.targets(args)}
	if len(c.targets) != mostTargets {
		t.Errorf("%d words are kept", len(c.targets))
	}
	if v := (&evidence{command: k.words.command(strings.Join(args[5:], " ")), box: box{name: "web"}}); !k.asks(c, v) {
		t.Error("the container is not found among them")
	}
}

// TestASnapshotHoldsNoCommandLine: what somebody ran in a container, and what asked for
// it, may hold a secret; a snapshot is on disk.
func TestASnapshotHoldsNoCommandLine(t *testing.T) {
	tr := build(t, nil)
	for _, l := range []string{
		"0 exec_start exec=e1 cmd=mysql+-phunter2 box=c0ffee boxname=web",
		"0 kube audit=k1 user=ana pod=web-1 ns=shop box=c0ffee arg=mysql arg=-phunter2",
		"0 ran box=c0ffee pid=1 pname=runc arg=mysql arg=-phunter2",
		"0 ran ses=3 name=docker arg=docker arg=exec arg=-e arg=hunter2 arg=web arg=mysql arg=-phunter2",
		"0 ran pid=9 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#e.pid arg=hunter2",
	} {
		tr.Learn([]event.Event{tell(t, l)})
	}
	if k := tr.known; len(k.execs.list) != 2 || len(k.starts.list) != 1 || len(k.clients.list) != 1 || len(k.clients.list[0].targets) != 3 {
		t.Fatalf("%d execs, %d starts, %d clients are known", len(k.execs.list), len(k.starts.list), len(k.clients.list))
	}
	saved, err := tr.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "mysql"} {
		if bytes.Contains(saved, []byte(secret)) {
			t.Errorf("the snapshot holds %q", secret)
		}
	}
	if !bytes.Contains(saved, []byte("c0ffee")) {
		t.Error("nothing was kept")
	}
}
