package syslog

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// stream is n messages in one framing.
func stream(n int, counted bool) []byte {
	var b []byte
	for i := range n {
		m := fmt.Sprintf("<86>Nov 25 10:00:%02d web-%d sshd[%d]: Accepted publickey for user%d from 10.0.%d.%d port %d ssh2: ED25519 SHA256:%s",
			i%60, i%9, 1000+i%30000, i%97, i%250, i%251, 1024+i%60000, strings.Repeat("k", 43))
		if counted {
			b = appendCounted(b, m)
		} else {
			b = append(append(b, m...), '\n')
		}
	}
	return b
}

func BenchmarkFramer(b *testing.B) {
	for _, counted := range []bool{false, true} {
		b.Run(map[bool]string{false: "lines", true: "octets"}[counted], func(b *testing.B) {
			p := stream(400, counted)
			spans := make([]span, 0, 400)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				f := framer{max: 64 << 10}
				if got, _, _, err := f.cut(p, spans[:0]); len(got) != 400 || err != nil {
					b.Fatalf("%d messages, %v", len(got), err)
				}
			}
		})
	}
}

// BenchmarkLoopback is the whole input over the network of this host, with its
// sender in the same process; the processor time is of both.
func BenchmarkLoopback(b *testing.B) {
	for _, c := range []struct {
		name, listen string
		counted      bool
	}{{"tcp lines", "tcp://127.0.0.1:0", false}, {"tcp octets", "tcp://127.0.0.1:0", true}, {"unix lines", "unix://%s", false}} {
		b.Run(c.name, func(b *testing.B) {
			const batch = 4000
			in := start(b, c.listen, nil)
			p := stream(batch, c.counted)
			conn := dialInput(b, in)
			defer func() { _ = conn.Close() }()
			todo := make(chan struct{}, 4)
			done := make(chan struct{})
			go pour(conn, p, todo, done)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			before, records := processor(b), 0
			var batchOf event.Batch
			for b.Loop() {
				todo <- struct{}{}
				for got := 0; got < batch; {
					batchOf.Reset()
					if err := in.Read(context.Background(), &batchOf, time.Second); err != nil {
						b.Fatal(err)
					}
					got += len(batchOf.Events)
				}
				records += batch
			}
			spent := processor(b) - before
			b.ReportMetric(float64(records)/spent.Seconds(), "lines/cpu-s")
			b.ReportMetric(float64(records)/batch*float64(len(p))/spent.Seconds()/1e6, "MB/cpu-s")
			b.ReportMetric(0, "ns/op")
			close(todo)
			<-done
		})
	}
}

func pour(c net.Conn, p []byte, todo <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	for range todo {
		if _, err := c.Write(p); err != nil {
			return
		}
	}
}

// BenchmarkDatagrams is one receive's worth after the other.
func BenchmarkDatagrams(b *testing.B) {
	in := start(b, "udp://127.0.0.1:0", func(s *Settings, _ *plugin.Env) { s.ReceiveBuffer = 64 << 20 })
	c := dialInput(b, in)
	defer func() { _ = c.Close() }()
	const batch = 1000
	lines := strings.SplitAfter(strings.TrimSuffix(string(stream(batch, false)), "\n"), "\n")
	b.ReportAllocs()
	var batchOf event.Batch
	for b.Loop() {
		for _, line := range lines {
			if _, err := c.Write([]byte(line)); err != nil {
				b.Fatal(err)
			}
		}
		for got := 0; got < batch; {
			batchOf.Reset()
			if err := in.Read(context.Background(), &batchOf, time.Second); err != nil {
				b.Fatal(err)
			}
			got += len(batchOf.Events)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/datagram")
}

// processor is the time that this process took of the processor.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
