package audit

import (
	"slices"
	"strings"
	"testing"
)

// TestPermissionsOfAVC: what was asked for stands in braces, or is null; where the line
// ends before they do, the event is flagged.
func TestPermissionsOfAVC(t *testing.T) {
	const end = ` for  pid=7 comm="x" name="y" dev="sda1" ino=5 scontext=u:r:t:s0 tcontext=u:o:s:s0 tclass=file permissive=0`
	for text, want := range map[string]struct {
		perms, text string
		cut         bool
	}{
		"avc:  denied  { read write }" + end: {"read write", "", false},
		"avc:  denied  { read }" + end:       {"read", "", false},
		"avc:  denied  { }" + end:            {"", "", false},
		"avc:  denied  null" + end:           {"", "null for", false},
		"avc:  denied  { read wri":           {"read wri", "", true},
		"avc:  denied  {":                    {"", "", true},
	} {
		e := oneEvent(t, build(t, nil), "type=AVC msg=audit(1.002:3): "+text)
		v := ours(&e)
		if first(v["auditd.data.seperms"]) != want.perms || first(v["auditd.data.text"]) != want.text || slices.Contains(v["tags"], TagAmbiguous) != want.cut {
			t.Errorf("%q: %s", text, show(&e))
		}
		if !want.cut && (first(v["process.pid"]) != "7" || first(v["file.name"]) != "y") {
			t.Errorf("%q: what follows is not read: %s", text, strings.Join(v["process.pid"], "|"))
		}
	}
}

// TestWhatSELinuxQuotes: the module that a process asked for, the key that it searched
// for and why the kernel is locked down stand in quotes; the first two are hex where
// somebody chose a name with a blank.
func TestWhatSELinuxQuotes(t *testing.T) {
	const head, end = `type=AVC msg=audit(1.002:3): avc:  denied  { x } for  pid=9 comm="c" `, ` scontext=u:r:t:s0 tcontext=u:r:k:s0 tclass=system permissive=0`
	for text, want := range map[string][2]string{
		`kmod="netdev-x"`:                           {"kmod", "netdev-x"},
		`kmod=6E657420706964`:                       {"kmod", "net pid"},
		`key_serial=5 key_desc="a:b"`:               {"key_desc", "a:b"},
		`key_serial=5 key_desc=7569643D30`:          {"key_desc", "uid=0"},
		`lockdown_reason="unsigned module loading"`: {"lockdown_reason", "unsigned module loading"},
	} {
		e := oneEvent(t, build(t, nil), head+text+end)
		v := ours(&e)
		if got := v["auditd.data."+want[0]]; len(got) != 1 || got[0] != want[1] || len(v["tags"]) > 0 || first(v["auditd.data.tclass"]) != "system" {
			t.Errorf("of %s %s is %q; tags %q", text, want[0], got, v["tags"])
		}
	}
}
