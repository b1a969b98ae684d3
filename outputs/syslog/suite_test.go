package syslog

import (
	"bufio"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func settingsFor(address string) *Settings {
	s := Plugin.Settings().(*Settings)
	s.Address = plugin.Text{Value: address}
	return s
}

// received keeps what a receiver has read so far.
type received struct {
	mu   sync.Mutex
	list []string // guarded by mu
}

func (r *received) add(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
}

func (r *received) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.list...)
}

// readFrames reads the octet-counted frames of c to its end.
func readFrames(c net.Conn, add func(string)) {
	defer func() { _ = c.Close() }() // all that counts was read
	for r := bufio.NewReader(c); ; {
		m, err := octets(r)
		if err != nil {
			return
		}
		add(m)
	}
}

func refusedAddress(testing.TB) any { return settingsFor("carrier-pigeon://127.0.0.1") }

// refusedTLS names authorities that are not there.
func refusedTLS(t testing.TB) any {
	s := settingsFor("tls://127.0.0.1")
	s.TLS = &clienttls.Settings{CA: plugin.Text{Value: filepath.Join(t.TempDir(), "missing.crt")}}
	return s
}

func TestConformanceOverTCP(t *testing.T) {
	plugintest.Output(t, plugintest.OutputSuite{
		Plugin: Plugin,
		Destination: func(t testing.TB) (any, func() []string) {
			ln := listenTCP(t)
			var got received
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					readFrames(c, got.add)
				}
			}()
			t.Cleanup(func() { _ = ln.Close(); <-done })
			return settingsFor("tcp://" + ln.Addr().String()), got.all
		},
		Broken: func(t testing.TB) any {
			ln := listenTCP(t)
			if err := ln.Close(); err != nil {
				t.Fatal(err)
			}
			return settingsFor("tcp://" + ln.Addr().String())
		},
		Stuck: func(t testing.TB) any {
			ln := listenTCP(t) // the kernel accepts; nobody reads
			t.Cleanup(func() { _ = ln.Close() })
			return settingsFor("tcp://" + ln.Addr().String())
		},
		Refused: refusedTLS,
	})
}

// TestConformanceOverUDP has no broken destination: UDP connects to nobody, so
// the probe cannot tell, and TestAUDPReceiverThatIsAwayIsNoticed has the rest.
func TestConformanceOverUDP(t *testing.T) {
	plugintest.Output(t, plugintest.OutputSuite{
		Plugin: Plugin,
		Destination: func(t testing.TB) (any, func() []string) {
			pc := listenUDP(t)
			var got received
			done := make(chan struct{})
			go func() {
				defer close(done)
				for b := make([]byte, mostUDP); ; {
					n, _, err := pc.ReadFrom(b)
					if err != nil {
						return
					}
					got.add(string(b[:n]))
				}
			}()
			t.Cleanup(func() { _ = pc.Close(); <-done })
			return settingsFor("udp://" + pc.LocalAddr().String()), got.all
		},
		Stuck: func(t testing.TB) any {
			pc := listenUDP(t) // takes datagrams until its buffer is full; nobody reads
			t.Cleanup(func() { _ = pc.Close() })
			return settingsFor("udp://" + pc.LocalAddr().String())
		},
		Refused: refusedAddress,
	})
}

func listenTCP(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func listenUDP(t testing.TB) net.PacketConn {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return pc
}
