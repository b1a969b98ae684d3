package audit

import (
	"encoding/hex"
	"fmt"
	stdpath "path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/schema"
)

// kernelText writes a text as audit_log_n_untrustedstring does.
func kernelText(s string) string {
	for i := range len(s) {
		if c := s[i]; c == '"' || c < 0x21 || c > 0x7e {
			return strings.ToUpper(hex.EncodeToString([]byte(s)))
		}
	}
	return `"` + s + `"`
}

// kernelArgs writes EXECVE records as the kernel does: so many bytes of
// arguments a record, long arguments in pieces.
func kernelArgs(args []string, room int) []string {
	var out []string
	line := fmt.Sprintf("argc=%d", len(args))
	used := 0
	turn := func() {
		out = append(out, "type=EXECVE msg=audit(1795227901.123:7): "+line)
		line, used = "", 0
	}
	add := func(s string) {
		if line != "" {
			line += " "
		}
		line += s
	}
	for i, a := range args {
		if len(a) > room {
			// The kernel decides once for an argument whether it is written in
			// hexadecimal, and the length that it gives is that of what it writes.
			text, size := kernelText, len(a)
			if !strings.HasPrefix(kernelText(a), `"`) {
				text, size = func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }, 2*len(a)
			}
			for piece, rest := 0, a; rest != ""; piece++ {
				if piece == 0 {
					add(fmt.Sprintf("a%d_len=%d", i, size))
				} else {
					turn()
				}
				n := min(room, len(rest))
				add(fmt.Sprintf("a%d[%d]=%s", i, piece, text(rest[:n])))
				rest = rest[n:]
			}
			continue
		}
		if used+len(a) > room && used > 0 {
			turn()
		}
		add(fmt.Sprintf("a%d=%s", i, kernelText(a)))
		used += len(a)
	}
	turn()
	return out
}

// TestArgumentsComeBack writes any arguments as the kernel does and reads them.
func TestArgumentsComeBack(t *testing.T) {
	tr := build(t, nil)
	text := rapid.Custom(func(rt *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(rt, "bytes")) })
	word := rapid.OneOf(rapid.SampledFrom([]string{"", "(null)", "a b", "CAFE", "a0=b", `"`, "'", "\x00", "x\x1dUID=\"root\""}), text)
	rapid.Check(t, func(rt *rapid.T) {
		args := rapid.SliceOfN(word, 1, 20).Draw(rt, "args")
		room := rapid.IntRange(1, 40).Draw(rt, "room")
		lines := append([]string{sysA}, kernelArgs(args, room)...)
		e := oneEvent(t, tr, append(lines, endA)...)
		var got []string
		for v := range e.Fields.All(schema.ProcessArgs) {
			got = append(got, v.Str())
		}
		if !slices.Equal(got, args) {
			rt.Fatalf("got %q, want %q of\n%s", got, args, strings.Join(lines, "\n"))
		}
		if msg := e.Fields.Get(schema.ErrorMessage); !msg.IsZero() {
			rt.Fatalf("flagged: %s", msg.Str())
		}
		if n, _ := e.Fields.Get(schema.ProcessArgsCount).Int64(); n != int64(len(args)) {
			rt.Fatalf("%d arguments are counted", n)
		}
	})
}

// TestALostPieceIsFlagged takes any record away.
func TestALostPieceIsFlagged(t *testing.T) {
	tr := build(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		args := rapid.SliceOfN(rapid.StringMatching(`[a-z ]{1,50}`), 2, 12).Draw(rt, "args")
		lines := kernelArgs(args, rapid.IntRange(1, 20).Draw(rt, "room"))
		at := rapid.IntRange(0, len(lines)-1).Draw(rt, "lost")
		lines = slices.Delete(slices.Clone(lines), at, at+1)
		e := oneEvent(t, tr, append(append([]string{sysA}, lines...), endA)...)
		if e.Fields.Get(schema.ErrorMessage).IsZero() || e.Raw == "" {
			rt.Fatalf("not flagged:\n%s", strings.Join(lines, "\n"))
		}
	})
}

// TestPathsAreCleanedAsEverywhere compares with the path package.
func TestPathsAreCleanedAsEverywhere(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "..", ".", "", "b.c", "...", ".x"})
	rapid.Check(t, func(rt *rapid.T) {
		base := "/" + strings.Join(rapid.SliceOfN(part, 0, 4).Draw(rt, "base"), "/")
		name := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(rt, "name"), "/")
		if got, want := string(clean(nil, base, name)), stdpath.Clean(base+"/"+name); got != want {
			rt.Fatalf("%q and %q give %q, want %q", base, name, got, want)
		}
		whole := "/" + name
		if got, want := tidy(whole), stdpath.Clean(whole) == whole; got != want {
			rt.Fatalf("tidy(%q) is %v", whole, got)
		}
	})
}

// nasty are texts that a careless reader takes for something else.
var nasty = []string{`x" uid=0 auid=0 comm="y`, `a uid=0`, "x\x1dUID=\"root\" AUID=\"root\"", `' res=success'`, `msg='op=x res=success'`, "(null)", "?",
	"type=SYSCALL msg=audit(1.001:1): uid=0", "a\nb", "a\x00b", `\`, "CAFE", "4294967295", " ", "=", `"`, "UID=0", "x1UID=\"root\"", "ARCH=x86_64"}

// TestTextForgesNoField puts any text where a user can put it. No field but the
// one that holds the text may change.
func TestTextForgesNoField(t *testing.T) {
	tr := build(t, nil)
	text := rapid.OneOf(rapid.SampledFrom(nasty), rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 40), func(b []byte) string { return string(b) }))
	lines := func(comm, exe, cwd, name string) []string {
		const at = " msg=audit(1795227901.123:7): "
		return []string{
			"type=SYSCALL" + at + "arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7f a2=0 a3=0 items=1 ppid=41 pid=42 auid=1001 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts0 ses=3 comm=" + kernelText(comm) + " exe=" + kernelText(exe) + ` key="tm_x"`,
			"type=CWD" + at + "cwd=" + kernelText(cwd),
			"type=PATH" + at + "item=0 name=" + kernelText(name) + " inode=7 dev=fe:01 mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL",
			"type=PROCTITLE" + at + "proctitle=" + kernelText(comm),
		}
	}
	plain := oneEvent(t, tr, lines("c", "/e", "/d", "/n")...)
	want := ours(&plain)
	holders := []string{"process.name", "process.executable", "process.working_directory", "process.title", "process.args", "auditd.paths.0.name",
		"message", "file.path", "file.name", "file.directory", "file.extension"}
	rapid.Check(t, func(rt *rapid.T) {
		comm, exe, cwd, name := text.Draw(rt, "comm"), text.Draw(rt, "exe"), text.Draw(rt, "cwd"), text.Draw(rt, "name")
		e := oneEvent(t, tr, lines(comm, exe, cwd, name)...)
		got := ours(&e)
		for field, v := range map[string]string{"process.name": comm, "process.executable": exe, "process.working_directory": cwd, "auditd.paths.0.name": name} {
			if field == "process.executable" && none(v) {
				continue // no program has a name without a slash; libaudit writes "?" for one that it does not know
			}
			if !slices.Equal(got[field], []string{v}) {
				rt.Fatalf("%s is %q, want %q", field, got[field], v)
			}
		}
		for _, h := range holders {
			delete(got, h)
		}
		for field, v := range got {
			if !slices.Equal(v, want[field]) {
				rt.Fatalf("%s became %q", field, v)
			}
		}
		for field := range want {
			if got[field] == nil && !slices.Contains(holders, field) {
				rt.Fatalf("%s is hidden", field)
			}
		}
	})
}

// TestEnrichedAndRawAgree cuts what auditd added from a capture: but for names,
// nothing may change.
func TestEnrichedAndRawAgree(t *testing.T) {
	lines := captureLines(t, "small-enriched", []string{"audit.log.gz"})
	raw := make([]string, len(lines))
	for i, l := range lines {
		raw[i], _, _ = strings.Cut(l, "\x1d")
	}
	tr := build(t, nil)
	a, b := run(t, tr, records(lines), 500), run(t, tr, records(raw), 500)
	if len(a) != len(b) {
		t.Fatalf("%d events and %d", len(a), len(b))
	}
	named := 0
	for i := range a {
		x, y := ours(&a[i]), ours(&b[i])
		for _, n := range []string{"user.name", "user.audit.name", "user.effective.name", "user.group.name", "file.owner", "file.group", "related.user", "message"} {
			if x[n] != nil && y[n] == nil {
				named++
			}
			delete(x, n)
			delete(y, n)
		}
		if fmt.Sprint(x) != fmt.Sprint(y) {
			t.Fatalf("event %d is\n%v\nand\n%v", i, x, y)
		}
	}
	if named == 0 {
		t.Error("the enriched part named nobody")
	}
}
