package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// works is so many seconds in each of which the container does one thing; every
// nth is the start of a program.
func (h *imageHost) works(seconds, nth int) {
	h.t.Helper()
	for i := range seconds {
		if i%nth == 0 {
			h.does(59, "/usr/bin/api", "tm_exec", 1000)
		} else {
			h.does(49, "/usr/bin/api", "tm_bind", 1000, "type=SOCKADDR @saddr=02001F90000000000000000000000000")
		}
	}
}

// bands are the alerts of TM-BH-104 so far: the numbers that they tell, and the
// limits.
func (h *imageHost) bands() (told [][2]float64) {
	h.t.Helper()
	h.judged()
	b, err := os.ReadFile(filepath.Join(h.dir, "all.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		var e struct {
			Event    struct{ ID, Kind string }
			Rule     struct{ ID string }
			Tallyman struct {
				Band struct{ Value, High float64 }
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			h.t.Fatal(err)
		}
		if e.Rule.ID == "TM-BH-104" && !seen[e.Event.ID] {
			seen[e.Event.ID] = true
			told = append(told, [2]float64{e.Tallyman.Band.Value, e.Tallyman.Band.High})
		}
	}
	return told
}

// TestABandReviewedLive: a number is learned in silence, shown, given a limit in the running
// process, and told from then on, over a kill and on another host.
func TestABandReviewedLive(t *testing.T) {
	h := newImageHost(t)
	h.works(150, 2)
	cmd := h.started()
	if told := h.bands(); len(told) > 0 {
		t.Errorf("while it learns: %v", told)
	}
	if text := h.asked("list", "--kind", "exec-rate"); !strings.Contains(text, "at most ") || !strings.Contains(text, "learned from 2\n") {
		t.Errorf("list says %s", text)
	}
	if text := h.asked("approve", "--image", baselineImage, "--kind", "exec-rate", "..45"); !strings.Contains(text, "approved: 1 baseline, 1 value") {
		t.Errorf("approve says %s", text)
	}
	h.killed(cmd) // at once: what was approved is not lost
	cmd = h.started()
	h.works(120, 2)
	if told := h.bands(); len(told) > 0 {
		t.Errorf("what is usual, after a kill: %v", told)
	}
	h.works(120, 1)
	if told := h.bands(); !slices.Equal(told, [][2]float64{{46, 45}}) {
		t.Errorf("what is strange: %v", told)
	}
	h.killed(cmd)
	cmd = h.started()
	h.works(120, 1)
	if told := h.bands(); !slices.Equal(told, [][2]float64{{46, 45}}) {
		t.Errorf("the same again, after a second kill: %v, and it was told", told)
	}
	h.killed(cmd)
	file := filepath.Join(h.dir, "exported.yaml")
	write(t, file, h.asked("export", "--kind", "exec-rate"))

	other := newImageHost(t)
	other.works(10, 2)
	cmd = other.started()
	other.judged()
	other.asked("import", file)
	if text := other.asked("list", "--kind", "exec-rate"); !strings.Contains(text, "enforcing") || !strings.Contains(text, "at most 45, given by a person") {
		t.Errorf("what was imported: %s", text)
	}
	other.works(120, 1)
	if told := other.bands(); !slices.Equal(told, [][2]float64{{46, 45}}) {
		t.Errorf("another host: %v", told)
	}
	other.killed(cmd)
	other.asked("forget", "--kind", "exec-rate")
	if text := other.asked("list", "--kind", "exec-rate"); !strings.Contains(text, "0 baselines") {
		t.Errorf("what was forgotten: %s", text)
	}
}
