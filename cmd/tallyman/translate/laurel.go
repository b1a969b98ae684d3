package translate

import (
	"strings"

	"tallyman/pipeline/lazy"
)

// audisp translates a file of /etc/audit/plugins.d, or audisp-remote.conf.
func audisp(text string) *Result {
	w := newWork(Audisp, text)
	conf, at := map[string]string{}, map[string]int{}
	for i := range w.lines {
		if key, value, ok := strings.Cut(w.lines[i], "="); ok && w.content(i+1) {
			key = strings.ToLower(strings.TrimSpace(key))
			conf[key], at[key] = strings.TrimSpace(value), i+1
		}
	}
	claim := func(keys ...string) {
		for _, k := range keys {
			w.claim(at[k], at[k])
		}
	}
	switch path := conf["path"]; {
	case conf["remote_server"] != "":
		w.input("audit", at["remote_server"], "type: auditd")
		w.left(at["remote_server"], w.lines[at["remote_server"]-1], "audisp-remote speaks a protocol of its own: send to a tallyman or a SIEM there, with an output such as {type: syslog, address: \"tls://%s:6514\"}", conf["remote_server"])
	case strings.Contains(path, "af_unix"):
		fields := strings.Fields(conf["args"])
		socket := "/var/run/audispd_events"
		for _, f := range fields {
			if strings.HasPrefix(f, "/") {
				socket = f
			}
		}
		w.input("audit", at["path"], "type: auditd", pair("socket", socket))
		claim("path", "args", "type", "direction")
		if conf["format"] == "binary" {
			w.left(at["format"], w.lines[at["format"]-1], "the socket is read with format = string: change it in that file")
		}
		claim("format")
	case strings.Contains(path, "syslog"):
		w.input("audit", at["path"], "type: auditd")
		w.output("syslog", at["path"], "type: syslog", `address: "unixgram:///dev/log"`)
		claim("path", "type", "direction", "format")
	case strings.Contains(path, "laurel"):
		w.input("audit", at["path"], "type: auditd")
		w.left(at["path"], w.lines[at["path"]-1], "LAUREL: translate its config.toml with --from as well; tallyman reads the log, or stands in its place (configs/audisp)")
		claim("type", "direction", "format")
	case path != "":
		w.input("audit", at["path"], "type: auditd")
		w.left(at["path"], w.lines[at["path"]-1], "what this program does is not known")
	}
	if strings.EqualFold(conf["active"], "no") {
		w.left(at["active"], w.lines[at["active"]-1], "the plugin is off")
	}
	claim("active")
	return w.finish()
}

var tomlString = lazy.Regexp(`"((?:\\.|[^"\\])*)"|'([^']*)'`)

// laurelWhys are the settings of LAUREL that something here does, or that have no
// counterpart, by section and key; an empty reason means that it is done anyway.
var laurelWhys = map[string]string{
	"transform.execve-argv":             "",
	"transform.execve-argv-limit-bytes": "bound the event with json.max_bytes of the output",
	"translate.universal":               "",
	"translate.user-db":                 "",
	"translate.drop-raw":                "",
	"enrich.container":                  "",
	"enrich.pid":                        "",
	"enrich.container_info":             "",
	"enrich.systemd":                    "the unit is not on the event",
	"enrich.execve-env":                 "variables of programs are not in audit's records",
	"enrich.script":                     "scripts are told by rules, with process.args",
	"enrich.user-groups":                "groups of a user are not on the event",
	"enrich.prefix":                     "fields have the names of ECS",
	"main.user":                         "the service's user (User= of the unit)",
	"main.directory":                    "",
	"main.statusreport-period":          "metrics and `tallyman status` tell it",
	"main.marker":                       "metrics and `tallyman status` tell it",
	"main.max-memory":                   "memory is bounded; MemoryMax= of the unit",
	"auditlog.size":                     "rotate the file with logrotate: the output opens it anew by itself",
	"auditlog.generations":              "rotate the file with logrotate: the output opens it anew by itself",
	"auditlog.users":                    "the mode of the file, and a group (`mode` of the output)",
	"auditlog.line-prefix":              "a line has no prefix",
	"filter.filter-action":              "what is dropped is not logged; it is counted",
	"filter.filter-null-keys":           "write it as `drop: [{when: 'auditd.key == \"\"'}]` of the transform filter",
	"filter.filter-raw-lines":           "write what is meant as drop of the transform filter",
	"filter.filter-sockaddr":            "write it as `drop: [{when: …}]` of the transform filter, with destination.ip and destination.port",
	"filter.keep-first-per-process":     "processes of dropped events are known all the same: container stands before filter",
	"coalesce.max-processing-delay":     "see timeout of the transform audit",
	"debug.inject-errors":               "this is for tests of LAUREL",
	"label-process.label-exe":           "labels of processes have no counterpart: write a rule",
	"label-process.propagate-labels":    "labels of processes have no counterpart: write a rule",
	"label-process.unlabel-exe":         "labels of processes have no counterpart: write a rule",
	"label-process.label-keys":          "auditd.key is on the event",
	"label-process.label-argv":          "labels of processes have no counterpart: write a rule",
	"label-process.label-script":        "labels of processes have no counterpart: write a rule",
	"label-process.unlabel-script":      "labels of processes have no counterpart: write a rule",
}

// laurel translates config.toml.
func laurel(text string) *Result {
	w := newWork(Laurel, text)
	section, directory := "main", "/var/log/laurel"
	file, at := "audit.log", 0
	input, inputAt := "", 0
	for i := 1; i <= len(w.lines); i++ {
		line := stripComment(w.lines[i-1])
		if line == "" {
			continue
		}
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[] ")
			w.claim(i, i)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		end := w.statement(i)
		if !ok {
			w.leave(i, end, "not understood")
			i = end
			continue
		}
		for k := i + 1; k <= end; k++ {
			value += " " + stripComment(w.lines[k-1])
		}
		values := tomlStrings(value)
		w.claim(i, end)
		switch name := section + "." + strings.TrimSpace(key); {
		case name == "main.directory" && len(values) == 1:
			directory = values[0]
		case name == "main.input" && len(values) == 1:
			input, inputAt = values[0], i
		case name == "auditlog.file" && len(values) == 1:
			file, at = values[0], i
		case name == "filter.filter-keys" && len(values) > 0:
			w.transform(i, "type: filter", "drop: [{"+list("key", values...)+"}]")
		default:
			why, known := laurelWhys[name]
			if !known {
				why = "this setting has no counterpart"
			}
			if why != "" {
				w.leave(i, end, "%s", why)
			}
		}
		i = end
	}
	if !strings.HasPrefix(file, "/") {
		file = strings.TrimSuffix(directory, "/") + "/" + file
	}
	pairs := []string{"type: auditd"}
	if socket, ok := strings.CutPrefix(input, "unix:"); ok {
		pairs = append(pairs, pair("socket", socket))
	} else if input == "stdin" {
		w.todo("line %d: LAUREL is given its records by auditd; this reads the log in its place, configs/audisp has what reads from auditd", inputAt)
	}
	w.input("audit", inputAt, pairs...)
	w.output("events", at, "type: file", pair("path", file), "format: json")
	w.todo("turn LAUREL off (active = no in /etc/audit/plugins.d/laurel.conf), or name another file: both would write %s", file)
	return w.finish()
}

func tomlStrings(value string) []string {
	var out []string
	for _, m := range tomlString().FindAllStringSubmatch(value, -1) {
		out = append(out, strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[1])+m[2])
	}
	return out
}
