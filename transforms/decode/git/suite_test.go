package git

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// all are the decoders and the folders of their pairs.
var all = []struct {
	folder string
	plugin plugin.Plugin
}{{"webhook", Webhook}, {"githubaudit", GitHubAudit}, {"gitlab", GitLab}, {"gitea", Gitea}, {"access", Access}, {"gitolite", Gitolite}}

// recordOf makes the record of a line: "@NAME BODY" is a webhook whose header
// named its event.
func recordOf(p plugin.Plugin, line string, n int) event.Event {
	env := plugintest.Env("")
	e := event.Event{Decode: p.Type, Raw: line, Records: 1, Offset: int64(n) * 1000, Seen: env.Now(), Shared: env.Shared}
	if strings.HasPrefix(line, "@") {
		name, body, _ := strings.Cut(line[1:], " ")
		e.Raw = body
		e.Fields.AddString(schema.EventCode, name)
	}
	return e
}

// TestConformance: each decoder passes the suite, with a pair for each action.
func TestConformance(t *testing.T) {
	for _, c := range all {
		t.Run(c.folder, func(t *testing.T) {
			plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: c.plugin, Golden: "testdata/" + c.folder,
				Event: func(_ testing.TB, line string, n int) event.Event { return recordOf(c.plugin, line, n) }})
		})
	}
}
