package kafkalink

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tunnel"
)

// The words of sasl.mechanism.
const (
	Plain    = "PLAIN"
	Scram256 = "SCRAM-SHA-256"
	Scram512 = "SCRAM-SHA-512"
)

// Settings are the keys of a connection to Kafka, to be inlined into the settings
// of a plugin (`yaml:",inline"`).
type Settings struct {
	Brokers []plugin.Text       `yaml:"brokers" doc:"Addresses of some brokers, to find the others by; port 9092 where none is named." example:"[kafka-1.example:9093, kafka-2.example:9093]" required:"true"`
	TLS     *clienttls.Settings `yaml:"tls" doc:"Certificates of the connections, which are encrypted where this is set; an empty tls, {}, trusts the system's authorities. The brokers' certificates are always verified."`
	Proxy   plugin.Text         `yaml:"proxy" doc:"The URL of a proxy that the connections to the brokers go through, http:// (CONNECT) or socks5://, or none, which is the default: the environment's HTTPS_PROXY does not count here. The proxy must allow the ports of all brokers, and looks their names up." example:"http://proxy.example:3128"`
	Auth    plugin.Secret       `yaml:"proxy_auth" doc:"The user and the password for the proxy, as user:password. It is read again for each connection."`
	SASL    *SASL               `yaml:"sasl" doc:"Who we are, where the brokers ask for SASL."`
	Client  string              `yaml:"client_id" doc:"The client id that the brokers see in their logs and quotas."`
	Timeout time.Duration       `yaml:"timeout" doc:"How long connecting may take, and how long a broker may take to answer."`
}

// SASL are the keys of SASL.
type SASL struct {
	Mechanism string         `yaml:"mechanism" doc:"How the password is shown: PLAIN (as it is: with tls only), SCRAM-SHA-256 or SCRAM-SHA-512 (a proof of it)." enum:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"`
	User      string         `yaml:"user" doc:"The user." required:"true"`
	Password  *plugin.Secret `yaml:"password" doc:"The password. It is read again for each connection." required:"true"`
}

// Default returns the settings with their defaults.
func Default() Settings { return Settings{Client: "tallyman", Timeout: 10 * time.Second} }

// Check returns what a type cannot say; a plugin calls it from its own Check.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if len(s.Brokers) == 0 {
		add("brokers", "brokers is empty", "write [HOST:PORT]")
	}
	for _, b := range s.Brokers {
		if _, err := address(b.Value); err != nil {
			p = append(p, plugin.Problem{Pos: b.Pos, Width: len(b.Value), Key: "brokers", Text: err.Error(), Hint: "write HOST:PORT, without a scheme"})
		}
	}
	if s.SASL != nil {
		switch {
		case s.SASL.Mechanism != Plain && s.SASL.Mechanism != Scram256 && s.SASL.Mechanism != Scram512:
			add("sasl.mechanism", "sasl.mechanism is missing", "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		case s.SASL.User == "":
			add("sasl.user", "sasl.user is missing", "")
		case s.SASL.Password == nil || s.SASL.Password.IsZero():
			add("sasl.password", "sasl.password refers to nothing", "write {file: PATH} or {env: NAME}")
		case s.TLS == nil && s.SASL.Mechanism == Plain:
			p = append(p, plugin.Problem{Key: "sasl", Warn: true, Text: "the password goes over the network unencrypted", Hint: "set tls, or use SCRAM-SHA-256"})
		}
	}
	if s.Timeout <= 0 {
		add("timeout", "timeout must be more than nothing", "the default is 10s")
	}
	p = append(p, tunnel.Check(s.Proxy, s.Auth)...)
	return append(p, s.TLS.Check()...)
}

// address returns host:port of what the settings name.
func address(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "9092"
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fmt.Errorf("%q is not a host and a port", text)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, "/ @,") {
		return "", fmt.Errorf("%q is not a host and a port", text)
	}
	return net.JoinHostPort(host, port), nil
}

// IsTopic reports whether a topic may have this name.
func IsTopic(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > MostTopic {
		return false
	}
	for i := range len(name) {
		if !TopicByte(name[i]) {
			return false
		}
	}
	return true
}

// MostTopic is how long the name of a topic may be, in bytes.
const MostTopic = 249

// TopicByte reports whether c may stand in the name of a topic.
func TopicByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}
