package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestWhatAReceiverSendsUnaskedIsNotPrinted: net/http prints it through the logger of
// the standard library, and it may repeat the request with its token.
func TestWhatAReceiverSendsUnaskedIsNotPrinted(t *testing.T) {
	var out, errs bytes.Buffer
	was := log.Writer()
	defer log.SetOutput(was)
	log.SetOutput(&errs)
	if code := run([]string{"version"}, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("code %d: %s", code, &errs)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokAuthorization: Bearer tokentoken")
		_, _ = c.Read(make([]byte, 1)) // until the client, which has seen it, closes
	}()
	answer, err := http.Get("http://" + ln.Addr().String()) //nolint:noctx // it ends with the double
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	<-sent
	if strings.Contains(errs.String(), "tokentoken") {
		t.Errorf("printed: %s", &errs)
	}
}
