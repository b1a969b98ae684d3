package hec

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// poster is an input, and a client that posts what is appended as raw lines; its
// journal takes everything.
type poster struct {
	*input
	t    testing.TB
	todo chan []byte
	stop chan struct{}
	busy sync.WaitGroup
}

func (p *poster) Open(ctx context.Context, from []byte) error {
	if err := p.input.Open(ctx, from); err != nil {
		return err
	}
	p.stop = make(chan struct{})
	p.busy.Go(func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for {
			select {
			case content := <-p.todo:
				status, text := post(client, "http://"+p.web.Addr().String()+"/services/collector/raw", string(content), nil)
				select {
				case <-p.stop:
					return
				default:
				}
				if status != http.StatusOK {
					p.t.Errorf("the answer is %d %q", status, text)
				}
			case <-p.stop:
				return
			}
		}
	})
	return nil
}

func (p *poster) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	err := p.input.Read(ctx, b, wait)
	if b.Accepted != nil {
		b.Accepted(nil)
	}
	return err
}

func (p *poster) Close() error {
	close(p.stop)
	err := p.input.Close()
	p.busy.Wait()
	return err
}

// post returns the answer to a body; 0 where there was none.
func post(client *http.Client, url, body string, header http.Header) (int, string) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, err.Error()
	}
	return do(client, r, header)
}

func do(client *http.Client, r *http.Request, header http.Header) (int, string) {
	for k, v := range header {
		r.Header[k] = v
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	all, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode, string(bytes.TrimSpace(all))
}

// TestConformance runs the suite.
func TestConformance(t *testing.T) {
	var mu sync.Mutex
	lanes := map[string]chan []byte{}
	lane := func(dir string) chan []byte {
		mu.Lock()
		defer mu.Unlock()
		if lanes[dir] == nil {
			lanes[dir] = make(chan []byte, 256)
		}
		return lanes[dir]
	}
	p := Plugin
	p.Input = func(settings any, env plugin.Env) (plugin.Input, error) {
		in, err := Plugin.Input(settings, env)
		if err != nil {
			return nil, err
		}
		return &poster{input: in.(*input), t: t, todo: lane(env.Dir)}, nil
	}
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: p, Golden: "testdata", NoPosition: true, NoEnd: true,
		Settings: func(testing.TB, string) any {
			s := defaults()
			s.Listen.Value = "127.0.0.1:0"
			return &s
		},
		Append: func(_ testing.TB, dir string, content []byte) {
			if len(content) > 0 {
				lane(dir) <- content
			}
		},
		Refused: func(testing.TB) any {
			s := defaults()
			s.Acks = 0
			return &s
		},
	})
}

// rig is an open input, and what came of what was posted.
type rig struct {
	url    string
	client *http.Client
	mu     sync.Mutex // guards what follows
	came   []string
	refuse error // what the journal answers
}

func start(t *testing.T, change func(*Settings)) *rig {
	t.Helper()
	s := defaults()
	s.Listen.Value = "127.0.0.1:0"
	if change != nil {
		change(&s)
	}
	in, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	r := &rig{url: "http://" + in.(*input).web.Addr().String() + "/services/collector", client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	ctx, cancel := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			var b event.Batch
			_ = in.Read(ctx, &b, 10*time.Millisecond)
			r.mu.Lock()
			for i := range b.Events {
				b.Events[i].Offset = 0
				b.Events[i].Fields = b.Events[i].Fields[1:] // the peer's address
				r.came = append(r.came, plugintest.Dump(&b.Events[i]))
			}
			no := r.refuse
			r.mu.Unlock()
			if b.Accepted != nil {
				b.Accepted(no)
			}
		}
	})
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		busy.Wait()
	})
	return r
}

func (r *rig) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.came
	r.came = nil
	return all
}

func (r *rig) refuses(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = err
}
