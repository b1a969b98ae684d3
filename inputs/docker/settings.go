package docker

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"tallyman/pipeline/plugin"
)

// Settings are the keys of the input.
type Settings struct {
	Host    string   `yaml:"host" doc:"Where the engine listens: unix:///PATH, or tcp://HOST:PORT (with tls). Podman's socket is unix:///run/podman/podman.sock." example:"tcp://10.0.0.7:2376"`
	TLS     *TLS     `yaml:"tls" doc:"The certificates for an engine that listens on tcp."`
	StartAt string   `yaml:"start_at" doc:"What is read at the very first start: what the engine still remembers too (beginning; Docker keeps its last 256 events), or only what happens from then on (end)." enum:"beginning,end"`
	Inspect bool     `yaml:"inspect" doc:"Ask the engine, when a container is created, started or entered, what it may do: its mounts, capabilities, security options and namespaces go on the event of create and start, and whether a command is the health check on that of exec."`
	Stats   *Stats   `yaml:"stats" doc:"Measure the containers that run, by the clock; left out, nothing is measured."`
	Changes *Changes `yaml:"changes" doc:"Tell which files of running containers are not as in their image; left out, nothing is looked at."`
	Decode  string   `yaml:"decode" doc:"The decoder that the events wait for."`
}

// TLS are the files of certificates.
type TLS struct {
	CA   plugin.Text `yaml:"ca" doc:"The authority that signed the engine's certificate (PEM). Without it the host's own authorities count."`
	Cert plugin.Text `yaml:"cert" doc:"Our certificate (PEM)."`
	Key  plugin.Text `yaml:"key" doc:"The key of our certificate (PEM)."`
	Name string      `yaml:"name" doc:"The name in the engine's certificate, where it is not that of host."`
}

func defaults() Settings {
	return Settings{Host: "unix:///var/run/docker.sock", StartAt: "beginning", Decode: "docker_event", Inspect: true}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	p := checkHost(s.Host, s.TLS)
	if s.StartAt != "beginning" && s.StartAt != "end" {
		p = append(p, plugin.Problem{Key: "start_at", Text: `start_at is "` + s.StartAt + `"`, Hint: "beginning or end"})
	}
	if s.Decode == "" {
		p = append(p, plugin.Problem{Key: "decode", Text: "decode is empty", Hint: "docker_event"})
	}
	return append(append(p, s.Stats.check()...), s.Changes.check()...)
}

// checkHost says what is wrong with where the engine is.
func checkHost(host string, files *TLS) plugin.Problems {
	var p plugin.Problems
	kind, at, ok := strings.Cut(host, "://")
	switch {
	case !ok || at == "" || kind != "unix" && kind != "tcp":
		p = append(p, plugin.Problem{Key: "host", Text: `host is "` + host + `"`, Hint: "unix:///var/run/docker.sock or tcp://HOST:PORT"})
	case kind == "unix" && !filepath.IsAbs(at):
		p = append(p, plugin.Problem{Key: "host", Text: "the path of the socket is not absolute", Hint: "three slashes: unix:///var/run/docker.sock"})
	case kind == "tcp":
		name, port, err := net.SplitHostPort(at)
		ip := net.ParseIP(name)
		if err != nil || name == "" || port == "" {
			p = append(p, plugin.Problem{Key: "host", Text: `host is "` + host + `"`, Hint: "tcp://HOST:PORT, with the port"})
		} else if files == nil && name != "localhost" && (ip == nil || !ip.IsLoopback()) {
			p = append(p, plugin.Problem{Key: "host", Warn: true, Text: "the engine is asked over the network without tls: who sits between can change what it says", Hint: "set tls.ca, tls.cert and tls.key"})
		}
	}
	if files != nil && (files.Cert.Value == "") != (files.Key.Value == "") {
		p = append(p, plugin.Problem{Key: "tls", Text: "tls.cert and tls.key belong together"})
	}
	return p
}

// config reads the certificates. An error is plugin.Problems.
func (t *TLS) config(dir string) (*tls.Config, error) {
	at := func(p plugin.Text) string {
		if filepath.IsAbs(p.Value) {
			return p.Value
		}
		return filepath.Join(dir, p.Value)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.Name}
	if t.CA.Value != "" {
		pem, err := os.ReadFile(at(t.CA))
		if err != nil {
			return nil, plugin.Problems{{Pos: t.CA.Pos, Text: fmt.Sprintf("tls.ca: %v", err)}}
		}
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, plugin.Problems{{Pos: t.CA.Pos, Text: "tls.ca: " + t.CA.Value + " holds no PEM certificate"}}
		}
	}
	if t.Cert.Value != "" {
		pair, err := tls.LoadX509KeyPair(at(t.Cert), at(t.Key))
		if err != nil {
			return nil, plugin.Problems{{Pos: t.Cert.Pos, Text: fmt.Sprintf("tls.cert and tls.key: %v", err)}}
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
