package webclient_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

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
