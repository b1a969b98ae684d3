package http

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/weblisten"
)

// list is an EventList of n audit events, as the webhook posts them.
func list(n int) string {
	var b strings.Builder
	b.WriteString(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"level":"Metadata","auditID":"7f3c0000-0000-4000-8000-%012d","stage":"ResponseComplete","requestURI":"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x","verb":"update","user":{"username":"system:kube-scheduler","groups":["system:authenticated"]},"sourceIPs":["10.20.0.7"],"userAgent":"kube-scheduler/v1.34.1","objectRef":{"resource":"leases","namespace":"kube-system","name":"x","apiGroup":"coordination.k8s.io","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-25T10:00:00.123456Z","stageTimestamp":"2026-11-25T10:00:00.129001Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}`, i)
	}
	b.WriteString("]}")
	return b.String()
}

// BenchmarkSplit takes one body of 400 events apart.
func BenchmarkSplit(b *testing.B) {
	body := list(400)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if records, err := weblisten.Split(body, "auto"); len(records) != 400 || err != nil {
			b.Fatalf("%d records, %v", len(records), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/400, "ns/record")
}

// BenchmarkPost is the whole input over the loopback, with its client in the same
// process and a journal that takes everything.
func BenchmarkPost(b *testing.B) {
	for _, n := range []int{1, 400} {
		b.Run(fmt.Sprintf("%d records", n), func(b *testing.B) {
			r := start(b, nil)
			body := []byte(list(n))
			stop := make(chan struct{})
			done := make(chan struct{})
			go func() {
				defer close(done)
				var batch event.Batch
				for {
					select {
					case <-stop:
						return
					default:
					}
					batch.Reset()
					if err := r.Read(context.Background(), &batch, 10*time.Millisecond); err != nil {
						b.Errorf("read: %v", err)
						return
					}
					if batch.Accepted != nil {
						batch.Accepted(nil)
					}
				}
			}()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if status, text, err := postTo(r.client, r.url, body, nil); status != http.StatusOK || err != nil {
					b.Fatalf("%d %s, %v", status, text, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
			close(stop)
			<-done
		})
	}
}
