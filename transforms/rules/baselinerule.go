package rules

import (
	"time"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// learning reads how long a rule learns: a time, or until somebody approves.
func (d *document) learning(learn *time.Duration, approval *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if *approval = n.Value == "approval"; !*approval {
			d.duration(learn, "learn")(n)
		}
	}
}

// baseline checks what makes a state readable: what it keeps is shown and
// exported, so it is nothing that may hold a secret.
func (d *document) baseline(n *yaml.Node, kind plugin.Text, approval bool, kept []plugin.Text) {
	switch {
	case kind.Value == "" && approval:
		d.bad(n, "add baseline: exe, or write a time", "only a baseline can be learned until its approval")
	case kind.Value != "" && !kindForm.MatchString(kind.Value):
		d.add(kind.Pos, "write exe, port, egress, user, mount or a word of your own in small letters", "%q is no kind of baseline", kind.Value)
	case kind.Value != "":
		for _, t := range kept {
			if secretive.MatchString(t.Value) {
				d.add(t.Pos, "leave baseline out: what the rule saw is then kept as sums", "a baseline is readable, and this may hold a secret")
			}
		}
	}
}
