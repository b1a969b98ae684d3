package kafkalink

import (
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
)

// TestSettingsCheck: what is wrong with settings is said with the key that it is at.
func TestSettingsCheck(t *testing.T) {
	at := plugin.Pos{File: "tallyman.yaml", Line: 7, Col: 9}
	secret := &plugin.Secret{File: "password"}
	for _, c := range []struct {
		name   string
		change func(*Settings)
		key    string // "" where nothing is wrong
		text   string
		warn   bool
	}{
		{"the defaults and a broker", func(*Settings) {}, "", "", false},
		{"no broker", func(s *Settings) { s.Brokers = nil }, "brokers", "brokers is empty", false},
		{"a scheme", func(s *Settings) { s.Brokers[0].Value = "kafka://one:9092" }, "brokers", `"kafka://one:9092" is not`, false},
		{"a list in a text", func(s *Settings) { s.Brokers[0].Value = "one:9092,two:9092" }, "brokers", "is not a host and a port", false},
		{"SASL without a mechanism", func(s *Settings) { s.SASL = &SASL{User: "u", Password: secret} }, "sasl.mechanism", "is missing", false},
		{"SASL without a user", func(s *Settings) { s.SASL = &SASL{Mechanism: Scram256, Password: secret} }, "sasl.user", "is missing", false},
		{"SASL without a password", func(s *Settings) { s.SASL = &SASL{Mechanism: Scram512, User: "u"} }, "sasl.password", "refers to nothing", false},
		{"SASL with an empty reference", func(s *Settings) { s.SASL = &SASL{Mechanism: Scram512, User: "u", Password: &plugin.Secret{}} }, "sasl.password", "refers to nothing", false},
		{"PLAIN without TLS", func(s *Settings) { s.SASL = &SASL{Mechanism: Plain, User: "u", Password: secret} }, "sasl", "unencrypted", true},
		{"PLAIN with TLS", func(s *Settings) {
			s.SASL, s.TLS = &SASL{Mechanism: Plain, User: "u", Password: secret}, &clienttls.Settings{}
		}, "", "", false},
		{"SCRAM without TLS", func(s *Settings) { s.SASL = &SASL{Mechanism: Scram256, User: "u", Password: secret} }, "", "", false},
		{"no time", func(s *Settings) { s.Timeout = 0 }, "timeout", "more than nothing", false},
		{"a time before now", func(s *Settings) { s.Timeout = -time.Second }, "timeout", "more than nothing", false},
		{"half of a certificate", func(s *Settings) { s.TLS = &clienttls.Settings{Cert: plugin.Text{Value: "us.crt"}} }, "tls", "key", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Default()
			s.Brokers = []plugin.Text{{Value: "one.example:9093", Pos: at}}
			c.change(&s)
			p := s.Check()
			switch {
			case c.key == "" && len(p) > 0:
				t.Errorf("it finds %v", p)
			case c.key == "":
			case len(p) != 1 || !strings.HasPrefix(p[0].Key, c.key) && c.key != "tls" || !strings.Contains(p[0].Text, c.text) || p[0].Warn != c.warn:
				t.Errorf("it finds %+v", p)
			case c.key == "brokers" && s.Brokers != nil && (p[0].Pos != at || p[0].Hint == ""):
				t.Errorf("it is at %v, with the hint %q", p[0].Pos, p[0].Hint)
			}
			if _, err := New(&s, t.TempDir()); (err != nil) != p.Bad() {
				t.Errorf("Check finds %v, and New says %v", p, err)
			}
		})
	}
}

// TestAddress: brokers are found with the port of Kafka where none is named.
func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"kafka": "kafka:9092", "kafka:9093": "kafka:9093", "10.0.0.1": "10.0.0.1:9092", "[::1]:9093": "[::1]:9093", "[::1]": "[::1]:9092", "::1": "[::1]:9092",
		"": "", ":9092": "", "kafka:": "", "kafka:0": "", "kafka:65536": "", "kafka:http": "", "a b:9092": "", "a/b": "", "u@kafka:9092": "", "a:b:c": "",
	} {
		if got, err := address(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestIsTopic: the names that Kafka takes, and no other.
func TestIsTopic(t *testing.T) {
	for name, want := range map[string]bool{
		"audit": true, "a.B_c-9": true, strings.Repeat("x", 249): true, "...": true,
		"": false, ".": false, "..": false, strings.Repeat("x", 250): false, "a b": false, "a/b": false, "ä": false, "a\x00": false,
	} {
		if IsTopic(name) != want {
			t.Errorf("%q: %v, want %v", name, !want, want)
		}
	}
}
