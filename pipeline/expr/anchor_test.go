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
		{`"sh" == process.name && user.name != "x"`, "process.name[sh]"},
		{`"sh" == process.name && user.name != ""`, "process.name[sh] user.name!"},
		{`process.name in ["sh", "bash"] and "start" in event.type`, "process.name[sh bash] event.type[start]"},
		{`inlist(process.name, "shells")`, "process.name[bash sh]"},
		{`lower(process.name) == "sh"`, "process.name[sh]~"},
		{`process.name == "a" || process.name == "b"`, "process.name[a b]"},
		{`(process.name == "a" && user.name == "x") || (user.name == "y" && true)`, "process.name[a]|user.name[y] user.name[x y]"},
		{`process.name == "a" || user.name == "b" || process.name == "c"`, "process.name[a c]|user.name[b]"},
		{`process.name == "a" || lower(process.name) == "b"`, "process.name[a]|process.name[b]~"},
		{`basename(process.executable) in ["nc", "ncat"] || inlist(basename(process.executable), "shells")`, "process.executable[nc ncat bash sh]/"},
		{`process.name == "nc" || basename(process.executable) == "nc"`, "process.name[nc]|process.executable[nc]/"},
		{`file.path matches "^/etc/(passwd|shadow)$"`, "file.path~[/etc/passwd /etc/shadow]"},
		{`file.path matches "(?i)SECRET"`, "file.path~[secret]i"},
		{`file.path contains "/etc/" or file.path startsWith "/usr/" or file.path endsWith ".so"`, "file.path~[/etc/]|file.path[/usr/]^|file.path[.so]$"},
		{`process.command_line contains "\"" && process.name != ""`, "process.command_line~[\"] process.name!"},
		{`tallyman.container.host && source.ip != ""`, "tallyman.container.host! source.ip!"},
		{`file.path startsWith "/etc/" or file.path startsWith "/usr/"`, "file.path[/etc/ /usr/]^"},
		{`any(process.args, # contains "/etc/shadow")`, "process.args~[/etc/shadow]"},
		{`any(process.args, # startsWith "--" && # != "--x") && any(process.args, # in ["a", "b"] or # == "c")`, "process.args[--]^ process.args[a b c]"},
		{`any(process.args, lower(#) == "a" && process.name == "b")`, "process.args[a]~ process.name[b]"},
		{`any(process.args, # matches "(?i)curl|wget" || any(tags, # endsWith "ab"))`, "process.args~[curl wget]i|tags[ab]$"},
		{`destination.port in [22, 23] && process.pid == 1 && process.exit_code > 0 and user.name == "x"`, "destination.port! process.pid! process.exit_code! user.name[x]"},
		{`process.pid in [0, 1] || process.pid == 0 || process.pid > -1 || process.pid >= 0 || process.pid < 5`, ""},
		{`any(process.args, # == "")`, ""},
		{`any(process.args, "x" in tags) && "x" in process.args`, "tags[x] process.args[x]"},
		{`any(filter(process.args, # != "-"), # == "ab")`, ""},
		{`any(process.args, any(filter(tags, true), # == "ab"))`, ""},
		{`all(process.args, # == "ab")`, ""},
		{`none(process.args, # == "ab")`, ""},
		{`file.path matches "."`, ""},
		{`file.path contains "/"`, ""},
		{`file.path contains file.name`, ""},
		{`message matches "abc" || event.original contains "abc"`, ""},
		{`process.args[0] startsWith "abc"`, ""},
		{`basename(process.executable) contains "abc"`, ""},
		{`!tallyman.container.host`, ""},
		{`process.pid != 0`, ""},
		{`len(process.args) > 0`, ""},
		{`process.name == "a" || process.pid == 1`, "process.name[a]|process.pid!"},
		{`process.name == "a" || process.pid == 0`, ""},
		{`process.name == "a" || true`, ""},
		{`process.name == ""`, ""},
		{`process.name in ["a", ""]`, ""},
		{`inlist(process.name, "holed")`, ""},
		{`!(process.name == "a")`, ""},
		{`process.name != "a"`, ""},
		{`process.pid == 1`, "process.pid!"},
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
				either = append(either, shown(a))
			}
			got = append(got, strings.Join(either, "|"))
		}
		if text := strings.Join(got, " "); text != x.want {
			t.Errorf("%s: %q, want %q", x.condition, text, x.want)
		}
	}
}

// shown is an anchor as the table has it: ! for one that is there, ~ before what is
// looked for within a text, and behind words what is made of the value.
func shown(a Anchor) string {
	switch a.Form {
	case There:
		return a.Key.String() + "!"
	case Within:
		var words []string
		for _, w := range a.In.needs[a.Pattern] {
			words = append(words, w.text)
		}
		return fmt.Sprintf("%s~%v%s", a.Key, words, map[bool]string{true: "i"}[a.Fold])
	}
	return fmt.Sprintf("%s%v%s", a.Key, a.Words, map[Form]string{Lower: "~", Base: "/", Begin: "^", End: "$"}[a.Form])
}
