package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyman/pipeline/config"
)

// Bounds of who is let in.
const (
	leastToken  = 16             // bytes
	sessionLife = 12 * time.Hour // from the login
	mostSession = 64             // at once; the oldest is forgotten
	mostBody    = 96 << 10       // bytes of a POST
)

// guard stands before every page: whom a request is for, whether it may come in, and
// whether a page of ours made it.
type guard struct {
	set   config.Console
	now   func() time.Time
	key   []byte // of the tokens of forms, of this process
	tries *limiter

	mu       sync.Mutex
	sessions map[string]time.Time // SHA-256 of the cookie -> when it began
}

var errShortToken = errors.New("the token of console.token is shorter than 16 bytes; make one with `head -c 24 /dev/urandom | base64`")

func newGuard(set config.Console, now func() time.Time) (*guard, error) {
	g := &guard{set: set, now: now, key: make([]byte, 32), sessions: map[string]time.Time{}, tries: &limiter{most: 60, per: time.Minute, now: now}}
	if _, err := rand.Read(g.key); err != nil {
		return nil, err
	}
	if set.Token.IsZero() {
		return g, nil
	}
	token, err := set.Token.Read()
	if err == nil && len(token) < leastToken {
		err = errShortToken
	}
	return g, err
}

// policy lets a page load what we serve, and nothing else; no script or style stands
// in a page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer a browser hides the Origin of our own forms
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		open := r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/static/")
		switch {
		case !g.knows(r.Host):
			http.Error(w, "this console is not known by that name: add it to console.hosts", http.StatusMisdirectedRequest)
		case r.Method == http.MethodPost && !g.own(w, r):
			http.Error(w, "the form is not of this console, or too old or too large: load the page again", http.StatusForbidden)
		case !open && !g.admits(r):
			if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
				http.Redirect(w, r, "/login", http.StatusSeeOther)
				return
			}
			h.Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the token is needed", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knows reports whether a request is for us. Rebinding needs a name that its owner
// may point anywhere, so addresses are safe and names have to be listed.
func (g *guard) knows(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	name = strings.ToLower(name)
	if name == "localhost" {
		return true
	}
	return slices.ContainsFunc(g.set.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// own reports whether a page of ours sent a form: the browser says that it comes from
// this origin, and it has the token that we put there.
func (g *guard) own(w http.ResponseWriter, r *http.Request) bool {
	from, err := url.Parse(r.Header.Get("Origin"))
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if err != nil || from.Scheme != scheme || !strings.EqualFold(from.Host, r.Host) {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	if err := r.ParseForm(); err != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(r.PostForm.Get("form")), []byte(g.form(r))) == 1
}

// form is the token of a page's forms, bound to the session that the page was shown
// in.
func (g *guard) form(r *http.Request) string {
	m := hmac.New(sha256.New, g.key)
	if c, err := r.Cookie(g.cookie(r)); err == nil {
		m.Write([]byte(c.Value))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// cookie is the name of a session's cookie; over TLS a browser takes that name from
// this host only.
func (g *guard) cookie(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-tallyman"
	}
	return "tallyman"
}

// admits reports whether a request may see anything.
func (g *guard) admits(r *http.Request) bool {
	if g.set.Token.IsZero() {
		return true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return g.right(token)
	}
	c, err := r.Cookie(g.cookie(r))
	if err != nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	begun, ok := g.sessions[digest(c.Value)]
	return ok && g.now().Sub(begun) < sessionLife
}

// right compares a token with the one that is set, in a time that says nothing. Wrong
// ones are counted, and too many of them make every one wrong for a while.
func (g *guard) right(token string) bool {
	if !g.tries.may() {
		return false
	}
	want, err := g.set.Token.Read()
	if err != nil || len(want) < leastToken {
		return false
	}
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		g.tries.take()
		return false
	}
	return true
}

// enter begins a session.
func (g *guard) enter(w http.ResponseWriter, r *http.Request) {
	value := rand.Text()
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.sessions) >= mostSession {
		oldest := ""
		for id, begun := range g.sessions {
			if oldest == "" || begun.Before(g.sessions[oldest]) {
				oldest = id
			}
		}
		delete(g.sessions, oldest)
	}
	g.sessions[digest(value)] = g.now()
	g.give(w, r, value, int(sessionLife/time.Second))
}

// leave ends a session.
func (g *guard) leave(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(g.cookie(r)); err == nil {
		g.mu.Lock()
		delete(g.sessions, digest(c.Value))
		g.mu.Unlock()
	}
	g.give(w, r, "", -1)
}

func (g *guard) give(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: g.cookie(r), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
}

// digest is what is kept of a cookie.
func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return string(sum[:])
}

// limiter allows so many a span.
type limiter struct {
	most int
	per  time.Duration
	now  func() time.Time

	mu    sync.Mutex
	since time.Time
	n     int
}

// may reports whether one more is allowed, without taking it.
func (l *limiter) may() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.since) >= l.per {
		l.since, l.n = now, 0
	}
	return l.n < l.most
}

// take takes one where one is allowed.
func (l *limiter) take() bool {
	if !l.may() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return true
}
