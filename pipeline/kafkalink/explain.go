package kafkalink

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/clienttls"
)

// Explain adds to an error of making a connection what a person can do about it.
// For one of a connection that is made there is Conn.Explain.
func (d *Dialer) Explain(err error, addr string) error {
	hint := ""
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		hint = "the broker does not know this user and password for " + d.mechanism() + ": see sasl.user and sasl.password, and that the user is known for this mechanism"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		hint = "set sasl.mechanism to what the broker offers at this port"
	case errors.Is(err, kafka.IllegalSASLState):
		hint = "the broker asks for SASL at this port: set sasl, or use another port in brokers"
	case IsEnd(err):
		if d.certs == nil {
			hint = "the broker may want TLS at this port (set tls), or SASL (set sasl), or be going down"
		} else {
			hint = "the broker may speak no TLS at this port, refuse our certificate, or be going down"
		}
	default:
		return clienttls.Place{Key: "brokers", Address: addr}.Explain(err)
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// Explain adds to an error of an exchange what a person can do about it. What the
// broker took no offence at before is not what it takes offence at now.
func (c *Conn) Explain(err error) error {
	switch {
	case !IsEnd(err):
		return c.dialer.Explain(err, c.Addr)
	case c.worked:
		return Ended(err)
	case c.dialer.sasl == nil:
		return fmt.Errorf("%w (the broker may want SASL at this port (set sasl), or be going down)", err)
	}
	return fmt.Errorf("%w (the broker may be going down)", err)
}

// Ended adds to the error of a connection that had worked, and was closed from
// outside, that this is so. Another error comes back as it is.
func Ended(err error) error {
	if !IsEnd(err) {
		return err
	}
	return fmt.Errorf("%w (the connection had worked: the broker was stopped or restarted, or something between closed it)", err)
}

// IsEnd reports whether an error says that the other side closed the connection.
func IsEnd(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (d *Dialer) mechanism() string {
	if d.sasl == nil {
		return "SASL"
	}
	return d.sasl.Mechanism
}

// Allow is an error of authorization with the access that is missing, as
// kafka-acls takes it: operation "WRITE", resource "topic", its name. Another
// error comes back as it is.
func Allow(err error, operation, resource, name string) error {
	for _, e := range []kafka.Error{kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w (allow our user the operation %s on %s %s: kafka-acls --add --allow-principal User:NAME --operation %s --%s %s)", err, operation, resource, name, operation, resource, name)
		}
	}
	return err
}
