package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/kafkalink"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// broker starts brokers that end with the test.
func broker(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// settingsFor are settings that deliver to a cluster.
func settingsFor(topic string, brokers ...string) *Settings {
	s := Plugin.Settings().(*Settings)
	s.Topic.Value = topic
	for _, b := range brokers {
		s.Link.Brokers = append(s.Link.Brokers, plugin.Text{Value: b})
	}
	return s
}

// open builds an output that is closed with the test.
func open(t testing.TB, s *Settings) *output {
	t.Helper()
	out, err := Plugin.Output(s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	o := out.(*output)
	o.now = time.Now
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return o
}

func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// stored returns the messages of a partition, as another client reads them.
func stored(t testing.TB, c *kfake.Cluster, topic string, partition int) []kafka.Message {
	t.Helper()
	d := &kafka.Dialer{}
	conn, err := d.DialLeader(bounded(t), "tcp", c.ListenAddrs()[0], topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	first, last, err := conn.ReadOffsets()
	if err != nil {
		t.Fatal(err)
	}
	if first == last {
		return nil
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	var list []kafka.Message
	for at := first; at < last; {
		if _, err := conn.Seek(at, kafka.SeekAbsolute); err != nil {
			t.Fatal(err)
		}
		b := conn.ReadBatch(1, 16<<20)
		for {
			m, err := b.ReadMessage()
			if err != nil {
				break
			}
			list = append(list, m)
			at = m.Offset + 1
		}
		if err := b.Close(); err != nil && len(list) == 0 {
			t.Fatal(err)
		}
	}
	return list
}

func texts(list []kafka.Message) (out []string) {
	for i := range list {
		out = append(out, string(list[i].Value))
	}
	return out
}

// TestConformance: the output passes the suite, with each compression.
func TestConformance(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			plugintest.Output(t, plugintest.OutputSuite{
				Plugin: Plugin,
				Destination: func(t testing.TB) (any, func() []string) {
					c := broker(t, kfake.SeedTopics(1, "audit"))
					s := settingsFor("audit", c.ListenAddrs()...)
					s.Compression = codec
					return s, func() []string { return texts(stored(t, c, "audit", 0)) }
				},
				Broken:  func(testing.TB) any { return settingsFor("audit", "127.0.0.1:1") },
				Stuck:   func(t testing.TB) any { return settingsFor("audit", silent(t)) },
				Refused: func(testing.TB) any { return settingsFor("{{ event.dataset }}", "127.0.0.1:9092") },
			})
		})
	}
}

// silent is the address of something that takes connections and never answers.
func silent(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all []net.Conn
		for {
			c, err := ln.Accept()
			if err != nil {
				for _, c := range all {
					_ = c.Close()
				}
				return
			}
			all = append(all, c)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

// keyed are n events of some containers in turn, numbered in their message.
func keyed(n, containers int) []event.Event {
	events := plugintest.Events(0, n)
	for i := range events {
		events[i].Fields = append(event.Fields{}, events[i].Fields...)
		events[i].Fields.AddString(schema.ContainerID, fmt.Sprintf("c%03d", i%containers))
	}
	return events
}

// failures returns the failures of a partial error by index.
func failures(t testing.TB, err error) map[int]error {
	t.Helper()
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial {
		t.Fatalf("it is not partial: %v", err)
	}
	out := map[int]error{}
	for _, f := range e.Failed {
		out[f.Index] = f.Err
	}
	return out
}

func kindOf(err error) plugin.ErrorKind {
	kind, _ := plugin.KindOf(err)
	return kind
}

func value(s string) event.Value { return event.String(s) }

// sasl are settings with a password in a file.
func sasl(t testing.TB, mechanism, password string) *kafkalink.SASL {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	return &kafkalink.SASL{Mechanism: mechanism, User: "tally", Password: &plugin.Secret{File: file}}
}
