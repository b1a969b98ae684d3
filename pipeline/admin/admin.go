// Package admin serves the numbers and the health of the process over HTTP:
// /metrics in the Prometheus format, /healthz and /readyz. It knows meters and
// nothing of what they count, and it has no page that could show a secret or a
// profile.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tallyman/pipeline/meter"
)

// Server is a running HTTP server. Close it.
type Server struct {
	http *http.Server
	addr net.Addr
	done chan struct{}
}

// Serve listens on a TCP address. Ready says why the process is not fit for
// work, nil when it is; /readyz answers 503 with that text. /healthz answers 200
// as long as the process answers at all.
func Serve(listen string, meters *meter.Registry, ready func() error, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collector{meters}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			answer(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		answer(w, http.StatusOK, "ok")
	})
	s := &Server{addr: l.Addr(), done: make(chan struct{}), http: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the server of metrics ended", "error", err)
		}
	}()
	return s, nil
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, text) //nolint:errcheck // the peer has gone; nobody is left to tell
}

// Addr returns where the server listens.
func (s *Server) Addr() net.Addr { return s.addr }

// Close stops the server; requests under way may finish within a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}

// collector reads the meters at each scrape.
type collector struct{ meters *meter.Registry }

// Describe describes nothing: which numbers there are is known at a scrape only.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect gives every number as it stands.
func (c collector) Collect(out chan<- prometheus.Metric) {
	c.meters.Each(func(s meter.Sample) {
		names := make([]string, len(s.Labels))
		values := make([]string, len(s.Labels))
		for i, l := range s.Labels {
			names[i], values[i] = l.Name, l.Value
		}
		kind := prometheus.GaugeValue
		if s.Kind == meter.KindCounter {
			kind = prometheus.CounterValue
		}
		m, err := prometheus.NewConstMetric(prometheus.NewDesc(s.Name, s.Help, names, nil), kind, s.Value, values...)
		if err != nil {
			m = prometheus.NewInvalidMetric(prometheus.NewDesc(s.Name, s.Help, names, nil), err)
		}
		out <- m
	})
}
