package weblisten

import (
	"net"
	"strconv"
	"sync"
	"time"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// statuses are what requests are answered with.
var statuses = [...]int{200, 400, 401, 403, 404, 405, 408, 413, 415, 503}

// counters are what the input counts.
type counters struct {
	open           *meter.Gauge
	accepted       *meter.Counter
	full, peerFull *meter.Counter
	records        *meter.Counter
	answers        [len(statuses)]*meter.Counter
	other          *meter.Counter // answers of any other status
}

func newCounters(env plugin.Env) counters {
	input := meter.Label{Name: "input", Value: env.Name}
	counter := func(name, help string, more ...meter.Label) *meter.Counter {
		return env.Meter.Counter("tallyman_input_"+name, help, append([]meter.Label{input}, more...)...)
	}
	refused := func(reason string) *meter.Counter {
		return counter("refused_total", "Connections, and datagrams of strangers, that were refused.", meter.Label{Name: "reason", Value: reason})
	}
	c := counters{
		open:     env.Meter.Gauge("tallyman_input_connections", "Connections that are open.", input),
		accepted: counter("connections_total", "Connections that were accepted."),
		full:     refused("max_connections"),
		peerFull: refused("max_connections_per_peer"),
		records:  counter("posted_records_total", "Records in the bodies of requests, also of those that were told to send them again."),
	}
	answered := func(status string) *meter.Counter {
		return counter("requests_total", "Requests, by the status that they were answered with.", meter.Label{Name: "status", Value: status})
	}
	for i, status := range statuses {
		c.answers[i] = answered(strconv.Itoa(status))
	}
	c.other = answered("other")
	return c
}

func (c *counters) answer(status int) {
	for i, s := range statuses {
		if s == status {
			c.answers[i].Inc()
			return
		}
	}
	c.other.Inc()
}

// limited is a listener with as many connections as there may be.
type limited struct {
	net.Listener
	of *Server

	mu     sync.Mutex // guards what follows
	n      int
	byPeer map[string]int
}

// Accept closes at once what there is no room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, _, _ := net.SplitHostPort(c.RemoteAddr().String())
		if l.take(peer) {
			l.of.count.accepted.Inc()
			return &slot{Conn: c, l: l, peer: peer}, nil
		}
		_ = c.Close() // nothing was written to it
	}
}

func (l *limited) take(peer string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.n >= l.of.s.MaxConnections:
		l.of.count.full.Inc()
		return false
	case l.byPeer[peer] >= l.of.s.MaxPerPeer:
		l.of.count.peerFull.Inc()
		return false
	}
	l.n++
	l.byPeer[peer]++
	l.of.count.open.Add(1)
	return true
}

func (l *limited) free(peer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
	if l.byPeer[peer]--; l.byPeer[peer] == 0 {
		delete(l.byPeer, peer)
	}
	l.of.count.open.Add(-1)
}

// slot is a connection that gives its place back once.
type slot struct {
	net.Conn
	l    *limited
	peer string
	once sync.Once
}

// Close implements net.Conn.
func (s *slot) Close() error {
	s.once.Do(func() { s.l.free(s.peer) })
	return s.Conn.Close()
}

// sayEvery is how often a trouble that goes on is logged.
const sayEvery = time.Minute

// sayer logs troubles: each kind at once, and then once every so often, so that
// a client cannot fill the log.
type sayer struct {
	env plugin.Env

	mu   sync.Mutex // guards what follows
	said map[string]time.Time
}

func newSayer(env plugin.Env) *sayer { return &sayer{env: env, said: map[string]time.Time{}} }

// say logs a trouble of a kind.
func (s *sayer) say(kind, peer string, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, known := s.said[kind]; known && now.Sub(last) < sayEvery {
		return
	}
	s.said[kind] = now
	s.env.Log.Warn("listener: "+kind, "peer", peer, "error", err)
}
