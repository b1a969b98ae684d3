package syslog

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"testing"

	"tallyman/pipeline/plugintest"
)

// TestWeather: a receiver over TCP whose connections are reset by chance, with frames
// in them that nobody has read. What arrives afterwards shows the output that the
// connection was lost; with its window each event has arrived then.
func TestWeather(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := plugintest.NewWeather(t, seed, 12, plugintest.Reset)
			fine := make(chan struct{}) // closed, once, when a connection stands that nothing breaks
			var once sync.Once
			got := make(chan string, 100_000)
			ln := w.Listener(listen(t, "tcp", "127.0.0.1:0"))
			serve(t, ln, func(c net.Conn) {
				if w.Left() == 0 {
					once.Do(func() { close(fine) })
				}
				for r := bufio.NewReader(c); ; {
					m, err := octets(r)
					if err != nil {
						return
					}
					got <- m
				}
			})
			o := open(t, "tcp://"+ln.Addr().String(), nil)
			n := 0
			send := func() {
				size := 1 + w.Int(40)
				var list []string
				for i := range size {
					list = append(list, fmt.Sprintf("tally-%06d-mark", n+i))
				}
				if dead := w.Send(o, texts(list...)); len(dead) > 0 {
					t.Fatalf("refused for good: %v", dead)
				}
				n += size
			}
			for stands := false; !stands; {
				send()
				select {
				case <-fine:
					stands = true
				default:
				}
			}
			send()
			var stored []string
			for seen := map[string]bool{}; len(seen) < n; {
				m := take(t, got, 1)[0]
				stored, seen[m] = append(stored, m), true
			}
			w.Balance(stored, n, nil, plugintest.Freely)
		})
	}
}
