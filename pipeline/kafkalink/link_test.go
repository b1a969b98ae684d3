package kafkalink

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

func cluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// dialer makes a dialer for brokers; change, unless nil, alters its settings.
func dialer(t testing.TB, change func(*Settings), brokers ...string) *Dialer {
	t.Helper()
	s := Default()
	for _, b := range brokers {
		s.Brokers = append(s.Brokers, plugin.Text{Value: b})
	}
	if change != nil {
		change(&s)
	}
	d, err := New(&s, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// peer serves connections with handle, and closes each after it.
func peer(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			handle(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

// TestAnyFindsTheOneThatAnswers: one broker of those that are named is enough; a
// topic that is missing is said, and not made by asking.
func TestAnyFindsTheOneThatAnswers(t *testing.T) {
	c := cluster(t, kfake.SeedTopics(3, "audit"), kfake.AllowAutoTopicCreation(), kfake.ClusterID("the-cluster"))
	d := dialer(t, nil, "127.0.0.1:1", c.ListenAddrs()[0], "127.0.0.1:1")
	for range 10 { // it begins anywhere
		conn, err := d.Any(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		known, err := conn.Ask(bounded(t), []string{"audit", "absent"})
		_ = conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		if known.ID != "the-cluster" || len(known.Topics["audit"].Leaders) != 3 || known.Topics["audit"].Err != nil || !errors.Is(known.Topics["absent"].Err, kafka.UnknownTopicOrPartition) {
			t.Fatalf("%+v", known)
		}
	}
	if c.TopicInfo("absent") != nil {
		t.Error("asking made a topic")
	}
	if _, err := dialer(t, nil, "127.0.0.1:1").Any(bounded(t)); err == nil || !strings.Contains(err.Error(), "nothing listens there: check brokers 127.0.0.1:1") {
		t.Errorf("where no broker is: %v", err)
	}
}

// TestHintsFitTheMoment: what is said of a connection that the other side closes
// depends on how far it came.
func TestHintsFitTheMoment(t *testing.T) {
	t.Run("at once", func(t *testing.T) {
		_, err := dialer(t, nil, peer(t, func(net.Conn) {})).Any(bounded(t))
		if err == nil || !strings.Contains(err.Error(), "set tls") || !strings.Contains(err.Error(), "set sasl") {
			t.Errorf("%v", err)
		}
	})
	t.Run("before the first request", func(t *testing.T) {
		c := cluster(t, kfake.EnableSASL(), kfake.Superuser(Plain, "u", "p"))
		conn, err := dialer(t, nil, c.ListenAddrs()[0]).Any(bounded(t))
		if err == nil {
			defer func() { _ = conn.Close() }()
			_, err = conn.Ask(bounded(t), nil)
		}
		if err == nil || !strings.Contains(err.Error(), "set sasl") || strings.Contains(err.Error(), "set tls") {
			t.Errorf("%v", err)
		}
	})
	t.Run("after it worked", func(t *testing.T) {
		c := cluster(t, kfake.SeedTopics(1, "audit"))
		conn, err := dialer(t, nil, c.ListenAddrs()[0]).Any(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Ask(bounded(t), []string{"audit"}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		_, err = conn.Ask(bounded(t), []string{"audit"})
		if err == nil || !conn.Broken() || !strings.Contains(err.Error(), "had worked") || strings.Contains(err.Error(), "(set ") {
			t.Errorf("%v", err)
		}
	})
}

// TestTLS: brokers with TLS are spoken to with it; what is missing is said.
func TestTLS(t *testing.T) {
	ca := plugintest.NewAuthority(t, "kafka ca")
	cert := ca.Sign(t, t.TempDir(), "broker.example", nil)
	c := cluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	addr := c.ListenAddrs()[0]
	conn, err := dialer(t, func(s *Settings) { s.TLS = &clienttls.Settings{CA: plugin.Text{Value: ca.File}} }, addr).Any(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Ask(bounded(t), nil); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	if _, err := dialer(t, func(s *Settings) { s.TLS = &clienttls.Settings{} }, addr).Any(bounded(t)); err == nil || !strings.Contains(err.Error(), "tls.ca") {
		t.Errorf("an authority that is not known: %v", err)
	}
	if _, err := dialer(t, nil, addr).Any(bounded(t)); err == nil || !strings.Contains(err.Error(), "set tls") {
		t.Errorf("without TLS: %v", err)
	}
}

// TestPasswordIsReadAgain: a password that was changed counts for the next
// connection, and no error shows one.
func TestPasswordIsReadAgain(t *testing.T) {
	c := cluster(t, kfake.EnableSASL(), kfake.Superuser(Scram256, "u", "n3w"))
	file := filepath.Join(t.TempDir(), "password")
	set := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("0ld")
	d := dialer(t, func(s *Settings) {
		s.SASL = &SASL{Mechanism: Scram256, User: "u", Password: &plugin.Secret{File: file}}
	}, c.ListenAddrs()[0])
	if _, err := d.Any(bounded(t)); err == nil || !strings.Contains(err.Error(), "sasl.password") || strings.Contains(err.Error(), "0ld") {
		t.Fatalf("%v", err)
	}
	set("n3w")
	conn, err := d.Any(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestNoKafka: what answers and is no Kafka gives an error, soon and with little
// memory.
func TestNoKafka(t *testing.T) {
	for name, answer := range map[string]string{
		"HTTP":             "HTTP/1.1 400 Bad Request\r\n\r\n",
		"nothing":          "",
		"a huge length":    "\x7f\xff\xff\xff\x00\x00\x00\x01",
		"a negative one":   "\xff\xff\xff\xff",
		"an empty answer":  "\x00\x00\x00\x04\x00\x00\x00\x01",
		"a huge array":     "\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00",
		"another's answer": "\x00\x00\x00\x0a\x00\x00\x00\x63\x00\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			addr := peer(t, func(c net.Conn) {
				_, _ = io.ReadAtLeast(c, make([]byte, 1024), 12) // the request
				_, _ = io.WriteString(c, answer)
			})
			var err error
			used := testing.AllocsPerRun(1, func() {
				_, err = dialer(t, func(s *Settings) { s.Timeout = time.Second }, addr).Any(bounded(t))
			})
			if err == nil || used > 10_000 {
				t.Errorf("it says %v, and takes %v allocations", err, used)
			}
		})
	}
}

// exchange asks a peer that answers with the length n and the number id, where
// these are not 0, and the body.
func exchange(t testing.TB, n, id uint32, body string) (answer []byte, err error) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close(); _ = theirs.Close() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var head [4]byte
		if _, err := io.ReadFull(theirs, head[:]); err != nil {
			return
		}
		in := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(theirs, in); err != nil {
			return
		}
		if id == 0 {
			id = binary.BigEndian.Uint32(in[4:])
		}
		if n == 0 {
			n = uint32(4 + len(body))
		}
		out := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, n), id)
		_, _ = theirs.Write(append(out, body...))
		_ = theirs.Close()
	}()
	c := &Conn{Addr: "peer", dialer: &Dialer{Client: "tallyman", Timeout: patience}, net: ours}
	answer, err = c.Exchange(context.Background(), protocol.Fetch, 11, [][]byte{[]byte("ab"), []byte("c")}, make([]byte, 0, 16), 0)
	if c.Broken() != (err != nil) {
		t.Errorf("broken is %v with the error %v", c.Broken(), err)
	}
	_ = ours.Close()
	<-done
	return answer, err
}

// TestExchange: an answer is taken where it is one, and bounded before it is read.
func TestExchange(t *testing.T) {
	if answer, err := exchange(t, 0, 0, "the answer"); err != nil || string(answer) != "the answer" {
		t.Errorf("%q, %v", answer, err)
	}
	long := strings.Repeat("x", 100)
	if answer, err := exchange(t, 0, 0, long); err != nil || string(answer) != long {
		t.Errorf("beyond the buffer: %q, %v", answer, err)
	}
	for name, c := range map[string]struct{ n, id uint32 }{"too large": {n: MostAnswer + 1}, "negative": {n: 1 << 31}, "too small": {n: 3}, "another's": {id: 99}, "cut": {n: 50}} {
		if answer, err := exchange(t, c.n, c.id, "short"); err == nil {
			t.Errorf("%s: %q is taken", name, answer)
		}
	}
}

// TestStopEndsAnExchange: a request to a broker that never answers ends with its
// context, not with its time.
func TestStopEndsAnExchange(t *testing.T) {
	asked, held := make(chan struct{}), make(chan struct{})
	addr := peer(t, func(c net.Conn) {
		_, _ = io.ReadAtLeast(c, make([]byte, 1024), 12)
		close(asked)
		<-held
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	_, err := dialer(t, func(s *Settings) { s.Timeout = time.Hour }, addr).Any(ctx)
	close(held)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestAllow: an error of access names the command, and others come back.
func TestAllow(t *testing.T) {
	err := Allow(kafka.TopicAuthorizationFailed, "WRITE", "topic", "audit")
	if !errors.Is(err, kafka.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "--operation WRITE --topic audit") {
		t.Errorf("%v", err)
	}
	if got := Allow(io.EOF, "WRITE", "topic", "audit"); !errors.Is(got, io.EOF) || got.Error() != "EOF" {
		t.Errorf("%v", got)
	}
}
