package audit

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGoldenEvents compares what becomes of every testdata/events/*.log with the
// .golden beside it. After a change: go test -run Golden -update, and read the
// difference.
func TestGoldenEvents(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "events", "*.log"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d golden inputs: %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".log"), func(t *testing.T) {
			in := records(readLines(t, name))
			got := run(t, build(t, nil), in, 100)
			if total(got) != len(in) {
				t.Errorf("%d of %d records came out", total(got), len(in))
			}
			golden := strings.TrimSuffix(name, ".log") + ".golden"
			text := goldenText(got)
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text != string(want) {
				t.Errorf("got\n%s\nwant\n%s", text, want)
			}
			for i := range got {
				checkEvent(t, name, &got[i])
			}
		})
	}
}

func goldenText(events []event.Event) string {
	var b strings.Builder
	for i := range events {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(show(&events[i]))
	}
	return b.String()
}
