package config

import (
	"net"
	"slices"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

// Console says where the web console is served, and to whom.
type Console struct {
	Listen string              `yaml:"listen" doc:"The address of the web console, or off. One that is not of loopback needs token, or tls with client_ca." example:"127.0.0.1:8686"`
	Token  plugin.Secret       `yaml:"token" doc:"The secret that opens the console, at least 16 bytes; without it whoever reaches the address sees it."`
	TLS    *servertls.Settings `yaml:"tls" doc:"Certificates of the console, for HTTPS; with client_ca only clients with a valid certificate are served."`
	Hosts  []string            `yaml:"hosts" doc:"Names that the console is reached by, besides localhost and addresses: a request for another name is refused, against DNS rebinding." example:"[tallyman.example.org]"`
}

// On reports whether there is a console.
func (c Console) On() bool { return c.Listen != "off" }

// Same reports whether two consoles are the same, wherever they stand in a file.
func (c Console) Same(o Console) bool {
	if (c.TLS == nil) != (o.TLS == nil) || c.Listen != o.Listen || c.Token != o.Token || !slices.Equal(c.Hosts, o.Hosts) {
		return false
	}
	return c.TLS == nil || c.TLS.Cert.Value == o.TLS.Cert.Value && c.TLS.Key.Value == o.TLS.Key.Value &&
		c.TLS.ClientCA.Value == o.TLS.ClientCA.Value && c.TLS.MinVersion == o.TLS.MinVersion
}

// Check refuses a console that strangers could open.
func (c *Console) Check() plugin.Problems {
	host, _, err := net.SplitHostPort(c.Listen)
	if !c.On() || err != nil { // what is no address is told elsewhere
		return nil
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	certified := c.TLS != nil && c.TLS.ClientCA.Value != ""
	switch {
	case c.Token.IsZero() && !certified:
		return plugin.Problems{{Key: "listen", Text: "the console would be open to everybody who reaches " + c.Listen,
			Hint: "set console.token, or console.tls with client_ca, or listen at 127.0.0.1"}}
	case c.TLS == nil:
		return plugin.Problems{{Key: "listen", Warn: true, Text: "the console's token and all that it shows cross the network in clear", Hint: "set console.tls"}}
	}
	return nil
}
