package main

import (
	"strings"
	"testing"

	"tallyman/pipeline/engine"
)

// TestStatusSaysSent: what a protocol without acknowledgement took is sent, and nobody
// knows that it is delivered, so no column says that it is.
func TestStatusSaysSent(t *testing.T) {
	st := &processStatus{}
	st.Outputs = []engine.BookStatus{{Name: "siem", Up: true, Balanced: true, Lag: 7,
		Book: map[string]uint64{"received": 5, "unconfirmed": 3, "buffered": 2}, Generated: map[string]uint64{}}}
	text := statusText(st)
	var rows [][]string
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 && (words[0] == "OUTPUT" || words[0] == "siem") {
			rows = append(rows, words)
		}
	}
	if len(rows) != 2 {
		t.Fatalf("the table of outputs:\n%s", text)
	}
	if rows[0][3] != "SENT" || rows[1][3] != "3" || strings.Contains(text, "DELIVERED") {
		t.Errorf("what was sent:\n%s", text)
	}
	if head, row := rows[0], rows[1]; head[len(head)-1] != "FRAMES" || row[len(row)-1] != "7" {
		t.Errorf("the frames that wait:\n%s", text)
	}
}
