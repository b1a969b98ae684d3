package syslog

import (
	"sync"
	"time"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// counters are what the input counts.
type counters struct {
	open                                    *meter.Gauge
	accepted, framing, handshakes, timeouts *meter.Counter
	evicted, stranger, full, peerFull       *meter.Counter
	cut, cutBytes, partial                  *meter.Counter
	dropped                                 *meter.Counter
}

func newCounters(env plugin.Env) counters {
	input := meter.Label{Name: "input", Value: env.Name}
	counter := func(name, help string, more ...meter.Label) *meter.Counter {
		return env.Meter.Counter("tallyman_input_"+name, help, append([]meter.Label{input}, more...)...)
	}
	refused := func(reason string) *meter.Counter {
		return counter("refused_total", "Connections, and datagrams of strangers, that were refused.", meter.Label{Name: "reason", Value: reason})
	}
	closed := func(reason string) *meter.Counter {
		return counter("closed_total", "Connections that were closed on their peers.", meter.Label{Name: "reason", Value: reason})
	}
	return counters{
		open:       env.Meter.Gauge("tallyman_input_connections", "Connections that are open.", input),
		accepted:   counter("connections_total", "Connections that were accepted."),
		framing:    closed("framing"),
		handshakes: closed("handshake"),
		timeouts:   closed("timeout"),
		evicted:    closed("room"),
		stranger:   refused("not_allowed"),
		full:       refused("max_connections"),
		peerFull:   refused("max_connections_per_peer"),
		cut:        counter("cut_lines_total", "Lines that were longer than the limit and kept up to it."),
		cutBytes:   counter("cut_bytes_total", "Bytes of lines beyond the limit, which were dropped."),
		partial:    counter("partial_records_total", "Records that the end of a connection cut; their start is kept."),
		dropped:    counter("receive_drops_total", "Datagrams that the kernel dropped because its buffer was full."),
	}
}

// sayEvery is how often a trouble that goes on is logged.
const sayEvery = time.Minute

// sayer logs troubles that peers make: each kind at once, and then the number of
// times every so often, so that a peer cannot fill the log.
type sayer struct {
	env plugin.Env

	mu   sync.Mutex // guards what follows
	said map[string]said
}

type said struct {
	at    time.Time
	since int // times that were not logged
}

func newSayer(env plugin.Env) *sayer { return &sayer{env: env, said: map[string]said{}} }

// say logs a trouble of a kind.
func (s *sayer) say(kind, peer string, err error) {
	now := time.Now()
	s.mu.Lock()
	last, known := s.said[kind]
	if known && now.Sub(last.at) < sayEvery {
		last.since++
		s.said[kind] = last
		s.mu.Unlock()
		return
	}
	s.said[kind] = said{at: now}
	s.mu.Unlock()
	attrs := []any{"peer", peer}
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	if last.since > 0 {
		attrs = append(attrs, "times_not_said", last.since)
	}
	s.env.Log.Warn("syslog: "+kind, attrs...)
}
