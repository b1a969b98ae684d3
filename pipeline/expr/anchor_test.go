package expr

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/pipeline/plugin"
)

func TestNeeds(t *testing.T) {
	c := NewCompiler(Options{Lists: map[string][]string{"shells": {"sh", "bash"}, "holed": {"a", ""}}})
	for _, x := range []struct{ condition, want string }{
		{`process.name == "sh"`, "process.name[sh]"},
		{`"sh" == process.name && user.name != ""`, "process.name[sh]"},
		{`process.name in ["sh", "bash"] and "start" in event.type`, "process.name[sh bash] event.type[start]"},
		{`inlist(process.name, "shells")`, "process.name[bash sh]"},
		{`lower(process.name) == "sh"`, "process.name[sh]~"},
		{`process.name == "a" || process.name == "b"`, "process.name[a b]"},
		{`(process.name == "a" && user.name == "x") || (user.name == "y" && true)`, "process.name[a]|user.name[y] user.name[x y]"},
		{`process.name == "a" || user.name == "b" || process.name == "c"`, "process.name[a c]|user.name[b]"},
		{`process.name == "a" || lower(process.name) == "b"`, "process.name[a]|process.name[b]~"},
		{`process.name == "a" || process.pid == 1`, ""},
		{`process.name == "a" || true`, ""},
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
		for _, need := range c.Needs(plugin.Text{Value: x.condition}) {
			var either []string
			for _, a := range need {
				either = append(either, fmt.Sprintf("%s%v%s", a.Key, a.Words, map[bool]string{true: "~"}[a.Fold]))
			}
			got = append(got, strings.Join(either, "|"))
		}
		if text := strings.Join(got, " "); text != x.want {
			t.Errorf("%s: %q, want %q", x.condition, text, x.want)
		}
	}
}
