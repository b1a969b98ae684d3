package kafkalink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// ask is Exchange for a small request, which is answered at once.
func (c *Conn) ask(ctx context.Context, key protocol.ApiKey, version int16, body []byte) (*Reader, error) {
	answer, err := c.Exchange(ctx, key, version, [][]byte{body}, nil, 0)
	return NewReader(answer), err
}

// within bounds an exchange.
func (c *Conn) within(ctx context.Context, timeout time.Duration, exchange func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_ = c.net.SetDeadline(time.Now().Add(timeout)) // a closed connection says so at the write
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(time.Unix(1, 0)) })
	err := exchange()
	stop()
	if err == nil {
		c.worked = true
		return nil
	}
	c.broken = true
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Broken reports whether an exchange failed: the connection is then to be closed.
func (c *Conn) Broken() bool { return c.broken }

// Close closes the connection.
func (c *Conn) Close() error { return c.net.Close() }

// pick returns the newest version of a request that the broker and we know; we
// know those from least to most.
func (c *Conn) pick(key protocol.ApiKey, least, most int16) (int16, error) {
	v := min(most, c.versions[key].max)
	if v < least {
		v = least // Speaks says that it is not known
	}
	return v, c.Speaks(key, v)
}

// Speaks returns an error where the broker does not know a version of a request.
func (c *Conn) Speaks(key protocol.ApiKey, version int16) error {
	v, ok := c.versions[key]
	if ok && v.min <= version && version <= v.max {
		return nil
	}
	return fmt.Errorf("the broker %s does not speak version %d of %s (%d to %d): it is older than Kafka 2.4, or too new", c.Addr, version, key, v.min, v.max)
}

// MostAnswer is the largest answer that is read, in bytes.
const MostAnswer = 64 << 20

// Exchange sends a request whose body the caller has encoded, with a header of
// version 1, and returns the body of the answer, with a header of version 0: for
// versions of requests that are not flexible (KIP-482). The answer is read into
// buf where that is large enough. The broker may hold the answer back for wait.
func (c *Conn) Exchange(ctx context.Context, key protocol.ApiKey, version int16, body [][]byte, buf []byte, wait time.Duration) (answer []byte, err error) {
	err = c.within(ctx, c.dialer.Timeout+wait, func() error {
		c.id--
		client := c.dialer.Client
		size := 10 + len(client)
		for _, b := range body {
			size += len(b)
		}
		head := make([]byte, 0, 14+len(client))
		head = binary.BigEndian.AppendUint32(head, uint32(size))
		head = binary.BigEndian.AppendUint16(head, uint16(key))
		head = binary.BigEndian.AppendUint16(head, uint16(version))
		head = binary.BigEndian.AppendUint32(head, uint32(c.id))
		head = binary.BigEndian.AppendUint16(head, uint16(len(client)))
		head = append(head, client...)
		all := append(net.Buffers{head}, body...) // with TCP one call, and no packet for each part
		if _, err := all.WriteTo(c.net); err != nil {
			return err
		}
		var in [8]byte
		if _, err := io.ReadFull(c.net, in[:]); err != nil {
			return err
		}
		n := int64(int32(binary.BigEndian.Uint32(in[:])))
		if id := int32(binary.BigEndian.Uint32(in[4:])); n < 4 || n > MostAnswer || id != c.id {
			return fmt.Errorf("the answer to request %d has %d bytes and says that it is for %d", c.id, n, id)
		}
		if answer = buf[:0]; int64(cap(answer)) < n-4 {
			answer = make([]byte, n-4)
		}
		answer = answer[:n-4]
		_, err := io.ReadFull(c.net, answer)
		return err
	})
	return answer, err
}

// ErrorOf returns the error of a code of the protocol, nil for 0.
func ErrorOf(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// IsMoved reports whether an error says that what is known of the cluster is old.
func IsMoved(err error) bool {
	for _, e := range []kafka.Error{kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.UnknownTopicOrPartition, kafka.FencedLeaderEpoch,
		kafka.UnknownLeaderEpoch, kafka.ReplicaNotAvailable, kafka.BrokerNotAvailable, kafka.ListenerNotFound, kafka.KafkaStorageError} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
