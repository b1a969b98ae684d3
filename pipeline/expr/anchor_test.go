package expr

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

func TestAnchors(t *testing.T) {
	c := NewCompiler(Options{Lists: map[string][]string{"shells": {"sh", "bash"}, "holed": {"a", ""}}})
	for _, x := range []struct{ condition, want string }{
		{`process.name == "sh"`, "process.name[sh]"},
		{`"sh" == process.name && user.name != ""`, "process.name[sh]"},
		{`process.name in ["sh", "bash"] and "start" in event.type`, "process.name[sh bash] event.type[start]"},
		{`inlist(process.name, "shells")`, "process.name[bash sh]"},
		{`lower(process.name) == "sh"`, "process.name[sh]~"},
		{`process.name == "a" || process.name == "b"`, "process.name[a b]"},
		{`(process.name == "a" && user.name == "x") || (user.name == "y" && true)`, "user.name[x y]"},
		{`process.name == "a" || user.name == "b"`, ""},
		{`process.name == ""`, ""},
		{`process.name in ["a", ""]`, ""},
		{`inlist(process.name, "holed")`, ""},
		{`!(process.name == "a")`, ""},
		{`process.name != "a"`, ""},
		{`process.pid == 1`, ""},
		{`event.dataset == "x"`, ""},
		{`event.id == "x"`, ""},
		{`"x" in process.name`, ""},
		{`auditd.data["op"] == "x"`, ""},
		{`process.args[0] == "x"`, ""},
		{`process.name + "x" == "ax"`, ""},
		{`process.name ==`, ""},
		{`true ? process.name == "a" : false`, ""},
	} {
		var got []string
		for _, a := range c.Anchors(plugin.Text{Value: x.condition}) {
			fold := map[bool]string{true: "~"}[a.Fold]
			got = append(got, fmt.Sprintf("%s%v%s", a.Key, a.Words, fold))
		}
		if text := strings.Join(got, " "); text != x.want {
			t.Errorf("%s: %q, want %q", x.condition, text, x.want)
		}
	}
}
