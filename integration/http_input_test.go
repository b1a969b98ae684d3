//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const httpConf = `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
grace: 4s
inputs:
  apiserver: {type: http, listen: "127.0.0.1:%d", path: /audit, decode: kubernetes_audit, token: {file: token}}
outputs:
  file: {type: file, path: out.json, format: json}
`

// TestHTTPInputKilled posts EventLists as the webhook of an API server does, sends
// again what was not acknowledged, and kills the program again and again: what was
// acknowledged once is delivered, and what was sent twice has one id.
func TestHTTPInputKilled(t *testing.T) {
	const clients, lists, each, kills = 4, 60, 5, 4
	dir := t.TempDir()
	port := freePort(t)
	write(t, filepath.Join(dir, "token"), "s3cret\n")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(httpConf, port))
	url := fmt.Sprintf("http://127.0.0.1:%d/audit?timeout=30s", port)
	var acknowledged, failed atomic.Int64
	done := make(chan struct{})
	cmd := launch(t, conf)
	go func() {
		defer close(done)
		finished := make(chan struct{})
		for c := range clients {
			go func() {
				defer func() { finished <- struct{}{} }()
				for l := range lists {
					for !postList(url, c, l, each) {
						failed.Add(1)
						time.Sleep(20 * time.Millisecond)
					}
					acknowledged.Add(1)
				}
			}()
		}
		for range clients {
			<-finished
		}
	}()
	for k := 1; k <= kills; k++ {
		at := int64(k * clients * lists / (kills + 1))
		eventually(t, "acknowledged lists", 60*time.Second, func() bool { return acknowledged.Load() >= at })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = launch(t, conf)
	}
	<-done
	out := filepath.Join(dir, "out.json")
	ids := map[string]string{} // by auditID
	eventually(t, "every acknowledged event", 60*time.Second, func() bool {
		clear(ids)
		if _, err := os.Stat(out); err != nil {
			return false
		}
		for _, e := range eventsIn(t, out) {
			audit, _ := get(e, "kubernetes", "audit", "auditID").(string)
			id, _ := get(e, "event", "id").(string)
			if before := ids[audit]; audit != "" && before != "" && before != id {
				t.Fatalf("%s came with the ids %s and %s", audit, before, id)
			}
			if audit != "" {
				ids[audit] = id
			}
		}
		return len(ids) == clients*lists*each
	})
	t.Logf("%d lists were acknowledged, %d attempts were not, over %d kills; %d events arrived", acknowledged.Load(), failed.Load(), kills, len(ids))
}

// postList posts one list and reports whether it was acknowledged.
func postList(url string, client, list, each int) bool {
	var items []string
	for i := range each {
		items = append(items, fmt.Sprintf(`{"level":"Metadata","auditID":"%d-%d-%d","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"ana"},"sourceIPs":["10.0.0.1"],"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-25T10:00:00.000001Z","stageTimestamp":"2026-11-25T10:00:00.000002Z"}`, client, list, i))
	}
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`+strings.Join(items, ",")+`]}`))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer s3cret")
	answer, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
