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
