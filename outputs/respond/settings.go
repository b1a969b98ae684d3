package respond

import (
	"fmt"
	"path"
	"strings"
	"time"

	"tallyman/pipeline/clienttls"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// Settings are the keys of a respond output.
type Settings struct {
	Mode         string        `yaml:"mode" doc:"With dry_run it is said what would be done, and nothing is changed or sent; with act it is done." enum:"dry_run,act"`
	Action       string        `yaml:"action" doc:"What is done about an alert: pause stops all processes of its container where they are, disconnect takes the container off all its networks, webhook sends the alert to a receiver of yours." enum:"pause,disconnect,webhook" required:"true"`
	Socket       string        `yaml:"socket" doc:"The socket of the engine's API. Who may write to it is root of the host." example:"/run/docker.sock"`
	MaxAge       time.Duration `yaml:"max_age" doc:"Alerts of events that are older are never acted on, and that is said; 10m at most."`
	PerMinute    int           `yaml:"per_minute" doc:"The most actions in a minute, dry ones counted; between 1 and 30."`
	PerContainer int           `yaml:"per_container" doc:"The most actions on one container, or webhooks about it, in ten minutes."`
	Never        Never         `yaml:"never" doc:"Containers that are never acted on. The one that tallyman runs in is always among them."`
	Webhook      Webhook       `yaml:"webhook" doc:"The receiver of action webhook."`
}

// Webhook is the receiver of alerts.
type Webhook struct {
	URL     plugin.Text         `yaml:"url" doc:"Where the alert is sent by POST, as JSON; https only. Redirects are not followed." example:"https://response.example/tallyman"`
	Secret  plugin.Secret       `yaml:"secret" doc:"What requests are signed with, at least 16 bytes; read again for each." example:"{file: /etc/tallyman/webhook.key}"`
	TLS     *clienttls.Settings `yaml:"tls" doc:"Certificates. The receiver's certificate is always verified."`
	Proxy   plugin.Text         `yaml:"proxy" doc:"The URL of a proxy, http://, https:// or socks5://, or none. Where it is not set, the environment counts: HTTPS_PROXY and NO_PROXY." example:"http://proxy.example:3128"`
	Timeout time.Duration       `yaml:"timeout" doc:"How long one try may take, from connecting to the end of the answer; 1m at most."`
}

// client returns the settings of the connection.
func (w *Webhook) client() webclient.Settings {
	s := webclient.Default()
	s.URL, s.TLS, s.Proxy, s.Compression = []plugin.Text{w.URL}, w.TLS, w.Proxy, "none"
	s.Timeout, s.ConnectTimeout = w.Timeout, w.Timeout
	return s
}

// Never names containers that are never acted on.
type Never struct {
	Names  []string          `yaml:"names" doc:"Names of containers, where * stands for any text without a slash." example:"[\"db-*\"]"`
	Images []string          `yaml:"images" doc:"Images as the container was made of them, where * stands for any text without a slash." example:"[\"registry.corp.example/infra/*\"]"`
	Labels map[string]string `yaml:"labels" doc:"Labels; one that is as it stands here is enough."`
}

// remembered is how long what was done is known: for the limits, and so that an
// alert that comes again is not acted on again.
const remembered = 10 * time.Minute

// mostPerMinute keeps what is remembered within a plugin.Store.
const mostPerMinute = 30

// Default returns the settings with their defaults.
func Default() Settings {
	return Settings{Mode: dryRun, Socket: "/run/docker.sock", MaxAge: time.Minute, PerMinute: 3, PerContainer: 1,
		Webhook: Webhook{Timeout: 10 * time.Second}}
}

// Check implements the check of settings.
func (c *Settings) Check() plugin.Problems {
	var p plugin.Problems
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.Mode != dryRun && c.Mode != act {
		add("mode", fmt.Sprintf("there is no mode %q", c.Mode), "write dry_run or act")
	}
	if c.Action != pause && c.Action != disconnect && c.Action != webhook {
		add("action", fmt.Sprintf("there is no action %q", c.Action), "write pause, disconnect or webhook")
	}
	if !strings.HasPrefix(c.Socket, "/") {
		add("socket", fmt.Sprintf("socket %q is no absolute path", c.Socket), "the default is /run/docker.sock")
	}
	if c.MaxAge <= 0 || c.MaxAge > remembered {
		add("max_age", fmt.Sprintf("max_age is %v, and must be above 0s and at most %v", c.MaxAge, remembered), "the default is 1m")
	}
	if c.PerMinute < 1 || c.PerMinute > mostPerMinute {
		add("per_minute", fmt.Sprintf("per_minute is %d, and must be between 1 and %d", c.PerMinute, mostPerMinute), "the default is 3")
	}
	if c.PerContainer < 1 {
		add("per_container", "per_container must be at least 1", "the default is 1")
	}
	for key, list := range map[string][]string{"never.names": c.Never.Names, "never.images": c.Never.Images} {
		for _, pattern := range list {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				add(key, fmt.Sprintf("%s: %q is no pattern", key, pattern), "")
			}
		}
	}
	return append(p, c.checkWebhook()...)
}

// checkWebhook returns what is wrong with the receiver, or with one that nothing
// is sent to.
func (c *Settings) checkWebhook() plugin.Problems {
	var p plugin.Problems
	w := &c.Webhook
	add := func(key, text, hint string) { p = append(p, plugin.Problem{Key: key, Text: text, Hint: hint}) }
	if c.Action != webhook {
		if w.URL.Value != "" || !w.Secret.IsZero() || w.TLS != nil {
			add("webhook", fmt.Sprintf("webhook is set, but action is %s", c.Action), "one output does one thing: name a second one with action: webhook")
		}
		return p
	}
	if len(c.Never.Names)+len(c.Never.Images)+len(c.Never.Labels) > 0 {
		add("never", "never names containers, and a webhook acts on none", "choose the alerts in when")
	}
	switch {
	case w.URL.Value == "":
		add("webhook", "action webhook needs webhook.url", "write the address of the receiver, as https://host/path")
		return p
	case !strings.HasPrefix(w.URL.Value, "https://"):
		p = append(p, plugin.Problem{Pos: w.URL.Pos, Width: len(w.URL.Value), Key: "webhook.url",
			Text: "webhook.url is not https://", Hint: "alerts and signatures do not belong on an unencrypted wire"})
		return p
	}
	if w.Secret.IsZero() {
		add("webhook", "action webhook needs webhook.secret", "make one with `openssl rand -hex 32`, and name its file")
	}
	if w.Timeout <= 0 || w.Timeout > time.Minute {
		add("webhook.timeout", fmt.Sprintf("webhook.timeout is %v, and must be above 0s and at most 1m", w.Timeout), "the default is 10s")
		return p
	}
	s := w.client()
	for _, one := range s.Check(true) {
		one.Key = "webhook." + one.Key
		p = append(p, one)
	}
	return p
}

// holds reports whether a container is one of those that are never acted on.
func (n *Never) holds(c *container) bool {
	for _, pattern := range n.Names {
		if ok, err := path.Match(pattern, strings.TrimPrefix(c.Name, "/")); ok || err != nil {
			return true
		}
	}
	for _, pattern := range n.Images {
		if ok, err := path.Match(pattern, c.Config.Image); ok || err != nil {
			return true
		}
	}
	for name, value := range n.Labels {
		if got, ok := c.Config.Labels[name]; ok && got == value {
			return true
		}
	}
	return false
}
