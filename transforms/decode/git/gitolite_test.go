package git

import (
	"testing"
	"time"

	"tallyman/pipeline/plugintest"
	"tallyman/pipeline/schema"
)

// TestGitoliteOverSyslog: without a time and a process of its own, which syslog
// has; and only where somebody knows the time.
func TestGitoliteOverSyslog(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 15, 1, 0, time.UTC)
	e := recordOf(Gitolite, "pre_git\tshop/api\tana\tR\tany\trefs/.*", 0)
	e.Time = at
	got := apply(t, Gitolite, e).Events[0]
	if got.Get(schema.EventAction).Str() != "fetch" || got.Get(schema.GitRepository).Str() != "shop/api" || !got.Time.Equal(at) {
		t.Errorf("%s", plugintest.Dump(&got))
	}
	e.Time = time.Time{}
	if got := apply(t, Gitolite, e).Events[0]; got.Get(schema.EventKind).Str() != "pipeline_error" {
		t.Errorf("%s", plugintest.Dump(&got))
	}
}
