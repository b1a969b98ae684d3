package alerts

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/toolinput"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what comes at once.
const patience = 20 * time.Second

// TestFiles runs the conformance suite on files.
func TestFiles(t *testing.T) {
	plugintest.Input(t, plugintest.InputSuite{
		Plugin: Plugin, Golden: "testdata",
		Settings: func(_ testing.TB, dir string) any {
			s := defaults()
			s.Path = []plugin.Text{{Value: filepath.Join(dir, "*.log")}}
			return &s
		},
		Append: func(t testing.TB, dir string, content []byte) {
			f, err := os.OpenFile(filepath.Join(dir, "a.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err == nil {
				_, err = f.Write(content)
				err = cmpErr(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		Vanish: func(t testing.TB, dir string) {
			if err := os.Remove(filepath.Join(dir, "a.log")); err != nil {
				t.Fatal(err)
			}
		},
		Refused: func(testing.TB) any {
			s := defaults()
			s.Decode = ""
			return &s
		},
	})
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// poster is an input that listens, and a client that posts what is appended, in
// order; its journal takes everything.
type poster struct {
	*toolinput.Listener
	t    testing.TB
	todo chan []byte
	stop chan struct{}
	busy sync.WaitGroup
}

func (p *poster) Open(ctx context.Context, from []byte) error {
	if err := p.Listener.Open(ctx, from); err != nil {
		return err
	}
	p.stop = make(chan struct{})
	p.busy.Go(func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for {
			select {
			case content := <-p.todo:
				status, text := post(client, "http://"+p.Addr()+"/", content, nil)
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
	err := p.Listener.Read(ctx, b, wait)
	if b.Accepted != nil {
		b.Accepted(nil)
	}
	return err
}

func (p *poster) Close() error {
	close(p.stop)
	err := p.Listener.Close()
	p.busy.Wait()
	return err
}

// post returns the answer to a body; 0 where there was none.
func post(client *http.Client, url string, body []byte, header http.Header) (int, string) {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	for k, v := range header {
		r.Header[k] = v
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	all, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode, string(all)
}

// TestListener runs the conformance suite on the listener.
func TestListener(t *testing.T) {
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
		return &poster{Listener: in.(*toolinput.Listener), t: t, todo: lane(env.Dir)}, nil
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
			s.Listen.Value = "nowhere"
			return &s
		},
	})
}

// rig is an open listener with a journal that takes everything, and what came.
type rig struct {
	url    string
	client *http.Client
	mu     sync.Mutex
	raws   []string
	decode string
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
	r := &rig{url: "http://" + in.(*toolinput.Listener).Addr(), client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	ctx, cancel := context.WithCancel(context.Background())
	var busy sync.WaitGroup
	busy.Go(func() {
		for ctx.Err() == nil {
			var b event.Batch
			_ = in.Read(ctx, &b, 10*time.Millisecond)
			r.mu.Lock()
			for i := range b.Events {
				r.raws, r.decode = append(r.raws, b.Events[i].Raw), b.Events[i].Decode
			}
			r.mu.Unlock()
			if b.Accepted != nil {
				b.Accepted(nil)
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

func (r *rig) came() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.raws
	r.raws = nil
	return all
}

// TestToken: who shows no token, or a wrong one, is told 401, and nothing of it
// comes.
func TestToken(t *testing.T) {
	t.Setenv("TALLYMAN_TEST_TOKEN", "s3cret")
	r := start(t, func(s *Settings) { s.Token = &plugin.Secret{Env: "TALLYMAN_TEST_TOKEN"} })
	for _, c := range []struct {
		header, value string
		want          int
	}{{"Authorization", "Bearer s3cret", 200}, {"Authorization", "s3cret", 200}, {"Authorization", "Bearer no", 401}, {"X", "", 401}} {
		if status, text := post(r.client, r.url, []byte(`{"a":1}`), http.Header{c.header: {c.value}}); status != c.want {
			t.Errorf("%s: %s: %d %s", c.header, c.value, status, text)
		}
	}
	if got := r.came(); len(got) != 2 {
		t.Errorf("%d records came", len(got))
	}
}

// TestHostile: I9 to I12 at this listener: what is too large or nested without end
// is refused in words or taken whole, and the listener goes on.
func TestHostile(t *testing.T) {
	r := start(t, func(s *Settings) { s.MaxBody, s.Buffer = 64<<10, 1<<20 })
	for _, c := range []struct {
		name, body string
		header     http.Header
		status     int
	}{
		{"I10 larger than max_body", strings.Repeat("x", 64<<10+1), nil, http.StatusRequestEntityTooLarge},
		{"I11 no gzip at all", "plain", http.Header{"Content-Encoding": {"gzip"}}, http.StatusBadRequest},
		{"I11 another packing", "x", http.Header{"Content-Encoding": {"br"}}, http.StatusUnsupportedMediaType},
		{"I12 nested without end", `{"a":` + strings.Repeat("[", 20_000), nil, http.StatusBadRequest},
		{"GET", "", nil, 0},
	} {
		if c.name == "GET" {
			answer, err := r.client.Get(r.url)
			if err != nil || answer.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("GET: %v, %v", answer, err)
			}
			_ = answer.Body.Close()
			continue
		}
		if status, text := post(r.client, r.url, []byte(c.body), c.header); status != c.status {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
	if got := r.came(); len(got) != 0 {
		t.Errorf("%d records came of what was refused", len(got))
	}
	if status, text := post(r.client, r.url, []byte(`{"a":1}`), nil); status != http.StatusOK {
		t.Errorf("afterwards: %d %s", status, text)
	}
}
