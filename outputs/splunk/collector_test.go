package splunk

import (
	"net"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func TestCollectorConformance(t *testing.T) {
	with := func(t testing.TB, url string) *Settings {
		s := settingsFor(t, url)
		s.Ack, s.AckInterval = true, time.Millisecond
		return s
	}
	plugintest.Collector(t, plugintest.CollectorSuite{
		Plugin: Plugin,
		Destination: func(t testing.TB) (any, func() []string) {
			d := newDouble(t, acking)
			return with(t, d.URL), d.texts
		},
		Broken: func(t testing.TB) any {
			d := newDouble(t, nil)
			d.Close()
			return with(t, d.URL)
		},
		Stuck: func(t testing.TB) any {
			ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts; nobody reads
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = ln.Close() })
			return with(t, "http://"+ln.Addr().String())
		},
		Refused: func(t testing.TB) any {
			s := with(t, "https://127.0.0.1")
			s.Web.TLS = &clienttls.Settings{CA: plugin.Text{Value: "absent"}}
			return s
		},
	})
}
