package syslog

import (
	"testing"

	"tallyman/pipeline/decode"
	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/plugintest"
)

// TestBuildersOverSyslog: what Jenkins, gitolite and a web server before git send
// goes to its decoder; what only has their name stays a message.
func TestBuildersOverSyslog(t *testing.T) {
	for _, c := range []struct{ message, decode, raw string }{
		{"<14>Nov 24 09:15:01 ci jenkins: /configSubmit by ana from 198.51.100.7", "jenkins_audit", "/configSubmit by ana from 198.51.100.7"},
		{"<14>Nov 24 09:15:01 ci jenkins: job/api/ #4 Started by timer, Parameters:[]", "jenkins_audit", "job/api/ #4 Started by timer, Parameters:[]"},
		{"<14>Nov 24 09:15:01 ci jenkins: Jenkins is fully up and running", "", ""},
		{"<134>Nov 24 09:15:01 git gitolite[4711][4712]: pre_git\tshop/api\tana\tR\tany\trefs/.*", "gitolite", "pre_git\tshop/api\tana\tR\tany\trefs/.*"},
		{"<134>Nov 24 09:15:01 git gitolite[4711]: a text", "", ""},
		{`<190>Nov 24 09:15:01 git gitweb: 198.51.100.7 - ana [24/Nov/2026:09:15:01 +0000] "POST /a.git/git-upload-pack HTTP/1.1" 200 1`, "git_access",
			`198.51.100.7 - ana [24/Nov/2026:09:15:01 +0000] "POST /a.git/git-upload-pack HTTP/1.1" 200 1`},
		{"<14>Nov 24 09:15:01 ci other: /configSubmit by ana from 198.51.100.7", "", ""},
	} {
		env := plugintest.Env("")
		var in, out event.Batch
		in.Add(event.Event{Decode: Plugin.Type, Raw: c.message, Records: 1, Seen: env.Now(), Shared: env.Shared})
		if err := decode.New([]plugin.Plugin{Plugin}, env).Apply(t.Context(), &in, &out); err != nil {
			t.Fatal(err)
		}
		if e := &out.Events[0]; e.Decode != c.decode || e.Raw != c.raw {
			t.Errorf("%q: %s", c.message, plugintest.Dump(e))
		}
	}
}
