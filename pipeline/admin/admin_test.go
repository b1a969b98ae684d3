package admin

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tallyman/pipeline/meter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestServe(t *testing.T) {
	var reg meter.Registry
	reg.Counter("tallyman_input_records_total", "Source records read.", meter.Label{Name: "input", Value: "a\"b"}).Add(3)
	reg.Multi(func(emit func(meter.Sample)) {
		emit(meter.Sample{Name: "tallyman_ledger_records", Help: "Book.", Kind: meter.KindGauge, Value: 7})
	})
	var sick error
	s, err := Serve("127.0.0.1:0", &reg, func() error { return sick }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	code, body := get(t, s, "/metrics")
	for _, want := range []string{
		"# HELP tallyman_input_records_total Source records read.\n# TYPE tallyman_input_records_total counter\n",
		`tallyman_input_records_total{input="a\"b"} 3` + "\n", "tallyman_ledger_records 7\n", "go_goroutines",
	} {
		if !strings.Contains(body, want) || code != 200 {
			t.Errorf("/metrics answers %d without %q", code, want)
		}
	}
	if code, body := get(t, s, "/readyz"); code != 200 || body != "ok\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
	sick = errors.New("output siem: connection refused")
	if code, body := get(t, s, "/readyz"); code != 503 || !strings.Contains(body, "siem") {
		t.Errorf("/readyz of a sick process: %d %q", code, body)
	}
	if code, _ := get(t, s, "/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
	if code, _ := get(t, s, "/debug/pprof/"); code != 404 {
		t.Errorf("there is a page of profiles: %d", code)
	}
	if _, err := Serve(s.Addr().String(), &reg, nil, nil); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a second server on the port: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
