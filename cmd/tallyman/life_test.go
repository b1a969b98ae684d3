package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// lives returns what a file of JSON lines says of starts and stops. What a kill came
// upon before the cursor was saved is there twice, with the same id.
func lives(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var list []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var e struct {
			Event struct{ ID, Dataset, Action, Reason string }
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.Event.Dataset == "tallyman.internal" && !seen[e.Event.ID] {
			seen[e.Event.ID] = true
			list = append(list, strings.TrimSpace(e.Event.Action+" "+e.Event.Reason))
		}
	}
	return list
}

// TestLives runs the program three times: it is killed, then stopped in order. Each
// start says how the run before ended.
func TestLives(t *testing.T) {
	dir := t.TempDir()
	config, out := filepath.Join(dir, "tallyman.yaml"), filepath.Join(dir, "all.json")
	if err := os.WriteFile(config, []byte(topConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	var want []string
	run := func(sig syscall.Signal, begin, end string) {
		t.Helper()
		cmd := tallyman(t, "run", "--lifecycle", "--config", config)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		over := false
		defer func() {
			if !over {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		}()
		want = append(want, begin)
		until(t, begin, func() bool { return slices.Equal(lives(t, out), want) })
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		over = true
		if err := cmd.Wait(); (err == nil) != (end != "") {
			t.Errorf("the end by %v: %v", sig, err)
		}
		if end != "" {
			want = append(want, end)
		}
		if got := lives(t, out); !slices.Equal(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
	}
	run(syscall.SIGKILL, "agent-started first-start", "")
	run(syscall.SIGTERM, "agent-started unclean-stop", "agent-stopped")
	run(syscall.SIGTERM, "agent-started clean-stop", "agent-stopped")
}
