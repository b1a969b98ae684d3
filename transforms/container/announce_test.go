package container

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

// TestTheStartSaysWhatToExpect looks at the lines of a start, by what there is.
func TestTheStartSaysWhatToExpect(t *testing.T) {
	for name, c := range map[string]struct {
		kernel, outside bool
		env             plugin.Env
		want            []string
	}{
		"connector, no rules": {kernel: true, want: []string{"process connector, /proc, lineage", `"99 %"`, "runtime rules"}},
		"/proc, no rules":     {want: []string{"/proc, lineage", "about 90 %"}},
		"a sidecar":           {outside: true, want: []string{"hostPID", "nothing: without the runtime rules", "CAP_NET_ADMIN"}},
		"once":                {env: plugin.Env{Once: true}},
		"dry":                 {env: plugin.Env{Dry: true}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			tr := &Transform{env: c.env, live: true, set: Default()}
			tr.env.Log = slog.New(slog.NewTextHandler(&b, nil))
			if c.kernel {
				tr.kernel = newKernel(64)
			}
			tr.announce(Host{Root: t.TempDir(), Namespace: func() bool { return !c.outside }, Connector: func() error {
				if c.kernel {
					return nil
				}
				return errors.New("not allowed")
			}})
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("%q is not in\n%s", want, b.String())
				}
			}
			if len(c.want) == 0 && b.Len() > 0 {
				t.Errorf("it says %s", b.String())
			}
		})
	}
	for rules, want := range map[bool]string{true: "99.9 %", false: "99 %"} {
		if got := share(true, true, rules); got != want {
			t.Errorf("with rules %v: %s", rules, got)
		}
	}
}
