package jenkins

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/weblisten"
)

// TestLogstash: what the plugin posts waits for its decoder, from who shows the
// token.
func TestLogstash(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("jenkins:s3cret"))
	t.Setenv("JENKINS_TEST_TOKEN", basic)
	s := defaults()
	s.Listen.Value, s.Token = "127.0.0.1:0", &plugin.Secret{Env: "JENKINS_TEST_TOKEN"}
	in, err := Plugin.Input(&s, plugintest.Env(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answers := make(chan int, 2)
	go func() {
		for _, auth := range []string{"Basic x", "Basic " + basic} {
			r, _ := http.NewRequest(http.MethodPost, "http://"+in.(*weblisten.Server).Addr().String()+"/jenkins/builds", strings.NewReader(`{"message":["a"],"data":{}}`))
			r.Header.Set("Authorization", auth)
			answer, err := client.Do(r)
			if err != nil {
				answers <- 0
				continue
			}
			_ = answer.Body.Close()
			answers <- answer.StatusCode
		}
	}()
	var b event.Batch
	for end := time.Now().Add(patience); len(b.Events) == 0 && time.Now().Before(end); {
		if err := in.Read(context.Background(), &b, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.Events) != 1 || b.Events[0].Decode != decodeLogstash {
		t.Fatalf("%+v", b.Events)
	}
	b.Accepted(nil)
	if first, second := <-answers, <-answers; first != http.StatusUnauthorized || second != http.StatusOK {
		t.Errorf("answered %d and %d", first, second)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for key, change := range map[string]func(*Settings){
		"home":     func(s *Settings) { s.Home.Value = "" },
		"listen":   func(s *Settings) { s.Listen.Value = "127.0.0.1:1" },
		"token":    func(s *Settings) { s.Token = &plugin.Secret{Env: "X"} },
		"timezone": func(s *Settings) { s.Timezone = "Middle/Earth" },
		"max_line": func(s *Settings) { s.MaxLine = 1 },
		"open":     func(s *Settings) { s.Open = 0 },
		"files":    func(s *Settings) { s.Files = 0 },
	} {
		s := defaults()
		s.Home.Value = "/var/lib/jenkins"
		if p := s.Check(); len(p) > 0 {
			t.Fatalf("sound settings: %v", p)
		}
		change(&s)
		if p := s.Check(); len(p) != 1 || p[0].Key != key || !p.Bad() {
			t.Errorf("%s: %v", key, p)
		}
	}
}
