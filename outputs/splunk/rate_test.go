package splunk

import (
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/plugintest"
)

// TestTheRateIsOfAllDeliveries: two deliveries under way at a time are two outputs
// (plugin.Batch), and the limit is for both together. With ack there is one.
func TestTheRateIsOfAllDeliveries(t *testing.T) {
	for ack, want := range map[bool]time.Duration{false: 2 * time.Second, true: 500 * time.Millisecond} {
		s := settingsFor(t, "http://127.0.0.1:1")
		s.Web.RateEvents, s.Concurrency, s.Ack = 100, 2, ack
		synctest.Test(t, func(t *testing.T) {
			out, err := New(s, plugintest.Env(t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = out.Close() }()
			one, ok := out.(*output)
			if c, is := out.(*collector); is {
				one, ok = c.output, true
			}
			if !ok {
				t.Fatalf("a %T", out)
			}
			start := time.Now()
			if err := one.client.Wait(t.Context(), 10, 150); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("ack %v: 150 events took %v, not %v", ack, took, want)
			}
		})
	}
}
