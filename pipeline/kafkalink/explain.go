package kafkalink

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/clienttls"
)

// Explain adds to an error of a connection what a person can do about it.
func (d *Dialer) Explain(err error, addr string) error {
	hint := ""
	switch {
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		hint = "the broker does not know this user and password for " + d.mechanism() + ": see sasl.user and sasl.password, and that the user is known for this mechanism"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		hint = "set sasl.mechanism to what the broker offers at this port"
	case errors.Is(err, kafka.IllegalSASLState):
		hint = "the broker asks for SASL at this port: set sasl, or use another port in brokers"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
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
