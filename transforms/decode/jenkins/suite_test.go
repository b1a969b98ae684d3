package jenkins

import (
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
	path   string // of the file that the lines are of, "" for none
}{
	{"audit", Audit, ""}, {"log", Log, ""}, {"access", Access, ""}, {"logstash", Logstash, ""},
	{"build", Build, "/var/jenkins_home/jobs/shop/jobs/api/builds/41/log"},
	{"buildxml", BuildXML, "/var/jenkins_home/jobs/shop/jobs/api/builds/41/build.xml"},
}

// TestConformance: each decoder passes the suite, with a pair for each action.
func TestConformance(t *testing.T) {
	for _, c := range all {
		t.Run(c.folder, func(t *testing.T) {
			plugintest.Decoder(t, plugintest.DecoderSuite{Plugin: c.plugin, Golden: "testdata/" + c.folder,
				Event: func(_ testing.TB, line string, n int) event.Event {
					env := plugintest.Env("")
					e := event.Event{Decode: c.plugin.Type, Raw: line, Records: 1, Offset: int64(n) * 1000, Seen: env.Now(), Shared: env.Shared}
					if c.path != "" {
						e.Shared = append(e.Shared[:len(e.Shared):len(e.Shared)], event.NewField(schema.LogFilePath, "", event.String(c.path)))
					}
					return e
				}})
		})
	}
}
