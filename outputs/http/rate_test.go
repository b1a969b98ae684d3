package http

import (
	"testing"
	"testing/synctest"
	"time"

	"tallyman/pipeline/plugintest"
)

// TestTheRateIsOfAllDeliveries: two deliveries under way at a time are two outputs
// (plugin.Batch), and the limit is for both together.
func TestTheRateIsOfAllDeliveries(t *testing.T) {
	s := settingsFor(t, ndjson, "http://127.0.0.1:1")
	s.Web.RateEvents, s.Concurrency = 100, 2
	synctest.Test(t, func(t *testing.T) {
		out, err := New(s, plugintest.Env(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = out.Close() }()
		start := time.Now()
		if err := out.(*output).client.Wait(t.Context(), 10, 150); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("150 events at 50 a second, 50 of them at once, took %v", took)
		}
	})
}
