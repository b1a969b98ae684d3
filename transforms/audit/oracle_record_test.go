package audit

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/schema"
)

// TestTheLibrarysRecordsAreNotLost reads what the library's parser makes of
// single records: every value of it stands somewhere on the event of ours.
func TestTheLibrarysRecordsAreNotLost(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared, "audit", "go-libaudit", "auparse__*.log"))
	if len(files) == 0 {
		t.Skip("SKIPPED, NO expected output was read: ../shared is not beside this clone")
	}
	found, other := 0, map[string]int{}
	for _, name := range files {
		got := map[string]string{}
		for _, e := range run(t, build(t, nil), records(readLines(t, name)), 100) {
			seq := string(e.Fields.Get(schema.EventSequence).Append(nil))
			for _, f := range e.Fields {
				got[seq] += "\x00" + string(f.Value().Append(nil)) + "\x00"
			}
		}
		for _, m := range readJSON(t, name+".golden") {
			data, _ := m["data"].(map[string]any)
			for k, v := range data {
				val := fmt.Sprint(v)
				if strings.Contains(got[fmt.Sprint(m["sequence"])], "\x00"+val+"\x00") {
					found++
					continue
				}
				why := recordDiffers(k, val, got[fmt.Sprint(m["sequence"])], fmt.Sprint(m["raw_msg"]))
				if why == "" {
					t.Errorf("%s %v: %s=%q is lost", filepath.Base(name), m["sequence"], k, val)
				}
				other[why]++
			}
		}
	}
	for why, n := range other {
		t.Logf("%4d × %s", n, why)
	}
	if t.Logf("%d values are there", found); found < 500 {
		t.Errorf("only %d values were compared", found)
	}
}

// recordDiffers says why a value of the library's parser is not on our event.
func recordDiffers(key, val, ours, raw string) string {
	has := func(s string) bool { return strings.Contains(ours, "\x00"+s+"\x00") }
	switch {
	case slices.Contains([]string{"unset", "(null)", "(none)", "?", "unknown", "4294967295", "-1", "(unknown)"}, val), key == "items", key == "item",
		strings.HasPrefix(key, "cap_f") && strings.Trim(val, "0") == "", key == "rdev" && val == "00:00":
		return "what says that there is nothing is absent"
	case strings.HasPrefix(key, "subj_"), strings.HasPrefix(key, "obj_"), strings.Contains(key, "context_"):
		return "a label of SELinux stays whole"
	case key == "exit" && strings.HasPrefix(val, "E"):
		return "exit stays the number"
	case key == "saddr" && strings.HasPrefix(val, "1000") && strings.Trim(val[4:], "0") == "" && has("netlink"):
		return "a netlink address without a port id and groups is network.type"
	case key == "result":
		return "an event has one result: that of the record that says what it is"
	case key == "terminal" && has(strings.TrimPrefix(val, "/dev/")), key == "tty" && has(strings.TrimPrefix(val, "/dev/")):
		return "a terminal has one name, without /dev/"
	case key == "sig" && strings.HasPrefix(val, "SIG"):
		return "sig stays the number"
	case strings.Contains(raw, key+`="`+val+`"`) || strings.Contains(ours, val):
		return "a part of a longer value"
	case strings.HasSuffix(val, ",") || strings.HasSuffix(val, ")"):
		return "the marks of old records are cut"
	}
	return ""
}
