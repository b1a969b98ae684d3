package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"

	"tallyman/pipeline/engine"
)

var update = flag.Bool("update", false, "write the golden screens anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile is a name that would clear a screen, set its title and turn the text round.
const hostile = "evil\x1b[2J\x1b]0;owned\x07\r\n\u202eexe"

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// at is the state of a process so many seconds after noon: it reads faster than one of
// its outputs can follow.
func at(second int) *State {
	n := uint64(second)
	return &State{PID: 4711,
		Status: engine.Status{Version: "1.0.0", Uptime: 90061 + float64(second), Ready: false, Problem: "output siem: connection refused",
			Journal: engine.JournalStatus{Bytes: 300 << 20, Max: 1 << 30},
			Inputs: []engine.PartStatus{{Name: "audit", Up: true, Records: 1_000_000 + 1200*n},
				{Name: "docker", Up: true, Records: 5000 + 3*n}, {Name: hostile, Error: "open /var/log/app.log: permission denied"}},
			Outputs: []engine.BookStatus{
				{Name: "archive", Up: true, Balanced: true, Book: map[string]uint64{"received": 1_000_000 + 1203*n, "delivered": 1_000_000 + 1203*n}, Generated: map[string]uint64{}},
				{Name: "siem", Error: "connection refused", Balanced: true, Waiting: 12 << 20,
					Book:      map[string]uint64{"received": 1_000_000 + 1200*n, "delivered": 900_000 + 200*n, "buffered": 90_000 + 1000*n, "dropped_buffer_full": 10_000},
					Generated: map[string]uint64{"received": 10, "buffered": 10}},
			}},
		Rules:  []Rule{{"TM-CT-001", 12 + n/5}, {"TM-HO-007", 40}, {"TM-NET-001", 0}, {hostile, 1}},
		Losses: []Loss{{"audit", "kernel_lost_records", 2, 171}},
	}
}

// fake is a process whose clock a test moves.
type fake struct {
	second int
	err    error
	events []Event
}

func (f *fake) State(context.Context) (*State, error) {
	if f.err != nil {
		return nil, f.err
	}
	return at(f.second), nil
}

func (f *fake) Watch(ctx context.Context, seen func(Event)) error {
	for _, e := range f.events {
		seen(e)
	}
	<-ctx.Done()
	return ctx.Err()
}

// screenOf is a screen of a process that was looked at for half a minute.
func screenOf(t *testing.T, f *fake, width, height int, colour bool) Model {
	t.Helper()
	m := New(t.Context(), Options{Source: f, Interval: time.Second, Colour: colour,
		Now: func() time.Time { return noon.Add(time.Duration(f.second) * time.Second) }})
	m = send(m, tea.WindowSizeMsg{Width: width, Height: height})
	for f.second = range 31 {
		m = send(m, m.look())
	}
	return m
}

func send(m Model, msgs ...tea.Msg) Model {
	for _, msg := range msgs {
		next, _ := m.Update(msg)
		m = next.(Model)
	}
	return m
}

// press types keys: each rune is one, "enter" and the like are named in brackets.
func press(m Model, keys string) Model {
	for keys != "" {
		key := tea.KeyPressMsg{Code: rune(keys[0]), Text: keys[:1]}
		rest := keys[1:]
		for name, code := range map[string]rune{"<enter>": tea.KeyEnter, "<esc>": tea.KeyEscape, "<down>": tea.KeyDown, "<back>": tea.KeyBackspace} {
			if strings.HasPrefix(keys, name) {
				key, rest = tea.KeyPressMsg{Code: code}, keys[len(name):]
			}
		}
		m, keys = send(m, key), rest
	}
	return m
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got+"\n" != string(want) {
		t.Errorf("the screen is\n%s\nand not\n%s", got, want)
	}
}

// events are what flows by while the containers are shown.
func events() []Event {
	return []Event{{ID: "c0ffee00c0ffee00", Name: "shop", Image: "acme/shop", Action: "executed"},
		{ID: "c0ffee00c0ffee00", Name: "shop", Image: "acme/shop", Action: "executed", Alert: true},
		{ID: "deadbeefdeadbeef", Name: hostile, Image: hostile, Action: hostile}, {Missed: 3}}
}

// watched turns to the containers and sees what flows by.
func watched(m Model, f *fake) Model {
	m = press(m, "6")
	for _, e := range f.events {
		m.seen.add(m.at, e)
	}
	m.unwatch()
	return m
}

func TestScreens(t *testing.T) {
	for _, size := range []struct{ width, height int }{{80, 24}, {120, 40}} {
		for i, name := range []string{"inputs", "outputs", "books", "losses", "rules", "containers", "help", "opened", "filter"} {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.width, size.height), func(t *testing.T) {
				f := &fake{events: events()}
				m := screenOf(t, f, size.width, size.height, false)
				switch name {
				case "containers":
					m = watched(m, f)
				case "help":
					m = press(m, "?")
				case "opened":
					m = press(m, "2<down><enter>")
				case "filter":
					m = press(m, "1/dock")
				default:
					m = press(m, fmt.Sprint(i+1))
				}
				got := m.Screen()
				lines := strings.Split(got, "\n")
				if len(lines) != size.height {
					t.Errorf("%d lines", len(lines))
				}
				for _, l := range lines {
					if ansi.StringWidth(l) > size.width {
						t.Errorf("too wide: %q", l)
					}
				}
				golden(t, fmt.Sprintf("%s-%dx%d", name, size.width, size.height), got)
			})
		}
	}
}

// TestHostile: no byte of a name reaches the terminal that does more than show, with
// colours and without, in each pane and opened.
func TestHostile(t *testing.T) {
	f := &fake{events: events()}
	for _, colour := range []bool{false, true} {
		m := screenOf(t, f, 120, 40, colour)
		for p := 1; p <= int(numPanes); p++ {
			for _, keys := range []string{"", "G<enter>"} {
				m = press(m, fmt.Sprint(p))
				if pane(p-1) == paneContainers {
					m = watched(m, f)
				}
				got := press(m, keys).Screen()
				plain := ansi.Strip(got)
				if strings.ContainsAny(plain, "\x1b\a\r\u202e\u009b") || strings.Contains(got, "\x1b[2J") || strings.Contains(got, "\x1b]") {
					t.Errorf("pane %d %q: %q", p, keys, got)
				}
				if !colour && plain != got {
					t.Errorf("pane %d: there are colours without colours: %q", p, got)
				}
			}
		}
	}
	if colours := screenOf(t, f, 120, 40, true).Screen(); ansi.Strip(colours) == colours {
		t.Error("there are no colours")
	}
}

func TestKeys(t *testing.T) {
	body := func(m Model) string { return strings.Join(m.table(20), "\n") }
	f := &fake{}
	m := screenOf(t, f, 120, 40, false)
	if got := body(press(m, "/DOCK<enter>")); !strings.Contains(got, "docker") || strings.Contains(got, "audit") {
		t.Errorf("filtered: %s", got)
	}
	if got := body(press(m, "/nothing<enter>")); !strings.Contains(got, "esc takes the filter away") {
		t.Errorf("filtered away: %s", got)
	}
	if got := body(press(m, "/DOCKx<back><enter><esc>")); !strings.Contains(got, "audit") {
		t.Errorf("the filter taken away: %s", got)
	}
	order := func(m Model) bool { g := body(m); return strings.Index(g, "docker") < strings.Index(g, "audit") }
	if order(press(m, "s")) || !order(press(m, "sS")) {
		t.Error("by name, and the other way round")
	}
	if order(press(m, "ssss")) || !order(press(m, "ssssS")) {
		t.Error("by number: the largest first, and the other way round")
	}
	paused := press(m, "p")
	f.second += 10
	if still := send(paused, paused.look()); still.state != paused.state || !strings.Contains(still.Screen(), "PAUSED") {
		t.Error("a paused screen moves")
	}
	if on := press(paused, "p"); send(on, on.look()).state == paused.state {
		t.Error("a screen that goes on does not")
	}
	for _, key := range []tea.KeyPressMsg{{Code: 'q', Text: "q"}, {Code: 'c', Mod: tea.ModCtrl}} {
		_, cmd := m.Update(key)
		if cmd == nil {
			t.Fatalf("%s does not end it", key)
		}
		if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%s does not end it", key)
		}
	}
	for _, size := range []tea.WindowSizeMsg{{}, {Width: 1, Height: 1}, {Width: 20, Height: 5}, {Width: 500, Height: 200}} {
		if got := send(m, size).Screen(); size.Height > 0 && len(strings.Split(got, "\n")) != size.Height {
			t.Errorf("%v: %q", size, got)
		}
	}
}

// TestGone: the screen says that the process is gone, and shows its successor.
func TestGone(t *testing.T) {
	f := &fake{}
	m := screenOf(t, f, 120, 40, false)
	f.err = errors.New("tallyman does not run there; start it with `tallyman run`")
	m = send(m, m.look())
	if got := m.Screen(); !strings.Contains(got, "no answer since 12:00:30") || !strings.Contains(got, "tallyman run") || !strings.Contains(got, "audit") {
		t.Errorf("the screen is\n%s", got)
	}
	if got := New(t.Context(), Options{Source: f, Interval: time.Second, Now: time.Now}); !strings.Contains(send(got, got.look()).Screen(), "asks again every 1s") {
		t.Error("nothing is said of a process that never was")
	}
	f.err = nil
	if m = send(m, m.look()); m.err != nil {
		t.Error(m.err)
	}
}

// TestWatch: the process is watched while the containers are shown, and no longer.
func TestWatch(t *testing.T) {
	f := &fake{events: events()}
	m := screenOf(t, f, 120, 40, false)
	if m.unwatch != nil {
		t.Fatal("it is watched before anybody looks")
	}
	next, cmd := m.Update(tea.KeyPressMsg{Code: '6', Text: "6"})
	ended := make(chan tea.Msg, 1)
	go func() { ended <- cmd() }()
	m = press(next.(Model), "1")
	msg := <-ended
	if m = send(m, msg); m.unwatch != nil || m.err != nil {
		t.Errorf("watching did not end well: %v", m.err)
	}
	if list, n, missed := m.seen.list(); len(list) != 2 || n != 4 || missed != 3 || list[0].Alerts != 1 || list[0].Events != 2 {
		t.Errorf("seen: %+v, %d, %d", list, n, missed)
	}
}

func TestContainersAreBounded(t *testing.T) {
	s := newSeen()
	for i := range mostContainers + 10 {
		s.add(noon.Add(time.Duration(i)*time.Second), Event{ID: fmt.Sprint(i)})
	}
	list, _, _ := s.list()
	if len(list) != mostContainers {
		t.Errorf("%d are remembered", len(list))
	}
	for _, c := range list {
		if c.ID == "0" || c.ID == "9" {
			t.Errorf("the quietest, %s, is remembered", c.ID)
		}
	}
}

// TestPlainSaysEachProblem: what is wrong is a line each, cut where the tables end.
func TestPlainSaysEachProblem(t *testing.T) {
	st := at(0)
	st.Problem = "output siem: connection refused\ninput app: " + strings.Repeat("long ", 60)
	m := New(t.Context(), Options{})
	m.state = st
	var b bytes.Buffer
	if err := m.print(Plain{}, &b); err != nil {
		t.Fatal(err)
	}
	if want := "NOT READY\nNOT READY: output siem: connection refused\nNOT READY: input app: long long"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(line)); n > plainWidth+1 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
}

func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &moving{fake: fake{}, begin: time.Now()}
		o := Options{Source: f, Interval: 5 * time.Second, Now: time.Now}
		var b bytes.Buffer
		if err := RunPlain(t.Context(), o, Plain{Once: true}, &b); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"NOT READY: output siem: connection refused", "1,200", "RECORDS/S", "TM-CT-001", "kernel_lost_records", "never"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q in\n%s", want, b.String())
			}
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e\a") {
			t.Errorf("not inert: %q", b.String())
		}
		if strings.Contains(b.String(), "TM-NET-001") {
			t.Errorf("a rule that never matched takes a line:\n%s", b.String())
		}
		b.Reset()
		if err := RunPlain(t.Context(), o, Plain{Once: true, JSON: true}, &b); err != nil {
			t.Fatal(err)
		}
		var s Summary
		if err := json.Unmarshal(b.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if s.Inputs[0].Rate != 1200 || s.Outputs[1].Out != 200 || s.Outputs[1].Dropped != 10_000 || s.Losses[0].Count != 171 {
			t.Errorf("the summary is %+v", s)
		}
		b.Reset()
		ctx, cancel := context.WithTimeout(t.Context(), 17*time.Second)
		defer cancel()
		if err := RunPlain(ctx, o, Plain{JSON: true}, &b); err != nil || strings.Count(b.String(), "\n") != 3 {
			t.Errorf("%v: %s", err, b.String())
		}
		f.err = errors.New("gone")
		if err := RunPlain(t.Context(), o, Plain{}, &b); !errors.Is(err, f.err) {
			t.Error(err)
		}
	})
}

// moving is a process that lives by the clock.
type moving struct {
	fake
	begin time.Time
}

func (m *moving) State(ctx context.Context) (*State, error) {
	m.second = int(time.Since(m.begin) / time.Second)
	return m.fake.State(ctx)
}

func TestWords(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1234567), "1,234,567"},
		{rate(0), "0"}, {rate(0.25), "0.2"}, {rate(1234.4), "1,234"},
		{size(0), "0 B"}, {size(1536), "1.5 KiB"}, {size(1 << 41), "2.0 TiB"},
		{span(59 * time.Second), "59s"}, {span(61 * time.Second), "1m01s"}, {span(2 * time.Hour), "2h00m"}, {span(49 * time.Hour), "2d01h"},
		{inert("größe 日本"), "größe 日本"}, {inert("a\x1b[0mb\x9b"), `a\x1b[0mb` + "\ufffd"}, {inert("\u202e"), `\u202e`},
		{bar(0, 0, 4), "[....]"}, {bar(9, 4, 4), "[####]"}, {bar(1, 2, 4), "[##..]"},
		{spark([]float64{0, 1}, 5), "▁█"}, {spark([]float64{5, 0, 1}, 2), "▁█"}, {spark(nil, 5), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
