package tunnel

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// mostHead is how long a proxy's answer may be, in bytes.
const mostHead = 16 << 10

// connect asks an HTTP proxy for a connection to addr.
func (d *Dialer) connect(c net.Conn, addr string) error {
	request := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if !d.auth.IsZero() {
		secret, err := d.auth.Read() // for each connection, so that it can be renewed
		if err != nil {
			return fmt.Errorf("proxy_auth: %w", err)
		}
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(secret)) + "\r\n"
	}
	if _, err := io.WriteString(c, request+"\r\n"); err != nil {
		return err
	}
	head, err := readHead(c)
	if err != nil {
		return fmt.Errorf("read the answer to CONNECT %s: %w", addr, err)
	}
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return errors.New("what answers there is no HTTP proxy")
	}
	_ = r.Body.Close() // it is not read
	return refusal(r.StatusCode, addr)
}

// refusal is what an HTTP proxy's answer to CONNECT means; nil for a connection.
func refusal(status int, addr string) error {
	if status/100 == 2 {
		return nil
	}
	text := ""
	switch status {
	case http.StatusProxyAuthRequired:
		text = ": it asks for a password, or does not take this one: see proxy_auth"
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		text = ": it allows no connection to this host and port"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		text = ": it does not reach the receiver"
	}
	return fmt.Errorf("it answered %d to CONNECT %s%s", status, addr, text)
}

// readHead reads up to the empty line and nothing behind it, for what follows is
// the receiver's.
func readHead(c io.Reader) ([]byte, error) {
	var head []byte
	var one [1]byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if len(head) == mostHead {
			return nil, fmt.Errorf("it is longer than %d bytes", mostHead)
		}
		if _, err := io.ReadFull(c, one[:]); err != nil {
			return nil, err
		}
		head = append(head, one[0])
	}
	return head, nil
}
