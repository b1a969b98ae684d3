package weblisten

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"tallyman/pipeline/plugin"
)

// Proof is one way in which a client shows that it knows a secret: as a token in
// a header, or as the HMAC-SHA256 of the body, in hexadecimal.
type Proof struct {
	Name   string // for people: "a GitHub signature"
	Header string // the header that holds it
	Scheme string // what stands before it, case ignored; "Bearer " with its space
	HMAC   bool   // of the body; otherwise the secret itself
}

// The ways that are in use.
var (
	Bearer    = Proof{Name: "Authorization: Bearer TOKEN", Header: "Authorization", Scheme: "Bearer "}
	Splunk    = Proof{Name: "Authorization: Splunk TOKEN", Header: "Authorization", Scheme: "Splunk "}
	GitHub    = Proof{Name: "X-Hub-Signature-256", Header: "X-Hub-Signature-256", Scheme: "sha256=", HMAC: true}
	Gitea     = Proof{Name: "X-Gitea-Signature", Header: "X-Gitea-Signature", HMAC: true}
	Forgejo   = Proof{Name: "X-Forgejo-Signature", Header: "X-Forgejo-Signature", HMAC: true}
	Gogs      = Proof{Name: "X-Gogs-Signature", Header: "X-Gogs-Signature", HMAC: true}
	GitLab    = Proof{Name: "X-Gitlab-Token", Header: "X-Gitlab-Token"}
	PlainAuth = Proof{Name: "Authorization: TOKEN", Header: "Authorization"}
)

// Guard lets in who shows the secret in one of the ways. The first way whose
// header is there, in the order of Ways, decides. A Guard without a Secret lets
// everyone in. The secret is read again for each request, and compared in a time
// that says nothing about it.
type Guard struct {
	Secret *plugin.Secret
	Ways   []Proof
}

// Admit is for Handler.Admit: it refuses who shows nothing, or a wrong token.
// Where the way is a signature, Verify has to follow.
func (g *Guard) Admit(r *http.Request) error {
	if g.Secret == nil {
		return nil
	}
	w, shown, ok := g.way(r)
	switch {
	case !ok:
		return g.refuse()
	case w.HMAC:
		return nil
	}
	want, err := g.read()
	if err != nil {
		return err
	}
	a, b := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return g.refuse()
	}
	return nil
}

// Verify is for Handler.Take: it refuses a body whose signature is not that of
// who knows the secret. The body has to be as it was sent, but for its packing.
func (g *Guard) Verify(r *http.Request, body string) error {
	if g.Secret == nil {
		return nil
	}
	w, shown, ok := g.way(r)
	switch {
	case !ok:
		return g.refuse()
	case !w.HMAC:
		return g.Admit(r)
	}
	want, err := g.read()
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(want))
	_, _ = mac.Write([]byte(body)) // it never fails
	if sum, err := hex.DecodeString(shown); err != nil || !hmac.Equal(sum, mac.Sum(nil)) {
		return g.refuse()
	}
	return nil
}

// way returns the way of a request, and what it shows.
func (g *Guard) way(r *http.Request) (w Proof, shown string, ok bool) {
	for _, w = range g.Ways {
		v := r.Header.Get(w.Header)
		if n := len(w.Scheme); len(v) > n && strings.EqualFold(v[:n], w.Scheme) {
			if shown = strings.TrimSpace(v[n:]); shown != "" {
				return w, shown, true
			}
		}
	}
	return Proof{}, "", false
}

func (g *Guard) read() (string, error) {
	want, err := g.Secret.Read()
	if err == nil && want == "" {
		err = plugin.ErrNoSecret
	}
	if err != nil {
		return "", &Answer{Status: http.StatusServiceUnavailable, Text: "the token of this input cannot be read", Cause: err}
	}
	return want, nil
}

func (g *Guard) refuse() error {
	var names []string
	for _, w := range g.Ways {
		names = append(names, w.Name)
	}
	return Refuse(http.StatusUnauthorized, "the token is missing or wrong: send "+strings.Join(names, " or "))
}
