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
			for piece, rest := 0, a; rest != ""; piece++ {
				if piece == 0 {
					add(fmt.Sprintf("a%d_len=%d", i, len(a)))
				} else {
					turn()
				}
				n := min(room, len(rest))
				add(fmt.Sprintf("a%d[%d]=%s", i, piece, kernelText(rest[:n])))
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
