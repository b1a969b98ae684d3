package weblisten

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// The standard library keeps a connection half a second after an answer that came
// before the body's end (net/http, closeWriteAndWait); that is no leak.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// taker is a handler that takes each line of a body that is posted anywhere.
type taker struct {
	guard Guard
	take  func(r *http.Request, body string) ([]Group, error) // instead, unless nil
}

func (h *taker) Admit(r *http.Request) error {
	if err := h.guard.Admit(r); err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		return Refuse(http.StatusMethodNotAllowed, "records are posted")
	}
	return nil
}

func (h *taker) Take(r *http.Request, body string) ([]Group, error) {
	if err := h.guard.Verify(r, body); err != nil {
		return nil, err
	}
	if h.take != nil {
		return h.take(r, body)
	}
	texts, err := Split(body, "lines")
	return []Group{{Decode: "plain", Texts: texts}}, err
}

// rig is a server that listens, and a client of it.
type rig struct {
	*Server
	t      testing.TB
	client *http.Client
	url    string
}

func start(t testing.TB, change func(*Settings, *plugin.Env)) *rig {
	return startWith(t, &taker{}, change)
}

func startWith(t testing.TB, h Handler, change func(*Settings, *plugin.Env)) *rig {
	t.Helper()
	s, env := Defaults("127.0.0.1:0"), plugintest.Env(t.TempDir())
	if change != nil {
		change(&s, &env)
	}
	l, err := New(&s, env, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	r := &rig{Server: l, t: t, client: &http.Client{Transport: &http.Transport{}}}
	r.url = "http://" + l.Addr().String()
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// reply is what a request came to.
type reply struct {
	status int
	text   string
	err    error
}

// postTo posts a body and returns the answer.
func postTo(client *http.Client, url string, body []byte, header http.Header) (status int, text string, err error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	all, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all), errors.Join(err, answer.Body.Close())
}

// post posts a body from a goroutine of its own.
func (r *rig) post(body string, header http.Header) <-chan reply {
	c := make(chan reply, 1)
	go func() {
		status, text, err := postTo(r.client, r.url+"/", []byte(body), header)
		c <- reply{status, text, err}
	}()
	return c
}

// read reads the next batch that is not empty.
func (r *rig) read() *event.Batch {
	r.t.Helper()
	b := new(event.Batch)
	for end := time.Now().Add(patience); len(b.Events) == 0; {
		if err := r.Read(context.Background(), b, 10*time.Millisecond); err != nil || time.Now().After(end) {
			r.t.Fatalf("nothing came: %v", err)
		}
	}
	return b
}

func (r *rig) wait(c <-chan reply) reply {
	r.t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(patience):
		r.t.Fatal("no answer")
		return reply{}
	}
}

// nothing checks that a request has no answer yet.
func nothing(t testing.TB, c <-chan reply) {
	t.Helper()
	select {
	case a := <-c:
		t.Fatalf("it is answered already: %+v", a)
	default:
	}
}

func raws(b *event.Batch) (list []string) {
	for i := range b.Events {
		list = append(list, b.Events[i].Raw)
	}
	return list
}

// TestAcknowledgedWhenDurable: 200 comes only when every batch with a record of
// the request is on stable storage; what the journal refuses is told 503.
func TestAcknowledgedWhenDurable(t *testing.T) {
	r := start(t, nil)
	answer := r.post(strings.Repeat("x\n", mostRecords+10), nil)
	first, second := r.read(), r.read()
	if len(first.Events) != mostRecords || len(second.Events) != 10 {
		t.Fatalf("%d and %d records", len(first.Events), len(second.Events))
	}
	second.Accepted(nil)
	nothing(t, answer)
	first.Accepted(nil)
	if a := r.wait(answer); a.status != http.StatusOK {
		t.Errorf("%+v", a)
	}
	answer = r.post(strings.Repeat("x\n", mostRecords+10), nil)
	first, second = r.read(), r.read()
	first.Accepted(errors.New("the journal is full"))
	nothing(t, answer)
	second.Accepted(nil)
	if a := r.wait(answer); a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, "the journal is full") {
		t.Errorf("%+v", a)
	}
}

// TestOneBatchOfManyRequests: each of them is answered.
func TestOneBatchOfManyRequests(t *testing.T) {
	r := start(t, nil)
	var answers []<-chan reply
	for range 5 {
		answers = append(answers, r.post("x", nil))
	}
	for n := 0; n < 5; {
		b := r.read()
		n += len(b.Events)
		b.Accepted(nil)
	}
	for _, c := range answers {
		if a := r.wait(c); a.status != http.StatusOK {
			t.Errorf("%+v", a)
		}
	}
}

// TestLate: where the journal does not take the records in time the client is
// told to send again, and what the lane has not begun is taken back.
func TestLate(t *testing.T) {
	r := start(t, func(s *Settings, _ *plugin.Env) { s.AcceptTime = time.Millisecond })
	if a := r.wait(r.post("never read", nil)); a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, "in time") {
		t.Errorf("%+v", a)
	}
	var b event.Batch
	if err := r.Read(context.Background(), &b, time.Millisecond); err != nil || len(b.Events) > 0 {
		t.Errorf("%q came after its client was told to send again, %v", raws(&b), err)
	}
	q, _ := http.NewRequest(http.MethodPost, r.url, strings.NewReader("x"))
	answer, err := r.client.Do(q)
	if err != nil || answer.Header.Get("Retry-After") != "5" {
		t.Errorf("%v, %v", answer, err)
	}
	_ = answer.Body.Close()
}

// TestStop: a stop answers what the lane has as the journal decides, and tells
// all others to send again.
func TestStop(t *testing.T) {
	r := start(t, nil)
	has := r.post("the lane has it", nil)
	b := r.read()
	waits := r.post("nobody has it", nil)
	for len(r.queue) == 0 {
		runtime.Gosched() // until it waits
	}
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	if a := r.wait(waits); a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, "stopping") {
		t.Errorf("what waited: %+v", a)
	}
	b.Accepted(nil)
	if a := r.wait(has); a.status != http.StatusOK {
		t.Errorf("what the lane had: %+v", a)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestBufferIsBounded: what all bodies take together has a limit.
func TestBufferIsBounded(t *testing.T) {
	r := start(t, func(s *Settings, _ *plugin.Env) { s.MaxBody, s.Buffer = 1<<20, 3<<20 })
	first := r.post(strings.Repeat("x", 1<<20), nil)
	b := r.read()
	if held := r.held.Load(); held < 1<<20 || held > 3<<20 {
		t.Fatalf("%d bytes are held", held)
	}
	if a := r.wait(r.post(strings.Repeat("x", 1<<20), nil)); a.status != http.StatusServiceUnavailable || !strings.Contains(a.text, "too much") {
		t.Errorf("%+v", a)
	}
	b.Accepted(nil)
	r.wait(first)
	again := r.post(strings.Repeat("x", 1<<20), nil)
	r.read().Accepted(nil)
	if a := r.wait(again); a.status != http.StatusOK {
		t.Errorf("when there is room: %+v", a)
	}
}
