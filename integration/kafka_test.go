//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// kafkaLines writes the lines from first on, dealt out to the files in turn.
type kafkaLines struct {
	t     *testing.T
	files []*os.File
	next  int
}

func (w *kafkaLines) write(n int) {
	w.t.Helper()
	text := make([][]byte, len(w.files))
	for range n {
		i := w.next % len(w.files)
		text[i] = fmt.Appendf(text[i], "line-%06d\n", w.next)
		w.next++
	}
	for i, f := range w.files {
		if _, err := f.Write(text[i]); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestKafkaBrokerKilled delivers 100,000 events of ten keys to a real broker that
// is killed and started again twice meanwhile: none is missing, those of one key
// are in one partition and come first in their order, and what is there twice was
// under way at a kill.
func TestKafkaBrokerKilled(t *testing.T) {
	const events, partitions, keys, batch, kills = 100_000, 3, 10, 2_000, 2
	k := newKafka(t)
	k.create("lines", partitions)
	dir := t.TempDir()
	w := &kafkaLines{t: t}
	for i := range keys {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("in-%d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		w.files = append(w.files, f)
	}
	w.write(events / 4)
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 256MiB}
admin: {listen: off}
inputs:
  lines: {type: file, path: ["in-*.log"], decode: plain}
outputs:
  kafka: {type: kafka, brokers: ["%s"], topic: lines, timeout: 3s, key: "{{ log.file.path }}", batch: {events: %d, bytes: 1MiB, wait: 10ms}}
`, k.addr, batch))
	cmd := launch(t, conf)
	there := func() int64 { return k.written("lines", partitions) }
	for range kills {
		before := there()
		eventually(t, "events flow", 60*time.Second, func() bool { return there() >= min(before+500, events) })
		k.kill()
		w.write(events / 4)
		k.start()
	}
	w.write(events - w.next)
	eventually(t, "everything is there", 120*time.Second, func() bool { return there() >= events })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ends with %v", err)
	}
	kafkaCompare(t, k, partitions, keys, events, kills*batch)
}

// kafkaCompare compares what the topic "lines" holds to what was written.
func kafkaCompare(t *testing.T, k *apacheKafka, partitions, keys, events, mayBeTwice int) {
	t.Helper()
	ids, last, home := map[string]string{}, map[string]string{}, map[string]int{}
	twice, used := 0, 0
	for p, list := range k.stored("lines", partitions) {
		used += min(len(list), 1)
		for i := range list {
			var e struct {
				Message string
				Event   struct{ ID string }
			}
			if err := json.Unmarshal(list[i].Value, &e); err != nil || e.Message == "" || e.Event.ID == "" {
				t.Fatalf("a message is %s: %v", list[i].Value, err)
			}
			key := string(list[i].Key)
			if at, ok := home[key]; ok && at != p {
				t.Fatalf("key %s is in the partitions %d and %d", key, at, p)
			}
			home[key] = p
			if id, seen := ids[e.Message]; seen {
				if twice++; id != e.Event.ID {
					t.Errorf("%s is there with the ids %s and %s", e.Message, id, e.Event.ID)
				}
				continue
			}
			if ids[e.Message] = e.Event.ID; e.Message <= last[key] {
				t.Fatalf("of key %s, %s comes after %s", key, e.Message, last[key])
			}
			last[key] = e.Message
		}
	}
	t.Logf("%d events of %d keys in %d partitions, %d of them twice", len(ids), len(home), used, twice)
	for i := range events {
		if ids[fmt.Sprintf("line-%06d", i)] == "" {
			t.Fatalf("line-%06d is missing, and perhaps others: %d of %d are there", i, len(ids), events)
		}
	}
	if len(ids) != events || len(home) != keys || used < 2 || twice > mayBeTwice {
		t.Errorf("%d events, %d keys, %d partitions, %d twice; want %d, %d, 2 at least, %d at most", len(ids), len(home), used, twice, events, keys, mayBeTwice)
	}
}
