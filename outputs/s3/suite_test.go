package s3

import (
	"testing"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func TestConformance(t *testing.T) {
	key(t)
	for _, compression := range []string{compressGzip, compressZstd, compressNone} {
		t.Run(compression, func(t *testing.T) {
			plugintest.Collector(t, plugintest.CollectorSuite{
				Plugin: Plugin,
				Destination: func(t testing.TB) (any, func() []string) {
					s := s3test.New(t)
					c := to(s)
					c.Compression = compression
					return c, func() []string { return lines(t, s) }
				},
				Once: true,
				Broken: func(t testing.TB) any {
					c := to(s3test.New(t))
					c.Bucket = "missing"
					return c
				},
				Stuck: func(t testing.TB) any {
					s := s3test.New(t)
					s.Fail(func(s3test.Request) s3test.Fault { return s3test.Fault{Wait: make(chan struct{})} })
					return to(s)
				},
				Refused: func(t testing.TB) any {
					c := to(s3test.New(t))
					c.Prefix = plugin.Text{Value: "../{{ event.dataset }}"}
					return c
				},
			})
		})
	}
}
