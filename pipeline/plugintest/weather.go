package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// A Trouble is what goes wrong with one exchange.
type Trouble string

// What can go wrong. Of those behind, the destination may have stored what it got.
const (
	Busy      Trouble = "429 with a pause"
	Away      Trouble = "503"
	Broken    Trouble = "500"
	Moved     Trouble = "307 to another host"
	Page      Trouble = "200 with a page"
	Reset     Trouble = "reset before it is stored"
	ResetLate Trouble = "reset after it is stored"
	Half      Trouble = "stored, and half an answer"
	Truncated Trouble = "stored, and half of what the answer says, as if it were whole"
	PageLate  Trouble = "stored, and 200 with a page"
	Stall     Trouble = "stored, and no answer until the deadline"
)

// Certain are the troubles that store nothing, Doubtful those that may have.
var (
	Certain  = []Trouble{Busy, Away, Broken, Moved, Page, Reset}
	Doubtful = []Trouble{ResetLate, Half, Truncated, PageLate, Stall}
)

// Trickle is no trouble to those who wait for the whole of an answer.
const Trickle Trouble = "stored, and the answer byte by byte"

// Weather is a destination's temper: it lets a number of exchanges go wrong, one
// exchange in two, in ways that a seed chooses. Then it is fine.
type Weather struct {
	t testing.TB

	mu       sync.Mutex // guards what follows
	random   *rand.Rand
	kinds    []Trouble
	left     int
	dead     bool // the process was killed, and nothing of it arrives
	met      map[Trouble]int
	deadline context.CancelFunc // ends the Send that is under way, as its deadline does
}

// NewWeather makes the weather of a seed with so many troubles of some kinds. A test
// that fails prints the seed.
func NewWeather(t testing.TB, seed uint64, troubles int, kinds ...Trouble) *Weather {
	w := &Weather{t: t, random: rand.New(rand.NewPCG(seed, 8)), kinds: kinds, left: troubles, met: map[Trouble]int{}, deadline: func() {}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d: %s", seed, w)
		}
	})
	return w
}

// String says what went wrong so far.
func (w *Weather) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(w.met)) {
		list = append(list, fmt.Sprintf("%d times %s", w.met[kind], kind))
	}
	return strings.Join(list, ", ") + fmt.Sprintf("; %d are left", w.left)
}

// Left is how many troubles are still to come.
func (w *Weather) Left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left
}

// Int is a number below n that the seed chooses.
func (w *Weather) Int(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

// Dead has nothing arrive any more, or again. A test whose process was killed in the
// eyes of all else has it run to its end, of which the destination must see nothing.
func (w *Weather) Dead(dead bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = dead
}

// Ended says that a process ended with something under way, which then may come
// twice.
func (w *Weather) Ended() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.met[restart]++
}

// next is what goes wrong with the next exchange, "" for nothing.
func (w *Weather) next() Trouble {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return Reset
	}
	if w.left == 0 || w.random.IntN(2) == 0 {
		return ""
	}
	w.left--
	kind := w.kinds[w.random.IntN(len(w.kinds))]
	w.met[kind]++
	return kind
}

// HTTP is a receiver that does as next does, with the weather between. Nobody may
// follow where it redirects to.
func (w *Weather) HTTP(next http.Handler) http.Handler {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "close")
		w.t.Errorf("a redirect was followed with %s %s, Authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	w.t.Cleanup(elsewhere.Close)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		kind := w.next()
		switch kind {
		case "":
			next.ServeHTTP(rw, r)
			return
		case Moved:
			rw.Header().Set("Location", elsewhere.URL+r.URL.Path)
		}
		answer := httptest.NewRecorder()
		if kind == Trickle || slices.Contains(Doubtful, kind) {
			next.ServeHTTP(answer, r)
		} else {
			_, _ = io.Copy(io.Discard, r.Body) // a client that has left is as good
		}
		w.answer(rw, r, kind, answer)
	})
}

func (w *Weather) answer(rw http.ResponseWriter, r *http.Request, kind Trouble, answer *httptest.ResponseRecorder) {
	switch kind {
	case Busy:
		rw.Header().Set("Retry-After", strconv.Itoa(1+w.Int(60)))
		rw.WriteHeader(http.StatusTooManyRequests)
	case Away:
		rw.WriteHeader(http.StatusServiceUnavailable)
	case Broken:
		rw.WriteHeader(http.StatusInternalServerError)
	case Moved:
		rw.WriteHeader(http.StatusTemporaryRedirect)
	case Page, PageLate:
		rw.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(rw, "<html>Please log in</html>")
	case Half:
		body := answer.Body.Bytes()
		rw.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case Truncated:
		maps.Copy(rw.Header(), answer.Header())
		rw.Header().Del("Content-Length")
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	case Trickle:
		maps.Copy(rw.Header(), answer.Header())
		rw.WriteHeader(answer.Code)
		for _, b := range answer.Body.Bytes() {
			_, _ = rw.Write([]byte{b}) // a client that has left is as good
			_ = http.NewResponseController(rw).Flush()
		}
	case Stall:
		w.mu.Lock()
		w.deadline()
		w.mu.Unlock()
		<-r.Context().Done()
	default:
		panic(http.ErrAbortHandler)
	}
}

// Listener is ln whose connections break off: Reset as something is read, ResetLate
// as something is written.
func (w *Weather) Listener(ln net.Listener) net.Listener { return &roughListener{ln, w} }

type roughListener struct {
	net.Listener
	w *Weather
}

func (l *roughListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &roughConn{c, l.w}, nil
}

type roughConn struct {
	net.Conn
	w *Weather
}

var errRough = errors.New("the weather broke the connection off")

func (c *roughConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.w.breaks(Reset) {
		return 0, c.reset()
	}
	return n, err
}

func (c *roughConn) Write(b []byte) (int, error) {
	if c.w.breaks(ResetLate) {
		return 0, c.reset()
	}
	return c.Conn.Write(b)
}

// breaks reports whether a connection breaks off now, as kind says.
func (w *Weather) breaks(kind Trouble) bool {
	w.mu.Lock()
	dead := w.dead
	w.mu.Unlock()
	return dead || slices.Contains(w.kinds, kind) && w.next() != ""
}

func (c *roughConn) reset() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
	return errRough
}

// attempt is a context for one call of an output, which a Stall ends.
func (w *Weather) attempt() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.mu.Lock()
	w.deadline = cancel
	w.mu.Unlock()
	return ctx, cancel
}

// mostTries is how often a Send is repeated; every repetition meets a trouble, or
// halves what was refused.
const mostTries = 400

// Send sends events as the engine does, again and again, until each was taken or
// refused for good, and returns why those were refused, by their index.
func (w *Weather) Send(out plugin.Output, events []event.Event) map[int]error {
	w.t.Helper()
	dead, todo, l := map[int]error{}, [][]int{nil}, &Loan{}
	for i := range events {
		todo[0] = append(todo[0], i)
	}
	for try := 0; len(todo) > 0; try++ {
		if try == mostTries {
			w.t.Fatalf("it comes to no end: %s", w)
		}
		list := todo[len(todo)-1]
		batch := make([]event.Event, 0, len(list))
		for _, i := range list {
			batch = append(batch, events[i])
		}
		ctx, cancel := w.attempt()
		err := l.call(w.t, batch, func(events []event.Event) error { return out.Send(ctx, events) })
		stopped := ctx.Err() != nil
		cancel()
		if err == nil {
			todo = todo[:len(todo)-1]
			continue
		}
		if stopped {
			continue // whatever it says, nothing of this counts
		}
		judge(w.t, err, len(batch))
		todo = append(todo[:len(todo)-1], w.again(err, list, dead)...)
	}
	return dead
}

// again is what is sent after an error: all of it, what failed for now, or halves.
func (w *Weather) again(err error, list []int, dead map[int]error) [][]int {
	var e *plugin.Error
	if !errors.As(err, &e) {
		w.t.Fatalf("an error without a kind: %v", err)
	}
	switch {
	case e.Kind == plugin.KindPartial:
		var rest []int
		for _, f := range e.Failed {
			if kind, _ := plugin.KindOf(f.Err); kind == plugin.KindPermanent {
				dead[list[f.Index]] = f.Err
			} else {
				rest = append(rest, list[f.Index])
			}
		}
		if len(rest) == 0 {
			return nil
		}
		return [][]int{rest}
	case e.Kind == plugin.KindPermanent && len(list) == 1:
		dead[list[0]] = err
		return nil
	case e.Kind == plugin.KindPermanent:
		return [][]int{list[len(list)/2:], list[:len(list)/2]}
	}
	return [][]int{list}
}

// Twice says when an event may be at a destination more than once.
type Twice int

// The kinds of Twice.
const (
	Never   Twice = iota // it knows events again, or they are under names of their own
	InDoubt              // after a trouble of Doubtful, or an end of the process
	Freely               // after any trouble: what was lost is not known exactly
)

// Balance holds what the destination has against what was sent: events first to
// first+n-1 of Events, by their marks. Each is there, or was refused for good with
// a reason, and never both; how often it may be there, twice says.
func (w *Weather) Balance(stored []string, n int, dead map[int]error, twice Twice) {
	w.t.Helper()
	w.mu.Lock()
	doubts := w.met[restart]
	for _, kind := range Doubtful {
		doubts += w.met[kind]
	}
	w.mu.Unlock()
	delivered, all := 0, strings.Join(stored, "\n")
	for i := range n {
		there, reason := strings.Count(all, mark(i)), dead[i]
		switch {
		case there == 0 && reason == nil:
			w.t.Errorf("event %d is lost", i)
		case there > 0 && reason != nil:
			w.t.Errorf("event %d is there, and was refused for good: %v", i, reason)
		case there == 0 && reason.Error() == "":
			w.t.Errorf("event %d was refused without a reason", i)
		case there > 1 && (twice == Never || twice == InDoubt && doubts == 0):
			w.t.Errorf("event %d is there %d times", i, there)
		}
		if there > 0 {
			delivered++
		}
	}
	if delivered+len(dead) != n {
		w.t.Errorf("%d events were sent, %d are delivered and %d refused", n, delivered, len(dead))
	}
}
