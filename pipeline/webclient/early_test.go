package webclient_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"tallyman/pipeline/webclient"
)

// hasty is a receiver that judges a request by its head, answers, and breaks off
// without reading the body. Asked first whether it wants the body, it says no.
type hasty struct {
	net.Listener
	answer string
	asked  chan bool // for each request, whether it asked first
}

func newHasty(t *testing.T, answer string) *hasty {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hasty{l, answer, make(chan bool, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.one(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return h
}

func (h *hasty) one(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err == nil {
		h.asked <- r.Header.Get("Expect") != ""
		_, _ = c.Write([]byte(h.answer))
	}
	_ = c.Close() // what is not read of the body makes it a reset
}

// TestAnAnswerThatComesBeforeTheBodyIsRead: a receiver that refuses a large body at
// once and breaks off is understood at the second try at the latest, because it is
// asked before the body is sent; so are the halves.
func TestAnAnswerThatComesBeforeTheBodyIsRead(t *testing.T) {
	h := newHasty(t, "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	c, _ := open(t, settings("http://"+h.Addr().String()), webclient.Options{})
	body := bytes.Repeat([]byte("x"), 8<<20)
	broken := 0
	for range 100 {
		_, err := c.Do(context.Background(), &webclient.Request{Body: body})
		if err == nil {
			t.Fatal("it is taken")
		}
		asked := <-h.asked
		if webclient.Refused(err) == nil {
			broken++
		}
		if broken > 0 && asked {
			break // from the first that was broken off
		}
	}
	if broken != 1 {
		t.Fatalf("%d of the answers did not arrive", broken)
	}
	for size := len(body); size > 1<<20; size /= 2 {
		_, err := c.Do(context.Background(), &webclient.Request{Body: body[:size]})
		if asked := <-h.asked; !asked || webclient.Refused(err) == nil {
			t.Errorf("a body of %d bytes: asked %v, %v", size, asked, err)
		}
	}
}

// TestAReceiverIsAskedOnlyAfterItBrokeOff: what a receiver takes is sent at once
// again, and so is everything to one that does not know the question.
func TestAReceiverIsAskedOnlyAfterItBrokeOff(t *testing.T) {
	var asked []bool
	knows := true
	broken := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
	taken := func(w http.ResponseWriter, req *http.Request) {
		asked = append(asked, req.Header.Get("Expect") != "")
		if !knows && asked[len(asked)-1] {
			w.WriteHeader(http.StatusExpectationFailed)
		}
	}
	r := newReceiver(t, taken)
	c, _ := open(t, settings(r.URL), webclient.Options{})
	say := func(size int) error {
		_, err := c.Do(context.Background(), &webclient.Request{Body: bytes.Repeat([]byte("x"), size)})
		return err
	}
	for _, knows = range []bool{true, false} {
		asked = nil
		r.set(broken)
		if say(1000) == nil {
			t.Fatal("a connection that was broken off is no error")
		}
		r.set(taken)
		for _, size := range []int{999, 1000, 1000} {
			if err := say(size); err != nil {
				t.Fatal(err)
			}
		}
		want := "[false true false]"
		if !knows {
			want = "[false true false false]" // it was asked, and then sent to as before
		}
		if got := fmt.Sprint(asked); got != want {
			t.Errorf("knows %v: asked %s, not %s", knows, got, want)
		}
	}
}
