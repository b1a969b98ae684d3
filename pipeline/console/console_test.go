package console

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an engine of one input and one output.
type fake struct {
	engine.Engine // for Tap: nothing flows through it
	status        engine.Status
	config        config.Config
}

func (f *fake) Status() engine.Status  { return f.status }
func (f *fake) Config() *config.Config { return &f.config }

// plain is a format: the message of an event.
type plain struct{}

func (plain) Append(dst []byte, e *event.Event) ([]byte, error) {
	return append(dst, e.Get(schema.Message).Str()...), nil
}

func newFake() *fake {
	f := &fake{}
	f.config.Inputs = []config.Component{{Name: "audit", Type: "auditd"}}
	f.config.Transforms = []config.Component{{Name: "rules", Type: "rules"}}
	f.config.Outputs = []config.OutputComponent{{Component: config.Component{Name: "siem", Type: "splunk"}}}
	f.status = engine.Status{Version: "1.2", Ready: true, Journal: engine.JournalStatus{Bytes: 5 << 20, Max: 10 << 20},
		Inputs: []engine.PartStatus{{Name: "audit", Up: true, Records: 1234567}},
		Outputs: []engine.BookStatus{{Name: "siem", Up: false, Error: "connection refused", Balanced: true, Lag: 9, Waiting: 4096,
			Book:      map[string]uint64{"received": 100, "delivered": 60, "buffered": 37, "dropped_operator_discard": 3},
			Generated: map[string]uint64{}}}}
	return f
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func newConsole(t *testing.T, f *fake, set config.Console) *Server {
	t.Helper()
	s, err := newServer(Options{Settings: set, Engine: f, Meters: &meter.Registry{}, Log: slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return noon },
		Line:    func() (plugin.Encoder, error) { return plain{}, nil },
		Formats: []Format{{Name: "text", New: func() (plugin.Encoder, error) { return plain{}, nil }}},
		Explain: func(_ context.Context, input string, lines []string, emit func(*engine.Explained) error) (string, error) {
			if input != "audit" {
				return "", errors.New("the configuration has no such input")
			}
			for _, l := range lines {
				x := &engine.Explained{Event: thing(l, ""), Findings: []plugin.Finding{{Subject: "rule T", Verdict: "match", Detail: "so"}, {Subject: "rule U", Verdict: "skipped"}}}
				if err := emit(x); err != nil {
					return "", err
				}
			}
			return "audit", nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	s.observe()
	return s
}

// thing is an event of a container.
func thing(message, container string) event.Event {
	e := event.Event{ID: event.NewID([]byte(message)), Time: noon, Dataset: "auditd.log", Records: 1, Raw: message}
	e.Fields.AddString(schema.Message, message)
	e.Fields.AddString(schema.ContainerID, container)
	e.Fields.AddString(schema.ContainerName, container)
	e.Fields.AddString(schema.EventAction, "executed")
	return e
}

// ask sends a request; change may be nil.
func ask(s *Server, method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8686"
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://127.0.0.1:8686")
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	return w
}

func TestPagesShowTheEngine(t *testing.T) {
	s := newConsole(t, newFake(), config.Console{})
	s.memory.take(&event.Batch{Events: []event.Event{thing("curl ran", "c0ffee")}}, 0, noon)
	id := event.NewID([]byte("curl ran")).String()
	for path, wants := range map[string][]string{
		"/":                     {"1\u202f234\u202f567", `data-state="bad" data-state-of="out.siem"`, "37 wait", "50 % full", ">3</b>"},
		"/events":               {"curl ran", "/events/" + id, "executed"},
		"/events/" + id:         {"curl ran", "container.name", "auditd.log", "1 source record<"},
		"/rules":                {"The configuration has no rules."},
		"/containers":           {"/containers/c0ffee", "c0ffee"},
		"/containers/c0ffee":    {"executed", "curl ran"},
		"/books":                {"connection refused", "dropped_operator_discard", "4.0 KiB"},
		"/playground":           {"<option>audit</option>", `name="form"`},
		"/static/console.js":    {"EventSource"},
		"/static/console.css":   {"color-scheme"},
		"/static/uPlot.min.css": {"uplot"},
	} {
		w := ask(s, "GET", path, "", nil)
		for _, want := range wants {
			if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
				t.Errorf("GET %s answers %d without %q:\n%s", path, w.Code, want, w.Body)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); csp != policy || strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s: the policy is %q", path, csp)
		}
		if w.Header().Get("Referrer-Policy") == "no-referrer" {
			t.Errorf("GET %s: a browser would send its forms with Origin: null, and they would be refused", path)
		}
	}
	for _, path := range []string{"/events/none", "/containers/none", "/static/../console.go", "/none"} {
		if w := ask(s, "GET", path, "", nil); w.Code != 404 && w.Code != 301 && w.Code != 307 {
			t.Errorf("GET %s answers %d", path, w.Code)
		}
	}
}

// TestProblemsHaveLines: each problem is a line of its own, and shows as one; what
// is on a line acts no more than elsewhere.
func TestProblemsHaveLines(t *testing.T) {
	f := newFake()
	f.status.Ready, f.status.Problem = false, "input a: gone\ninput b: \x1b[2J"
	f.status.Outputs[0].Error = "one\ntwo"
	s := newConsole(t, f, config.Console{})
	for path, want := range map[string]string{"/": "input a: gone\ninput b: \\x1b[2J</p>", "/books": ">one\ntwo</td>"} {
		if body := ask(s, "GET", path, "", nil).Body.String(); !strings.Contains(body, want) {
			t.Errorf("GET %s is without %q:\n%s", path, want, body)
		}
	}
	css := ask(s, "GET", "/static/console.css", "", nil).Body.String()
	for _, of := range []string{".problem {", ".why td {"} {
		if _, rule, _ := strings.Cut(css, of); !strings.Contains(strings.SplitN(rule, "}", 2)[0], "white-space: pre-wrap") {
			t.Errorf("%s shows no line ends", of)
		}
	}
}

// TestUnconfirmedIsNotDelivered: the books keep them apart, so the page does.
func TestUnconfirmedIsNotDelivered(t *testing.T) {
	f := newFake()
	f.status.Outputs[0].Book = map[string]uint64{"received": 30, "delivered": 11, "unconfirmed": 19}
	body := ask(newConsole(t, f, config.Console{}), "GET", "/books", "", nil).Body.String()
	for _, want := range []string{`data-live="out.siem.delivered">11<`, `data-live="out.siem.unconfirmed">19<`, ">Unconfirmed<", ">Sent<"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page is without %q:\n%s", want, body)
		}
	}
}

// TestNothingInlined: the policy forbids it, so a page that has it is broken.
func TestNothingInlined(t *testing.T) {
	files, err := templates.ReadDir("templates")
	if err != nil || len(files) < 9 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		b, err := templates.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{" style=", " onclick", "<style", "javascript:", "<script>"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s has %q", f.Name(), bad)
			}
		}
	}
}

const hostile = "<script>alert(1)</script> \u202egnp.exe \x1b[2J\x00\xff \u200b \"'><img src=x onerror=alert(1)>"

func TestHostileTextIsInert(t *testing.T) {
	s := newConsole(t, newFake(), config.Console{})
	e := thing(hostile, `c"><script>alert(2)</script>`)
	s.memory.take(&event.Batch{Events: []event.Event{e}}, 0, noon)
	pages := []string{"/", "/events", "/events/" + e.ID.String(), "/containers", "/containers/" + url.PathEscape(`c"><script>alert(2)</script>`),
		"/events?filter=" + url.QueryEscape(`"</script><script>alert(3)`)}
	bodies := map[string]string{}
	for _, p := range pages {
		bodies[p] = ask(s, "GET", p, "", nil).Body.String()
	}
	form := url.Values{"form": {s.guard.form(httptest.NewRequest("GET", "/", nil))}, "input": {"audit"}, "text": {hostile}}
	w := ask(s, "POST", "/playground", form.Encode(), nil)
	if w.Code != 200 {
		t.Errorf("the playground answers %d:\n%s", w.Code, w.Body)
	}
	shownAs := []string{`\u202egnp`, `\x1b[2J\x00\xff`, `\u200b`, "&lt;script&gt;alert(1)"}
	for _, p := range []string{"/events", "/events/" + e.ID.String()} {
		for _, want := range shownAs {
			if !strings.Contains(bodies[p], want) {
				t.Errorf("%s does not show %q:\n%s", p, want, bodies[p])
			}
		}
	}
	// What is pasted comes back in the text field as it was, for the browser to send
	// again; control bytes of it are the user's own.
	bodies["/playground"] = strings.ReplaceAll(w.Body.String(), w.Body.String()[strings.Index(w.Body.String(), "<textarea"):strings.Index(w.Body.String(), "</textarea")], "")
	for p, b := range bodies {
		for _, bad := range []string{"<script>alert", "<img src=x", "\u202e", "\x1b", "\x00", "\u200b"} {
			if strings.Contains(b, bad) {
				t.Errorf("%s has %q", p, bad)
			}
		}
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\tb\nc": "a\tb\nc", "\x07": `\x07`, "\x7f": `\x7f`, "\u0085": `\u0085`, "\u2066x\u2069": `\u2066x\u2069`,
		"\ufeff": `\ufeff`, "grün 漢字": "grün 漢字", "\xc3\x28": `\xc3(`, "\u200f": `\u200f`, "\u2028": `\u2028`, "\ufffd": "\ufffd",
	} {
		if got := inert(in); got != want {
			t.Errorf("inert(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzInert(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, s string) {
		once := inert(s)
		if inert(once) != once {
			t.Errorf("%q is not inert: %q", s, once)
		}
		if strings.ContainsAny(once, "\x00\x1b\u202e\u2066\u200b") {
			t.Errorf("%q acts", once)
		}
	})
}

func TestWhoIsServed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newConsole(t, newFake(), config.Console{Token: plugin.Secret{File: file}, Hosts: []string{"tally.example"}})
	for _, c := range []struct {
		name, host, auth, accept string
		want                     int
	}{
		{"a browser without a session", "127.0.0.1:8686", "", "text/html", 303},
		{"a program without a token", "127.0.0.1:8686", "", "*/*", 401},
		{"the token", "127.0.0.1:8686", "Bearer 0123456789abcdef", "*/*", 200},
		{"a listed name", "TALLY.example:1", "Bearer 0123456789abcdef", "*/*", 200},
		{"an address", "[::1]:8686", "Bearer 0123456789abcdef", "*/*", 200},
		{"a wrong token", "127.0.0.1:8686", "Bearer 0123456789abcdeF", "*/*", 401},
		{"half a token", "127.0.0.1:8686", "Bearer 01234567", "*/*", 401},
		{"another scheme", "127.0.0.1:8686", "Basic 0123456789abcdef", "*/*", 401},
		{"a rebound name", "evil.example:8686", "Bearer 0123456789abcdef", "*/*", 421},
		{"a name that begins like ours", "localhost.evil.example", "Bearer 0123456789abcdef", "*/*", 421},
		{"no name", "", "Bearer 0123456789abcdef", "*/*", 421},
	} {
		for _, path := range []string{"/", "/events", "/books", "/history.json"} {
			w := ask(s, "GET", path, "", func(r *http.Request) {
				r.Host = c.host
				r.Header.Set("Accept", c.accept)
				if c.auth != "" {
					r.Header.Set("Authorization", c.auth)
				}
			})
			if w.Code != c.want {
				t.Errorf("%s, %s: %d, want %d", c.name, path, w.Code, c.want)
			}
			if w.Code != 200 && strings.Contains(w.Body.String(), "siem") {
				t.Errorf("%s, %s: it was shown something", c.name, path)
			}
		}
	}
	if w := ask(s, "GET", "/login", "", nil); w.Code != 200 || strings.Contains(w.Body.String(), "siem") || strings.Contains(w.Body.String(), "tallyman 1.2") {
		t.Errorf("the login answers %d:\n%s", w.Code, w.Body)
	}
}

// enter logs in and returns the session's cookie.
func enter(t *testing.T, s *Server, token string) (*httptest.ResponseRecorder, *http.Cookie) {
	t.Helper()
	form := url.Values{"form": {s.guard.form(httptest.NewRequest("GET", "/", nil))}, "token": {token}}
	w := ask(s, "POST", "/login", form.Encode(), nil)
	for _, c := range w.Result().Cookies() {
		return w, c
	}
	return w, nil
}

func TestSessions(t *testing.T) {
	t.Setenv("CONSOLE_TOKEN", "0123456789abcdef")
	s := newConsole(t, newFake(), config.Console{Token: plugin.Secret{Env: "CONSOLE_TOKEN"}})
	now := noon
	s.guard.now = func() time.Time { return now }
	if w, c := enter(t, s, "wrong"); w.Code != 401 || c != nil {
		t.Errorf("a wrong token: %d, %v", w.Code, c)
	}
	w, c := enter(t, s, "0123456789abcdef")
	if w.Code != 303 || c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, "0123456789") {
		t.Fatalf("the token: %d, %v", w.Code, c)
	}
	with := func(r *http.Request) { r.AddCookie(c) }
	if w := ask(s, "GET", "/", "", with); w.Code != 200 {
		t.Errorf("a session: %d", w.Code)
	}
	now = noon.Add(sessionLife)
	if w := ask(s, "GET", "/", "", with); w.Code != 303 {
		t.Errorf("a session that is too old: %d", w.Code)
	}
	now = noon
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(c)
	if w := ask(s, "POST", "/logout", "form="+s.guard.form(r), with); w.Code != 303 {
		t.Errorf("leaving: %d", w.Code)
	}
	if w := ask(s, "GET", "/", "", with); w.Code != 303 {
		t.Errorf("a session that was left: %d", w.Code)
	}
	for range s.guard.tries.most {
		enter(t, s, "wrong")
	}
	if w, _ := enter(t, s, "0123456789abcdef"); w.Code != 401 {
		t.Errorf("after too many wrong tokens: %d", w.Code)
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	s := newConsole(t, newFake(), config.Console{})
	token := s.guard.form(httptest.NewRequest("GET", "/", nil))
	body := url.Values{"form": {token}, "input": {"audit"}, "text": {"x"}}.Encode()
	for _, c := range []struct {
		name, body string
		change     func(*http.Request)
		want       int
	}{
		{"ours", body, nil, 200},
		{"of another site", body, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"of another port", body, func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		{"of nobody", body, func(r *http.Request) { r.Header.Del("Origin") }, 403},
		{"of a sandbox", body, func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		{"that the browser calls foreign", body, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"without its token", "input=audit&text=x", nil, 403},
		{"with the token in the address", "input=audit&text=x", func(r *http.Request) { r.URL.RawQuery = "form=" + token }, 403},
		{"of another process", strings.Replace(body, token, strings.Repeat("0", 64), 1), nil, 403},
		{"that is too large", body + strings.Repeat("a", mostBody), nil, 403},
	} {
		if w := ask(s, "POST", "/playground", c.body, c.change); w.Code != c.want {
			t.Errorf("a form %s: %d, want %d", c.name, w.Code, c.want)
		}
	}
}

func TestPlaygroundIsBounded(t *testing.T) {
	s := newConsole(t, newFake(), config.Console{})
	try := func(input, text string) (int, string) {
		form := url.Values{"form": {s.guard.form(httptest.NewRequest("GET", "/", nil))}, "input": {input}, "text": {text}}
		w := ask(s, "POST", "/playground", form.Encode(), nil)
		return w.Code, w.Body.String()
	}
	if code, body := try("audit", "one\r\n\r\ntwo"); code != 200 || !strings.Contains(body, "2 lines, claimed by input <b>audit</b>, decoder <b>audit</b>: 2 events") ||
		!strings.Contains(body, "rule T") || strings.Contains(body, "rule U") {
		t.Errorf("two lines: %d\n%s", code, body)
	}
	for text, want := range map[string]int{"": 400, strings.Repeat("x\n", 201): 400, strings.Repeat("x", mostPasted+1): 400, strings.Repeat("x\n", 60): 200} {
		if code, _ := try("audit", text); code != want {
			t.Errorf("%d bytes: %d, want %d", len(text), code, want)
		}
	}
	if code, body := try("none", "x"); code != 422 || !strings.Contains(body, "no such input") {
		t.Errorf("an input that is not: %d", code)
	}
	s.play <- struct{}{}
	if code, _ := try("audit", "x"); code != 429 {
		t.Errorf("while another is under way: %d", code)
	}
	<-s.play
	for range s.allowed.most {
		s.allowed.take()
	}
	if code, _ := try("audit", "x"); code != 429 {
		t.Errorf("after too many: %d", code)
	}
}

func TestATokenThatIsNone(t *testing.T) {
	t.Setenv("CONSOLE_TOKEN", "short")
	for _, ref := range []plugin.Secret{{Env: "CONSOLE_TOKEN"}, {File: "/nowhere/token"}} {
		if _, err := newGuard(config.Console{Token: ref}, time.Now); err == nil {
			t.Errorf("%#v opens a console", ref.File)
		}
	}
}

// TestServe: a server on a real port keeps a page live, and its end cuts that off.
func TestServe(t *testing.T) {
	f := newFake()
	s := newConsole(t, f, config.Console{Listen: "127.0.0.1:0"})
	s, err := Serve(s.o)
	if err != nil {
		t.Fatal(err)
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + s.Addr().String() + "/live")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	buf := make([]byte, 64<<10)
	n, err := r.Body.Read(buf)
	data, ok := strings.CutPrefix(string(buf[:n]), "event: live\ndata: ")
	var w words
	if err != nil || !ok || json.Unmarshal([]byte(data), &w) != nil || w.Text["out.siem.waiting"] != "37" || w.State["out.siem"] != "bad" {
		t.Errorf("the first live texts are %q (%v)", buf[:n], err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(r.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Log("cut off:", err) // either way it has ended
	}
}
