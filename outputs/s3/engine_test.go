package s3

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"tallyman/outputs/s3/s3test"
	"tallyman/pipeline/enginetest"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestWeatherThroughTheEngine: a store that fails in every way by chance, behind the
// real journal and engine, with stops and kills between. Each event is in one object,
// the books agree, and the archive verifies as whole.
func TestWeatherThroughTheEngine(t *testing.T) {
	key(t)
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w := plugintest.NewWeather(t, seed, 40, enginetest.Troubles(seed)...)
			s := s3test.New(t)
			rough := httptest.NewServer(enginetest.Unkept(w.HTTP(s)))
			defer rough.Close()
			set := to(s)
			set.Endpoint.Value, set.Proxy.Value = rough.URL, "none"
			set.MaxSize, set.MaxAge, set.ManifestEvery = plugin.Size(300+w.Int(1000)), time.Duration(1+w.Int(20))*time.Second, 5*time.Second
			o := enginetest.Run{
				Output:  func(env plugin.Env) (plugin.Output, error) { return New(set, env) },
				Weather: w, Events: 300, Lives: 3,
			}.Deliver(t)
			w.Balance(lines(t, s), 300, o.Dead, plugintest.Never)
			if got := o.Book.Counts.Delivered; got != 300 {
				t.Errorf("the book says that %d are delivered", got)
			}
			if again := s.Rewrote(); len(again) > 0 {
				t.Errorf("these were overwritten: %v", again)
			}
			if r := verify(t, s, true); !r.OK() || len(r.Archives) != 1 || r.Archives[0].Events+r.Archives[0].Newer == 0 {
				t.Errorf("the archive is not whole: %+v", r)
			}
		})
	}
}

// TestOneBadEventThroughTheEngine: an event that cannot be written becomes a dead
// letter, and is missing in no object but its own.
func TestOneBadEventThroughTheEngine(t *testing.T) {
	key(t)
	w := plugintest.NewWeather(t, 1, 0)
	s := s3test.New(t)
	rough := httptest.NewServer(enginetest.Unkept(s))
	defer rough.Close()
	set := to(s)
	set.Endpoint.Value, set.Proxy.Value, set.MaxSize = rough.URL, "none", 1000
	o := enginetest.Run{
		Output: func(env plugin.Env) (plugin.Output, error) {
			out, err := New(set, env)
			if o, ok := out.(*output); ok {
				o.enc = enginetest.Refusing(o.enc)
			}
			return out, err
		},
		Weather: w, Events: 100,
	}.Deliver(t)
	o.Refused(t, 100)
	w.Balance(lines(t, s), 100, o.Dead, plugintest.Never)
	if r := verify(t, s, true); !r.OK() {
		t.Errorf("the archive is not whole: %+v", r)
	}
}
