package respond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	boxID = strings.Repeat("ab", 32)
	netID = strings.Repeat("cd", 32)
)

// double is an engine with one container.
type double struct {
	socket string

	mu     sync.Mutex // guards what follows
	box    map[string]any
	status map[string]int    // answers, by method and path
	body   map[string]string // likewise
	asked  []string
}

func newDouble(t *testing.T) *double {
	t.Helper()
	d := &double{socket: filepath.Join(t.TempDir(), "s"), status: map[string]int{}, body: map[string]string{},
		box: map[string]any{"Id": boxID, "Name": "/web", "State": map[string]any{"Running": true, "Paused": false},
			"Config":          map[string]any{"Image": "shop/api:1", "Labels": map[string]string{"team": "blue"}},
			"NetworkSettings": map[string]any{"Networks": map[string]any{"bridge": map[string]string{"NetworkID": netID}}}}}
	l, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: d, ReadHeaderTimeout: time.Second}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return d
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := r.Method + " " + r.URL.Path
	if r.Method == http.MethodPost {
		d.asked = append(d.asked, r.URL.Path)
	}
	if code := d.status[at]; code != 0 {
		w.Header().Set("Location", "/containers/"+boxID+"/kill")
		w.WriteHeader(code)
		return
	}
	if body, ok := d.body[at]; ok {
		_, _ = w.Write([]byte(body))
		return
	}
	switch at {
	case "GET /containers/" + boxID + "/json":
		_ = json.NewEncoder(w).Encode(d.box)
	case "POST /containers/" + boxID + "/pause":
		d.box["State"].(map[string]any)["Paused"] = true
		w.WriteHeader(http.StatusNoContent)
	case "POST /networks/" + netID + "/disconnect":
		d.box["NetworkSettings"] = map[string]any{}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (d *double) did() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.asked)
}

// TestWhatIsRefusedCounts: each alert would have the engine asked again.
func TestWhatIsRefusedCounts(t *testing.T) {
	d := newDouble(t)
	d.status["POST /containers/"+boxID+"/pause"] = http.StatusForbidden
	store := &plugintest.Store{}
	change := func(s *Settings, _ *plugin.Env) { s.PerContainer = 2 }
	b := newBench(t, d, store, change)
	b.send(t, b.alert("one", boxID))
	b.send(t, b.alert("two", boxID))
	again := newBench(t, d, store, change) // over a restart
	again.send(t, again.alert("three", boxID), again.alert("one", boxID))
	if want := []string{"failure engine_refused", "failure engine_refused"}; !slices.Equal(b.said, want) {
		t.Errorf("said %q, want %q", b.said, want)
	}
	if want := []string{"failure container_rate_limited"}; !slices.Equal(again.said, want) || len(d.did()) != 2 {
		t.Errorf("said %q, want %q; asked %q", again.said, want, d.did())
	}
}

// TestAPartOfTheNetworks: what was cut is said, as a change, and counts.
func TestAPartOfTheNetworks(t *testing.T) {
	d := newDouble(t)
	second := strings.Repeat("ef", 32)
	d.box["NetworkSettings"] = map[string]any{"Networks": map[string]any{"a": map[string]string{"NetworkID": netID}, "b": map[string]string{"NetworkID": second}}}
	d.status["POST /networks/"+second+"/disconnect"] = http.StatusForbidden
	b := newBench(t, d, nil, func(s *Settings, _ *plugin.Env) { s.Action, s.PerContainer = disconnect, 1 })
	b.send(t, b.alert("one", boxID), b.alert("two", boxID))
	if want := []string{"failure partly_disconnected", "failure container_rate_limited"}; !slices.Equal(b.said, want) {
		t.Errorf("said %q, want %q", b.said, want)
	}
	if got := b.all[0].Get(schema.EventType).Str(); got != "change" {
		t.Errorf("the event is of type %q", got)
	}
}

// bench is an output with what it said.
type bench struct {
	*output
	now  time.Time
	said []string
	all  []event.Event
}

func newBench(t *testing.T, d *double, store plugin.Store, change func(*Settings, *plugin.Env)) *bench {
	t.Helper()
	s, env := Default(), plugintest.Env(t.TempDir())
	s.Mode, s.Action, s.Socket = act, pause, d.socket
	b := &bench{now: env.Now()}
	env.Now = func() time.Time { return b.now }
	if store != nil {
		env.Store = store
	}
	env.Say = func(e event.Event) {
		b.all = append(b.all, e)
		b.said = append(b.said, e.Get(schema.EventOutcome).Str()+" "+e.Get(schema.EventReason).Str())
	}
	if change != nil {
		change(&s, &env)
	}
	out, err := New(&s, env)
	if err != nil {
		t.Fatal(err)
	}
	b.output = out.(*output)
	t.Cleanup(func() { _ = out.Close() })
	return b
}

func (b *bench) alert(name, id string) event.Event {
	var f event.Fields
	f.AddString(schema.EventKind, "alert")
	f.AddString(schema.RuleID, "TM-CT-001")
	f.AddString(schema.ContainerID, id)
	return event.Event{ID: event.NewID([]byte(name)), Time: b.now, Seen: b.now, Dataset: "auditd.log", Fields: f}
}

func (b *bench) send(t *testing.T, events ...event.Event) {
	t.Helper()
	var loan plugintest.Loan
	err := b.Send(context.Background(), loan.Lend(events))
	if loan.Back(); err != nil {
		t.Fatal(err)
	}
}

func TestActsAndRefuses(t *testing.T) {
	other := strings.Repeat("ef", 32)
	inspect, pausing := "GET /containers/"+boxID+"/json", "POST /containers/"+boxID+"/pause"
	paused, cut := []string{"/containers/" + boxID + "/pause"}, []string{"/networks/" + netID + "/disconnect"}
	for _, c := range []struct {
		name   string
		change func(*Settings, *plugin.Env)
		engine func(*double)
		event  func(*event.Event)
		want   string
		did    []string
	}{
		{name: "pause", want: "success acted", did: paused},
		{name: "disconnect", change: func(s *Settings, _ *plugin.Env) { s.Action = disconnect }, want: "success acted", did: cut},
		{name: "the default changes nothing", change: func(s *Settings, _ *plugin.Env) { s.Mode = Default().Mode }, want: "unknown dry_run"},
		{name: "a dry run of the program", change: func(_ *Settings, e *plugin.Env) { e.Dry = true }, want: "unknown dry_run"},
		{name: "a run over old data", change: func(_ *Settings, e *plugin.Env) { e.Once = true }, want: "failure too_old"},
		{name: "too old", event: func(e *event.Event) { e.Time = e.Time.Add(-time.Minute - 1) }, want: "failure too_old"},
		{name: "of the future", event: func(e *event.Event) { e.Time = e.Time.Add(2 * time.Minute) }, want: "failure too_old"},
		{name: "no container", event: func(e *event.Event) { e.Fields.Set(schema.ContainerID, event.String("../../images")) }, want: "failure no_container"},
		{name: "unknown to the engine", event: func(e *event.Event) { e.Fields.Set(schema.ContainerID, event.String(other)) }, want: "failure no_such_container"},
		{name: "a name", change: func(s *Settings, _ *plugin.Env) { s.Never.Names = []string{"w*"} }, want: "failure never_list"},
		{name: "an image", change: func(s *Settings, _ *plugin.Env) { s.Never.Images = []string{"shop/*"} }, want: "failure never_list"},
		{name: "a label", change: func(s *Settings, _ *plugin.Env) { s.Never.Labels = map[string]string{"team": "blue"} }, want: "failure never_list"},
		{name: "another label", change: func(s *Settings, _ *plugin.Env) { s.Never.Labels = map[string]string{"team": "red"} }, want: "success acted", did: paused},
		{name: "it stands", engine: func(d *double) { d.box["State"] = map[string]any{} }, want: "failure not_running"},
		{name: "paused already", engine: func(d *double) { d.box["State"] = map[string]any{"Running": true, "Paused": true} }, want: "success already_so"},
		{name: "the host's network", change: func(s *Settings, _ *plugin.Env) { s.Action = disconnect }, engine: func(d *double) {
			d.box["NetworkSettings"] = map[string]any{"Networks": map[string]any{"host": map[string]string{"NetworkID": netID}}}
		}, want: "failure engine_refused"},
		{name: "a network that is a path", change: func(s *Settings, _ *plugin.Env) { s.Action = disconnect }, engine: func(d *double) {
			d.box["NetworkSettings"] = map[string]any{"Networks": map[string]any{"x": map[string]string{"NetworkID": "../containers"}}}
		}, want: "failure engine_refused"},
		{name: "another container is answered", engine: func(d *double) { d.box["Id"] = other }, want: "failure engine_refused"},
		{name: "no JSON", engine: func(d *double) { d.body[inspect] = "<html>" }, want: "failure engine_refused"},
		{name: "too long", engine: func(d *double) { d.body[inspect] = strings.Repeat(" ", mostAnswer+1) }, want: "failure engine_refused"},
		{name: "a redirection is not followed", engine: func(d *double) { d.status[pausing] = http.StatusTemporaryRedirect }, want: "failure engine_refused", did: paused},
		{name: "forbidden", engine: func(d *double) { d.status[pausing] = http.StatusForbidden }, want: "failure engine_refused", did: paused},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t)
			if c.engine != nil {
				c.engine(d)
			}
			b := newBench(t, d, nil, c.change)
			e := b.alert("one", boxID)
			if c.event != nil {
				c.event(&e)
			}
			b.send(t, e)
			if !slices.Equal(b.said, []string{c.want}) || !slices.Equal(d.did(), c.did) {
				t.Errorf("said %q and did %q, want %q and %q", b.said, d.did(), c.want, c.did)
			}
			if got := b.all[0].Get(schema.RuleID).Str(); got != "TM-CT-001" {
				t.Errorf("the event names rule %q", got)
			}
		})
	}
}

// TestOnlyAlerts: what it says itself, and all else, is left alone.
func TestOnlyAlerts(t *testing.T) {
	d := newDouble(t)
	b := newBench(t, d, nil, nil)
	e := b.alert("one", boxID)
	e.Fields.Set(schema.EventKind, event.String("event"))
	b.send(t, e)
	if len(b.said) > 0 || len(d.did()) > 0 {
		t.Errorf("said %q and did %q", b.said, d.did())
	}
}

func TestOwnContainer(t *testing.T) {
	d := newDouble(t)
	b := newBench(t, d, nil, nil)
	b.own = func() string {
		return ownIn("1 2 0:3 /var/lib/docker/containers/" + netID + "/mounts/shm /var/lib/x rw\n" +
			"5 2 8:1 /var/lib/docker/containers/" + boxID + "/hostname /etc/hostname rw - ext4 /dev/sda rw\n")
	}
	b.send(t, b.alert("one", boxID))
	if !slices.Equal(b.said, []string{"failure own_container"}) || len(d.did()) > 0 {
		t.Errorf("said %q and did %q", b.said, d.did())
	}
}

// TestOnceOverRestarts: an alert that comes again, also after a restart, is
// neither acted on nor told again; and the limits hold over a restart.
func TestOnceOverRestarts(t *testing.T) {
	d, store := newDouble(t), new(plugintest.Store)
	b := newBench(t, d, store, nil)
	one := b.alert("one", boxID)
	b.send(t, one, one)
	d.mu.Lock()
	d.box["State"].(map[string]any)["Paused"] = false // a person resumed it
	d.mu.Unlock()
	b = newBench(t, d, store, nil)
	b.send(t, one, b.alert("two", boxID))
	if want := []string{"failure container_rate_limited"}; !slices.Equal(b.said, want) || len(d.did()) != 1 {
		t.Errorf("said %q and did %q, want %q", b.said, d.did(), want)
	}
	b.now = b.now.Add(remembered)
	b.send(t, b.alert("three", boxID))
	if len(d.did()) != 2 {
		t.Errorf("after ten minutes: said %q and did %q", b.said, d.did())
	}
}

func TestRateLimit(t *testing.T) {
	d := newDouble(t)
	b := newBench(t, d, nil, func(s *Settings, _ *plugin.Env) { s.Mode, s.PerMinute, s.PerContainer = dryRun, 2, 9 })
	for i := range 3 {
		b.send(t, b.alert(fmt.Sprint(i), boxID))
	}
	b.now = b.now.Add(time.Minute)
	b.send(t, b.alert("later", boxID))
	want := []string{"unknown dry_run", "unknown dry_run", "failure rate_limited", "unknown dry_run"}
	if !slices.Equal(b.said, want) {
		t.Errorf("said %q, want %q", b.said, want)
	}
}

// TestRetriesUntilTooOld: an engine that fails is asked again until the alert is
// too old to be acted on, and then that is said.
func TestRetriesUntilTooOld(t *testing.T) {
	d := newDouble(t)
	d.status["GET /containers/"+boxID+"/json"] = http.StatusInternalServerError
	b := newBench(t, d, nil, nil)
	one := b.alert("one", boxID)
	err := b.Send(context.Background(), []event.Event{one})
	var e *plugin.Error
	if !errors.As(err, &e) || e.Kind != plugin.KindPartial || len(e.Failed) != 1 || len(b.said) > 0 {
		t.Fatalf("an engine that fails: %v, said %q", err, b.said)
	}
	if kind, _ := plugin.KindOf(e.Failed[0].Err); kind != plugin.KindRetry {
		t.Errorf("it is not tried again: %v", err)
	}
	b.now = b.now.Add(61 * time.Second)
	b.send(t, one)
	if !slices.Equal(b.said, []string{"failure too_old"}) {
		t.Errorf("said %q", b.said)
	}
}

// TestNothingWithoutMemory: where it is not known what was done, or it cannot be
// kept, nothing is told as done.
func TestNothingWithoutMemory(t *testing.T) {
	d := newDouble(t)
	b := newBench(t, d, &plugintest.Store{State: []byte("{")}, nil)
	if err := b.Send(context.Background(), []event.Event{b.alert("one", boxID)}); err == nil || len(d.did()) > 0 {
		t.Errorf("with damaged memory: %v, did %q", err, d.did())
	}
	store := new(plugintest.Store)
	b = newBench(t, d, store, nil)
	b.send(t)
	store.Err = errors.New("disk full")
	if err := b.Send(context.Background(), []event.Event{b.alert("one", boxID)}); err == nil || len(b.said) > 0 {
		t.Errorf("with a full disk: %v, said %q", err, b.said)
	}
	store.Err = nil
	b.send(t, b.alert("one", boxID))
	if !slices.Equal(b.said, []string{"success already_so"}) || len(d.did()) != 1 {
		t.Errorf("afterwards: said %q, did %q", b.said, d.did())
	}
}

// TestStoreHoldsTheMost: what is remembered at most fits what an output may keep.
func TestStoreHoldsTheMost(t *testing.T) {
	var list []done
	for range mostPerMinute * int(remembered/time.Minute) {
		list = append(list, done{event.NewID([]byte("x")).String(), boxID, time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)})
	}
	if b, err := json.Marshal(list); err != nil || len(b) > 64<<10 {
		t.Errorf("%d bytes (%v)", len(b), err)
	}
}

func TestSettings(t *testing.T) {
	plugintest.Documented(t, Plugin)
	for name, change := range map[string]func(*Settings){
		"mode": func(s *Settings) { s.Mode = "yes" }, "action": func(s *Settings) { s.Action = "kill" }, "socket": func(s *Settings) { s.Socket = "x" },
		"max_age": func(s *Settings) { s.MaxAge = time.Hour }, "per_minute": func(s *Settings) { s.PerMinute = 31 },
		"per_container": func(s *Settings) { s.PerContainer = 0 }, "never.names": func(s *Settings) { s.Never.Names = []string{"[a"} },
	} {
		s := Default()
		s.Action = pause
		if p := s.Check(); p.Bad() {
			t.Fatal(p)
		}
		change(&s)
		if p := s.Check(); len(p) != 1 || p[0].Key != name {
			t.Errorf("%s: %v", name, p)
		}
	}
}
