package webclient_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/webclient"
)

// TestWhatAReceiverRepeats (S6): a page of an error that shows the URL, a redirect
// to the same with a slash, and a receiver that names the password that it does not
// take: nothing of it stands in an error.
func TestWhatAReceiverRepeats(t *testing.T) {
	const token, password = "s3cr3t token/1", "hunter2-of-ours"
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
	}{
		{"a page", func(w http.ResponseWriter, req *http.Request) {
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "cannot POST "+req.URL.String()+", "+req.URL.RawQuery+", "+req.URL.Query().Get("key"))
		}},
		{"a redirect", func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/in/?"+req.URL.RawQuery, http.StatusTemporaryRedirect)
		}},
		{"a password", func(w http.ResponseWriter, req *http.Request) {
			user, given, _ := req.BasicAuth()
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "no "+given+" of "+user)
		}},
	} {
		r := newReceiver(t, c.answer)
		client, _ := open(t, settings(r.URL+"/in?v=1&key=s3cr3t%20token%2F1"), webclient.Options{})
		_, err := client.Do(context.Background(), &webclient.Request{
			Secret: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("ana:"+password))}},
		})
		if err == nil || !strings.Contains(err.Error(), "[redacted]") || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestATokenInThePathIsNotShown: the address of a webhook is its secret. It stands in
// no label, no error, no line of the log and no answer that repeats it.
func TestATokenInThePathIsNotShown(t *testing.T) {
	const token = "T00/B11/hush-hush"
	var got string
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		if got = req.URL.Path; req.Method == http.MethodPut {
			http.Redirect(w, req, req.URL.Path+"/", http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "cannot POST "+req.URL.Path)
	})
	other := newReceiver(t, status(200))
	var said bytes.Buffer
	env := plugintest.Env(t.TempDir())
	env.Log = slog.New(slog.NewTextHandler(&said, nil))
	s := settings(r.URL+"/hooks/"+token+"?key=hush-too", other.URL)
	s.Balance = "failover"
	c, err := webclient.New(&s, env, webclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // nothing is under way
	texts := []string{c.Backends()[0].URL()}
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		_, err := c.DoAt(context.Background(), c.Backends()[0], &webclient.Request{Method: method, Path: "v1/alerts"})
		if err == nil {
			t.Fatal("it was taken")
		}
		texts = append(texts, err.Error())
	}
	if got != "/hooks/"+token+"/v1/alerts" {
		t.Errorf("it was sent to %s", got)
	}
	r.Close()
	_, err = c.DoAt(context.Background(), c.Backends()[0], &webclient.Request{})
	texts = append(texts, err.Error(), said.String())
	env.Meter.Each(func(s meter.Sample) {
		for _, l := range s.Labels {
			texts = append(texts, l.Value)
		}
	})
	shown := 0
	for _, text := range texts {
		if strings.Contains(text, "hush") || strings.Contains(text, "B11") {
			t.Errorf("shown: %s", text)
		}
		if strings.Contains(text, r.URL+"/hooks/…/…/…") {
			shown++
		}
	}
	if shown < 6 {
		t.Errorf("where it is is shown %d times: %q", shown, texts)
	}
}

// TestAnAddressThatIsRefusedIsNotRepeated: what is no URL of a receiver may have one
// secret or more in it.
func TestAnAddressThatIsRefusedIsNotRepeated(t *testing.T) {
	for url, want := range map[string]string{
		"ftp://h.example/hush-hush":               `"ftp://h.example/…"`,
		"https://ana:hush-hush@h.example/x":       "holds a user or a password",
		"https://ana:hu/sh-hush@h.example/%zz":    `"https://…@h.example/…"`,
		"https:///hush-hush":                      `"https:///…"`,
		"https://h.example/hush-hush#a":           `"https://h.example/…"`,
		"https://h.example/%zz?hush-hush":         `"https://h.example/…"`,
		"h.example:8088/hush-hush":                "h.example:8088/…",
		"https://h.example:https/services/a?hush": `"https://h.example:https/…"`,
	} {
		s := settings(url)
		p := s.Check(false)
		if !p.Bad() || strings.Contains(p[0].Text, "hush") || !strings.Contains(p[0].Text, want) {
			t.Errorf("%s: %v", url, p)
		}
	}
}
