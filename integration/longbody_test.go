//go:build integration

package integration

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// TestLongBodyOverAKill kills the program amid a long body and posts the body again
// under its name: every record comes, and one that comes twice has one event id.
func TestLongBodyOverAKill(t *testing.T) {
	const n = 40_000
	dir, port := t.TempDir(), freePort(t)
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal}
admin: {listen: off}
inputs:
  in: {type: http, listen: "127.0.0.1:%d", decode: json}
outputs:
  file: {type: file, path: out.json, format: json}
`, port))
	out, url := filepath.Join(dir, "out.json"), fmt.Sprintf("http://127.0.0.1:%d/", port)
	post := func(body io.Reader) (int, string) {
		r, err := http.NewRequest(http.MethodPost, url, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Idempotency-Key", "upload 17")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text)
	}
	cmd := launch(t, conf)
	eventually(t, "that it listens", 30*time.Second, func() bool {
		status, _ := post(http.NoBody)
		return status == http.StatusOK
	})
	read, in := io.Pipe()
	whole := flatBody(t, n, "", func(line string) string { return line })
	go func() { // half of it, and then nothing
		_, err := io.CopyN(in, whole, n/2*256)
		if err != nil {
			_ = in.CloseWithError(err)
		}
	}()
	failed := make(chan int, 1)
	go func() {
		status, _ := post(read)
		failed <- status
	}()
	eventually(t, "that a part has come", 60*time.Second, func() bool { return size(out) > 1<<20 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	_ = read.Close()
	if status := <-failed; status == http.StatusOK {
		t.Error("a body that did not end was answered with 200")
	}
	launch(t, conf)
	eventually(t, "that it listens again", 30*time.Second, func() bool {
		status, _ := post(http.NoBody)
		return status == http.StatusOK
	})
	if status, text := post(flatBody(t, n, "", func(line string) string { return line })); status != http.StatusOK {
		t.Fatalf("sent again: %d %s", status, text)
	}
	ids, came := map[string]string{}, 0
	eventually(t, "every record", 60*time.Second, func() bool {
		if came = len(eventsIn(t, out)); came < n {
			return false
		}
		for _, e := range eventsIn(t, out) {
			record, id := fmt.Sprint(e["json"], e["message"], e["labels"]), fmt.Sprint(e["event"].(map[string]any)["id"])
			if before, ok := ids[record]; ok && before != id {
				t.Fatalf("%s has the ids %s and %s", record, before, id)
			}
			ids[record] = id
		}
		return len(ids) == n
	})
	t.Logf("%d records came %d times", n, came)
	if came == n {
		t.Error("none came twice: nothing was shown")
	}
}
