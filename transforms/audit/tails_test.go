package audit

import (
	"hash/maphash"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// What is known of a record's end has the names of the databases as they are now, and
// those of another host nowhere.
func TestNamesOfAKnownTailFollowTheDatabase(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(passwd, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("root:x:0:0::/:\nana:x:20002:0::/:\n")
	now := start
	tr := build(t, func(s *Settings) { s.Passwd = passwd })
	tr.env.Now = func() time.Time { return now }
	st := tr.Lane("x").(*stage)
	serial := 0
	b := plainBodies()
	check := func(node, user, owner string) {
		t.Helper()
		for range 5 {
			serial++
			lines := b.lines(serial)
			for i := range lines {
				lines[i] = node + lines[i]
			}
			for _, e := range apply(t, st, records(lines)) {
				if got := e.Fields.Get(schema.UserName).Str(); got != user {
					t.Errorf("user.name is %q, want %q", got, user)
				}
				if got := e.Fields.Get(schema.FileOwner).Str(); got != owner {
					t.Errorf("file.owner is %q, want %q", got, owner)
				}
			}
		}
	}
	check("", "ana", "root")
	check("node=web-1 ", "", "")
	check("", "ana", "root")
	write("chief:x:0:0::/:\nbo:x:20002:0::/:\n")
	now = now.Add(lookAgain)
	check("", "bo", "chief")
	if err := os.Remove(passwd); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookAgain)
	check("", "", "")
}

// A tail that comes again and again is known, and is not given up for those that come once,
// or twice, in its place.
func TestTailsAreKnownAndStay(t *testing.T) {
	st := build(t, nil).Lane("x").(*stage)
	b := plainBodies()
	serial := 0
	send := func(b bodies) {
		serial++
		apply(t, st, records(b.lines(serial)))
	}
	for range 3 {
		send(b)
	}
	call, _ := st.f.calls.find(callBody[len(callBody)-len(`auid=4294967295 uid=20002 gid=20002 euid=20002 suid=20002 fsuid=20002 egid=20002 sgid=20002 fsgid=20002 tty=(none) ses=4294967295 comm="grep" exe="/usr/bin/grep" subj=unconfined key="perf"`):], 0)
	end, _ := st.f.ends.find(pathBody[len(pathBody)-len(`dev=fe:00 mode=0100644 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0`):], 1)
	if call == nil || call.exe != "/usr/bin/grep" || call.identity == nil {
		t.Errorf("of the call is known: %+v", call)
	}
	if end == nil || end.rights.mode != "0100644" || end.item != 1 {
		t.Errorf("of the second path is known: %+v", end)
	}
	k := tails[int]{seed: maphash.MakeSeed()}
	one, two, three := 1, 2, 3
	_, h := k.find("a", 0)
	other, third := h+tailSets, h+2*tailSets // they share their place
	for i, x := range []struct {
		h    uint64
		says *int
	}{{h, &one}, {other, &two}} {
		if k.wanted(x.h, 1) {
			t.Error("the first time it is wanted at once")
		}
		if k.wanted(x.h, tailBytes+1) {
			t.Error("one that is too long is wanted")
		}
		if !k.wanted(x.h, 1) {
			t.Error("the second time it is not wanted")
		}
		k.keep(x.h, "a", x.says)
		if got, _ := k.find("a", i*tailSets); got != x.says {
			t.Errorf("the %d. is not known", i+1)
		}
	}
	for i := range 20 {
		for j, want := range []*int{&one, &two} {
			if got, _ := k.find("a", j*tailSets); got != want {
				t.Fatalf("the %d. is given up after %d others", j+1, i)
			}
		}
		if k.wanted(third, 1) {
			t.Fatal("another takes the place of one that is asked for")
		}
	}
	if !k.wanted(third, 1) {
		t.Error("those that are not asked for any more stay")
	}
	k.keep(third, "a", &three)
	if got, _ := k.find("a", 2*tailSets); got != &three {
		t.Error("the third is not known")
	}
}

// An event of which all is known allocates nothing.
func TestAKnownEventAllocatesNothing(t *testing.T) {
	st := build(t, nil).Lane("x").(*stage)
	b := plainBodies()
	b.args, b.call = "argc=0", strings.Replace(b.call, "syscall=257", "syscall=2", 1) // a decoded argument takes room of the arena
	var src, dst event.Batch
	send := func() {
		dst.Reset()
		if err := st.Apply(t.Context(), &src, &dst); err != nil {
			t.Fatal(err)
		}
	}
	src.Events = records(b.lines(1))
	for range 5 {
		send()
	}
	if n := testing.AllocsPerRun(200, send); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// An event that stays open holds on to nothing of the one whose memory it has, and neither
// does what is free.
func TestNothingOfAnEventStaysBehind(t *testing.T) {
	st := build(t, nil).Lane("x").(*stage)
	b := plainBodies()
	apply(t, st, records(append(b.lines(1), b.lines(2)[:1]...))) // the second has the memory of the first
	check := func(p *pending) {
		t.Helper()
		for i, q := range p.parts[len(p.parts):cap(p.parts)] {
			if q.e != nil || q.rec != (Record{}) {
				t.Errorf("part %d is still there: %+v", len(p.parts)+i, q.rec)
			}
		}
	}
	if st.win.n != 1 {
		t.Fatalf("%d events are open", st.win.n)
	}
	check(st.win.first)
	apply(t, st, records(b.lines(2)[1:]))
	if st.win.n != 0 || st.win.free == nil {
		t.Fatalf("%d events are open", st.win.n)
	}
	for p := st.win.free; p != nil; p = p.next {
		check(p)
	}
	for _, p := range st.f.paths[:cap(st.f.paths)] {
		if p.name != "" {
			t.Errorf("a path is still there: %s", p.name)
		}
	}
}
