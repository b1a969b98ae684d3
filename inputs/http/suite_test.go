package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/servertls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// sender posts what is to be sent to the input in a folder, in order, once the
// input listens.
type sender struct {
	mu  sync.Mutex
	all map[string]chan []byte
}

func (s *sender) lane(dir string) chan []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]chan []byte{}
	}
	if s.all[dir] == nil {
		s.all[dir] = make(chan []byte, 256)
	}
	return s.all[dir]
}

// opened is an input with a sender, and a journal that takes everything.
type opened struct {
	*input
	t    testing.TB
	todo chan []byte
	stop chan struct{}
	busy sync.WaitGroup
}

func (o *opened) Open(ctx context.Context, from []byte) error {
	if err := o.input.Open(ctx, from); err != nil {
		return err
	}
	o.stop = make(chan struct{})
	o.busy.Go(func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for {
			select {
			case content := <-o.todo:
				status, text, err := postTo(client, "http://"+o.web.Addr().String()+"/", content, nil)
				select {
				case <-o.stop: // the test is over and read what it wanted
					return
				default:
				}
				if err != nil || status != http.StatusOK {
					o.t.Errorf("the answer is %d %q, %v", status, text, err)
				}
			case <-o.stop:
				return
			}
		}
	})
	return nil
}

func (o *opened) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	err := o.input.Read(ctx, b, wait)
	if b.Accepted != nil {
		b.Accepted(nil)
	}
	return err
}

func (o *opened) Close() error {
	close(o.stop)
	err := o.input.Close()
	o.busy.Wait()
	return err
}

// postTo posts a body and returns the answer.
func postTo(client *http.Client, url string, body []byte, header http.Header) (status int, text string, err error) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	all, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all), errors.Join(err, answer.Body.Close())
}

// TestConformance: the input passes the suite.
func TestConformance(t *testing.T) {
	s := &sender{}
	p := Plugin
	p.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
		in, err := Plugin.Input(settings, env)
		if err != nil {
			return nil, err
		}
		return &opened{input: in.(*input), t: t, todo: s.lane(env.Dir)}, nil
	}
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: p, Golden: "testdata", NoPosition: true, NoEnd: true,
		Settings: func(testing.TB, string) any {
			set := defaults()
			set.Listen.Value = "127.0.0.1:0"
			return &set
		},
		Append: func(_ testing.TB, dir string, content []byte) {
			if len(content) > 0 {
				s.lane(dir) <- content
			}
		},
		Refused: func(testing.TB) any {
			set := defaults()
			set.Listen.Value = "nowhere"
			return &set
		},
	})
}

func TestSettingsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Settings)
		want   string // part of the problem, "" for none
		warn   bool
	}{
		{"defaults", func(*Settings) {}, "", false},
		{"no port", func(s *Settings) { s.Listen.Value = "127.0.0.1" }, "not an address and a port", false},
		{"no host", func(s *Settings) { s.Listen.Value = ":8088" }, "not an address and a port", false},
		{"open to all", func(s *Settings) { s.Listen.Value = "0.0.0.0:8088" }, "anyone who reaches", true},
		{"token without TLS", func(s *Settings) { s.Listen.Value = "0.0.0.0:8088"; s.Token = &plugin.Secret{Env: "T"} }, "unencrypted", true},
		{"token with TLS", func(s *Settings) {
			s.Listen.Value, s.Token, s.TLS = "0.0.0.0:8088", &plugin.Secret{Env: "T"}, &servertls.Settings{}
		}, "", false},
		{"client certificates", func(s *Settings) {
			s.Listen.Value, s.TLS = "0.0.0.0:8088", &servertls.Settings{ClientCA: plugin.Text{Value: "ca"}}
		}, "", false},
		{"empty token", func(s *Settings) { s.Token = &plugin.Secret{} }, "refers to nothing", false},
		{"a path without a slash", func(s *Settings) { s.Paths = map[string]string{"a": "plain"} }, "is no path", false},
		{"a path without a decoder", func(s *Settings) { s.Paths = map[string]string{"/a": ""} }, "has no decoder", false},
		{"a small buffer", func(s *Settings) { s.Buffer = s.MaxBody }, "three times max_body", false},
		{"no time", func(s *Settings) { s.AcceptTime = 0 }, "accept_timeout", false},
	} {
		s := defaults()
		c.change(&s)
		p := s.Check()
		if text := p.Error(); c.want == "" && len(p) > 0 || !strings.Contains(text, c.want) || p.Bad() != (c.want != "" && !c.warn) {
			t.Errorf("%s: %q, bad %v", c.name, text, p.Bad())
		}
	}
}
