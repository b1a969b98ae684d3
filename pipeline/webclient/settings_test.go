package webclient_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/webclient"
)

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*webclient.Settings)
		want   string // "" for none
		warn   bool
	}{
		{"right", func(*webclient.Settings) {}, "", false},
		{"a loopback in the clear", func(s *webclient.Settings) { s.URL[0].Value = "http://127.0.0.1:8088" }, "", false},
		{"in the clear", func(s *webclient.Settings) { s.URL[0].Value = "http://h" }, "go to h unencrypted", true},
		{"no receiver", func(s *webclient.Settings) { s.URL = nil }, "url names no receiver", false},
		{"no scheme", func(s *webclient.Settings) { s.URL[0].Value = "h:8088" }, "neither https:// nor http://", false},
		{"no host", func(s *webclient.Settings) { s.URL[0].Value = "https:///x" }, "names no host", false},
		{"a password", func(s *webclient.Settings) { s.URL[0].Value = "https://u:hunter2@h" }, "holds a user or a password", false},
		{"a broken one with a password", func(s *webclient.Settings) { s.URL[0].Value = "https://u:hunter2%@h:x" }, "is not a URL", false},
		{"a fragment", func(s *webclient.Settings) { s.URL[0].Value = "https://h#x" }, "fragment", false},
		{"tls in the clear", func(s *webclient.Settings) {
			s.URL[0].Value, s.TLS = "http://127.0.0.1", &clienttls.Settings{}
		}, "tls is set, but no url is https", false},
		{"half a pair", func(s *webclient.Settings) { s.TLS = &clienttls.Settings{Cert: plugin.Text{Value: "c"}} }, "come together", false},
		{"no proxy", func(s *webclient.Settings) { s.Proxy.Value = "none" }, "", false},
		{"a proxy", func(s *webclient.Settings) { s.Proxy.Value = "http://p:3128" }, "", false},
		{"a SOCKS proxy", func(s *webclient.Settings) { s.Proxy.Value = "socks5h://p" }, "", false},
		{"a proxy that is none", func(s *webclient.Settings) { s.Proxy.Value = "p:3128" }, "proxy ", false},
		{"a password of nobody", func(s *webclient.Settings) { s.ProxyAuth.Env = "X" }, "but no proxy", false},
		{"no time", func(s *webclient.Settings) { s.Timeout = 0 }, "more than nothing", false},
		{"less than nothing", func(s *webclient.Settings) { s.RateEvents = -1 }, "less than nothing", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := webclient.Default()
			s.URL = []plugin.Text{{Value: "https://h:8088"}}
			c.change(&s)
			p := s.Check(true)
			if c.want == "" {
				if p != nil {
					t.Errorf("%v", p)
				}
				return
			}
			if !strings.Contains(p.Error(), c.want) || p.Bad() == c.warn || strings.Contains(p.Error(), "hunter2") {
				t.Errorf("%v", p)
			}
		})
	}
}

func TestSettingsAreDocumented(t *testing.T) {
	plugintest.Documented(t, plugin.NewOutput("web", "Is a test.", webclient.Default,
		func(*webclient.Settings, plugin.Env) (plugin.Output, error) { return nil, nil }))
}

func TestWrongSettingsAreRefusedAtTheStart(t *testing.T) {
	for name, s := range map[string]webclient.Settings{
		"nobody":    {},
		"no URL":    settings("carrier-pigeon"),
		"no CA":     {URL: []plugin.Text{{Value: "https://h"}}, TLS: &clienttls.Settings{CA: plugin.Text{Value: "absent"}}},
		"no proxy":  {URL: []plugin.Text{{Value: "https://h"}}, Proxy: plugin.Text{Value: "p"}},
		"no cipher": {URL: []plugin.Text{{Value: "https://h"}}, TLS: &clienttls.Settings{Cert: plugin.Text{Value: "a"}, Key: plugin.Text{Value: "b"}}},
	} {
		if c, err := webclient.New(&s, plugintest.Env(t.TempDir()), webclient.Options{}); err == nil || c != nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestEncoders(t *testing.T) {
	body := bytes.Repeat([]byte("what happened on a host "), 1000)
	for _, c := range []struct {
		word, name string
		decode     func(io.Reader) (io.Reader, error)
	}{
		{"", "", func(r io.Reader) (io.Reader, error) { return r, nil }},
		{"none", "", func(r io.Reader) (io.Reader, error) { return r, nil }},
		{"gzip", "gzip", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"zstd", "zstd", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }},
	} {
		e, err := webclient.NewEncoder(c.word)
		if err != nil || e.Name() != c.name {
			t.Fatalf("%q is called %q, %v", c.word, e.Name(), err)
		}
		for _, text := range [][]byte{body, nil, body[:5]} {
			wire, err := e.Encode(text)
			if err != nil {
				t.Fatal(err)
			}
			if c.name != "" && len(text) == len(body) && len(wire) > len(body)/10 {
				t.Errorf("%s: %d bytes became %d", c.word, len(body), len(wire))
			}
			r, err := c.decode(bytes.NewReader(wire))
			if err != nil {
				t.Fatalf("%s: %v", c.word, err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %d bytes came back of %d, %v", c.word, len(got), len(text), err)
			}
		}
	}
	if _, err := webclient.NewEncoder("brotli"); err == nil {
		t.Error("there is brotli")
	}
}

// TestRateOfEvents: a second's worth goes at once, and what is more than that
// takes its time, also in one batch.
func TestRateOfEvents(t *testing.T) {
	for _, c := range []struct {
		name        string
		set         func(*webclient.Settings)
		bytes, each int
		take        time.Duration
		sharers     int
	}{
		{name: "none", set: func(*webclient.Settings) {}, bytes: 1 << 20, each: 1000},
		{"of two clients", func(s *webclient.Settings) { s.RateEvents = 100 }, 10, 100, 7 * time.Second, 2},
		{"more clients than events", func(s *webclient.Settings) { s.RateEvents = 2 }, 10, 1, 6 * time.Second, 4},
		{"events", func(s *webclient.Settings) { s.RateEvents = 100 }, 10, 100, 3 * time.Second, 0},
		{"a batch larger than a second", func(s *webclient.Settings) { s.RateEvents = 100 }, 10, 250, 9 * time.Second, 0},
		{"bytes", func(s *webclient.Settings) { s.RateBytes = 1000 }, 500, 1, time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := settings("http://127.0.0.1:1")
				c.set(&s)
				client, err := webclient.New(&s, plugin.Env{}, webclient.Options{Sharers: c.sharers})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = client.Close() }()
				// Nobody is there: what counts is when the attempt was made.
				ctx, start := context.Background(), time.Now()
				for range 4 {
					if err := client.Wait(ctx, c.bytes, c.each); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(start).Round(time.Millisecond); took != c.take {
					t.Errorf("it took %v, not %v", took, c.take)
				}
				if s.RateEvents == 0 {
					return
				}
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				if err := client.Wait(ctx, c.bytes, 1000); err == nil {
					t.Error("a stop does not end the wait")
				}
			})
		})
	}
}
