// Package alerts takes the alerts of security products and the reports of
// scanners, over HTTP or from files: Falco, Tetragon, Trivy, Clair, Grype, Aqua,
// Prisma Cloud, Sysdig. What they mean is the decoders'.
package alerts

import (
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/toolinput"
	"tallyman/pipeline/weblisten"
)

// Plugin is the input `alerts`.
var Plugin = plugin.NewInput("alerts", "Alerts of Falco, Tetragon, Aqua, Prisma Cloud and Sysdig, and reports of scanners, over HTTP or from files.", defaults, build)

// Settings are the keys of an alerts input.
type Settings struct {
	toolinput.Settings `yaml:",inline"`

	Decode string `yaml:"decode" doc:"The decoder of the records. alert finds out by itself whose they are; falco, tetragon or finding take those alone."`
}

func defaults() Settings {
	return Settings{Settings: toolinput.Defaults("127.0.0.1:8091"), Decode: "alert"}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	p := s.Settings.Check("alerts")
	if s.Decode == "" {
		p = append(p, plugin.Problem{Key: "decode", Text: "decode of input alerts is empty", Hint: "write alert, or the decoder of one product"})
	}
	return p
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	return toolinput.New(&s.Settings, env, toolinput.Options{Decode: s.Decode, Ways: []weblisten.Proof{weblisten.Bearer, weblisten.PlainAuth}})
}
