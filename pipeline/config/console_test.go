package config

import (
	"testing"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/servertls"
)

func TestConsoleForStrangers(t *testing.T) {
	token := plugin.Secret{File: "/t"}
	plain, mutual := &servertls.Settings{}, &servertls.Settings{ClientCA: plugin.Text{Value: "ca"}}
	for _, c := range []struct {
		name        string
		console     Console
		refuse, say bool
	}{
		{"off", Console{Listen: "off"}, false, false},
		{"loopback", Console{Listen: "127.0.0.1:8686"}, false, false},
		{"loopback of IPv6", Console{Listen: "[::1]:8686"}, false, false},
		{"localhost", Console{Listen: "localhost:8686"}, false, false},
		{"everywhere", Console{Listen: ":8686"}, true, false},
		{"everywhere with TLS alone", Console{Listen: "0.0.0.0:8686", TLS: plain}, true, false},
		{"everywhere with a token in clear", Console{Listen: "0.0.0.0:8686", Token: token}, false, true},
		{"everywhere with token and TLS", Console{Listen: "0.0.0.0:8686", Token: token, TLS: plain}, false, false},
		{"everywhere with certificates", Console{Listen: "0.0.0.0:8686", TLS: mutual}, false, false},
		{"a name that is not of loopback", Console{Listen: "host.example:8686"}, true, false},
	} {
		p := c.console.Check()
		if p.Bad() != c.refuse || !c.refuse && (len(p) > 0) != c.say {
			t.Errorf("%s: %v", c.name, p)
		}
	}
}

func TestConsoleThatMovedInItsFile(t *testing.T) {
	at := func(line int, cert string) Console {
		return Console{Listen: "x:1", TLS: &servertls.Settings{Cert: plugin.Text{Value: cert, Pos: plugin.Pos{Line: line}}}}
	}
	if !at(1, "a").Same(at(2, "a")) {
		t.Error("a console is another one because it moved")
	}
	if at(1, "a").Same(at(1, "b")) || at(1, "a").Same(Console{Listen: "x:1"}) {
		t.Error("another certificate is the same console")
	}
}
