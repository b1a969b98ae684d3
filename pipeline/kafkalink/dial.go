// Package kafkalink is the connections to Kafka brokers: how they are made, TLS,
// SASL and the versions of the protocol, where the leaders of partitions are, and
// what an operator can do about an error. It knows no events, and nothing of what
// is produced or consumed.
//
// A connection carries one request at a time and belongs to one goroutine; there
// are no goroutines here, no retries and nothing that waits in a queue.
package kafkalink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/tunnel"
)

// Dialer makes connections. It may be used by several goroutines.
type Dialer struct {
	Client  string
	Timeout time.Duration

	brokers []string // host:port
	certs   *clienttls.Certs
	proxy   *tunnel.Dialer // nil for none
	sasl    *SASL
}

// New reads the certificates that the settings name; relative paths start at dir.
// An error is plugin.Problems.
func New(s *Settings, dir string) (*Dialer, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	d := &Dialer{Client: s.Client, Timeout: s.Timeout, sasl: s.SASL}
	for _, b := range s.Brokers {
		a, _ := address(b.Value) // Check has seen it
		d.brokers = append(d.brokers, a)
	}
	var err error
	if d.proxy, err = tunnel.New(s.Proxy, s.Auth); err != nil {
		return nil, err
	}
	if s.TLS != nil {
		if d.certs, err = clienttls.New(s.TLS, dir, ""); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Brokers returns the addresses that the settings name, as host:port.
func (d *Dialer) Brokers() []string { return d.brokers }

// Conn is a connection to a broker that knows who we are.
type Conn struct {
	Addr string

	dialer   *Dialer
	net      net.Conn
	versions map[protocol.ApiKey]versions
	id       int32
	worked   bool // a request was answered after the broker knew us
	broken   bool
}

type versions struct{ min, max int16 }

// DialNet connects with TCP, through the proxy where one is set, and TLS where that
// is; it does not authenticate.
func (d *Dialer) DialNet(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	if d.certs == nil {
		return d.proxy.DialContext(ctx, network, addr)
	}
	return d.certs.Over(d.proxy.DialContext)(ctx, network, addr)
}

// Dial connects to a broker. An error names the address and, where there is
// something to do about it, says what.
func (d *Dialer) Dial(ctx context.Context, addr string) (*Conn, error) {
	c, err := d.dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to the broker %s: %w", addr, d.Explain(err, addr))
	}
	return c, nil
}

func (d *Dialer) dial(ctx context.Context, addr string) (*Conn, error) {
	n, err := d.DialNet(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &Conn{Addr: addr, dialer: d, net: n}
	if err := d.greet(ctx, c); err != nil {
		_ = n.Close() // the error that counts is err
		return nil, err
	}
	c.worked = false
	return c, nil
}

// greet asks for the versions and says who we are.
func (d *Dialer) greet(ctx context.Context, c *Conn) error {
	r, err := c.ask(ctx, protocol.ApiVersions, 0, nil)
	if err != nil {
		if IsEnd(err) {
			err = fmt.Errorf("%w: the broker closed the connection at our first request", err)
		}
		return err
	}
	if err := ErrorOf(r.Int16()); err != nil {
		return err
	}
	c.versions = map[protocol.ApiKey]versions{}
	for range r.Count() {
		key := protocol.ApiKey(r.Int16())
		c.versions[key] = versions{r.Int16(), r.Int16()}
	}
	if err := r.Err(); err != nil {
		return err
	}
	if len(c.versions) == 0 {
		return errors.New("the broker names no version of any request: is it Kafka?")
	}
	if d.sasl == nil {
		return nil
	}
	return d.authenticate(ctx, c)
}

// Mechanism reads the password and returns what shows it to a broker, nil where
// no SASL is set.
func (d *Dialer) Mechanism() (sasl.Mechanism, error) {
	if d.sasl == nil {
		return nil, nil
	}
	password, err := d.sasl.Password.Read()
	if err != nil {
		return nil, fmt.Errorf("sasl.password: %w", err)
	}
	switch d.sasl.Mechanism {
	case Scram256:
		return scram.Mechanism(scram.SHA256, d.sasl.User, password)
	case Scram512:
		return scram.Mechanism(scram.SHA512, d.sasl.User, password)
	}
	return plain.Mechanism{Username: d.sasl.User, Password: password}, nil
}

// authenticate is the exchange of KIP-43 and KIP-152: SaslHandshake 1, then
// SaslAuthenticate until the mechanism is content.
func (d *Dialer) authenticate(ctx context.Context, c *Conn) error {
	mechanism, err := d.Mechanism()
	if err != nil {
		return err
	}
	r, err := c.ask(ctx, protocol.SaslHandshake, 1, AppendText(nil, mechanism.Name()))
	if err != nil {
		return err
	}
	if err := ErrorOf(r.Int16()); err != nil {
		var offers []string
		for range r.Count() {
			offers = append(offers, r.Text())
		}
		return fmt.Errorf("%w; the broker offers %q", err, offers)
	}
	version, err := c.pick(protocol.SaslAuthenticate, 0, 1)
	if err != nil {
		return err
	}
	session, state, err := mechanism.Start(ctx)
	for done := false; err == nil && !done; {
		if state, err = d.prove(ctx, c, version, state); err == nil {
			done, state, err = session.Next(ctx, state)
		}
	}
	return err
}

// prove sends one message of a mechanism and returns the broker's.
func (d *Dialer) prove(ctx context.Context, c *Conn, version int16, state []byte) ([]byte, error) {
	body := append(binary.BigEndian.AppendUint32(nil, uint32(len(state))), state...)
	r, err := c.ask(ctx, protocol.SaslAuthenticate, version, body)
	if IsEnd(err) {
		return nil, kafka.SASLAuthenticationFailed // some brokers say it so
	}
	if err != nil {
		return nil, err
	}
	code := r.Int16()
	_ = r.Text() // the broker's own words, which may show what we sent
	said := r.Bytes()
	if err := ErrorOf(code); err != nil {
		return nil, err
	}
	return said, r.Err()
}
