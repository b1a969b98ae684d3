// Package registry takes what registries of container images tell: the
// notifications of Distribution and the webhooks of Harbor, Artifactory, Quay,
// DTR/MSR and Docker Hub over HTTP, or their logs from files. What they mean is
// the decoder's.
package registry

import (
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/toolinput"
	"tallyman/pipeline/weblisten"
)

// Plugin is the input `registry`.
var Plugin = plugin.NewInput("registry", "What image registries tell: notifications and webhooks over HTTP, or their logs from files.", defaults, build)

// Settings are the keys of a registry input.
type Settings struct {
	toolinput.Settings `yaml:",inline"`

	Decode string `yaml:"decode" doc:"The decoder of the records. registry leaves out what is pushed and pulled of layers, registry_layers has an event for each."`
}

func defaults() Settings {
	return Settings{Settings: toolinput.Defaults("127.0.0.1:8090"), Decode: "registry"}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	p := s.Settings.Check("registry")
	if s.Decode == "" {
		p = append(p, plugin.Problem{Key: "decode", Text: "decode of input registry is empty", Hint: "write registry or registry_layers"})
	}
	return p
}

// jfrog is how Artifactory shows the secret of a webhook.
var jfrog = weblisten.Proof{Name: "X-JFrog-Event-Auth", Header: "X-JFrog-Event-Auth"}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	return toolinput.New(&s.Settings, env, toolinput.Options{Decode: s.Decode, Ways: []weblisten.Proof{jfrog, weblisten.Bearer, weblisten.PlainAuth}, Split: split})
}

// mostEvents is how many events of one envelope become records of their own; what
// has more is one record.
const mostEvents = 100_000

// split takes a body apart. The events of an envelope of Distribution are records
// of their own.
func split(body string) ([]string, error) {
	texts, err := weblisten.Split(body, "auto")
	if err != nil || len(texts) != 1 {
		return texts, err
	}
	s := jsonscan.New(texts[0])
	var events []string
	others := 0
	s.Members(func(name string) {
		if name != "events" || s.Peek() != '[' || events != nil {
			others++
			s.Skip()
			return
		}
		s.Array(func() {
			if one := s.Raw(); one != "" && len(events) <= mostEvents {
				events = append(events, one)
			}
		})
	})
	if !s.Done() || others > 0 || len(events) == 0 || len(events) > mostEvents {
		return texts, nil
	}
	return events, nil
}
