package journald

import (
	"path"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// room is how many fields an entry may give beside its own, with those that
// transforms add.
const room = 48

// levels are the names of syslog's severities and their weights as event.severity
// (SCHEMA.md, section 5).
var (
	severities = [...]string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"}
	levels     = [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}
	weights    = [...]int64{10, 10, 10, 8, 5, 3, 2, 1}
	facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"ntp", "audit", "console", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
)

// unset is the login id and the session of a process that has none.
const unset = "4294967295"

// texts are the fields that are one of ours as they stand. Those with an
// underscore are journald's word.
var texts = map[string]schema.Key{
	"MESSAGE": schema.Message, "SYSLOG_IDENTIFIER": schema.LogSyslogAppname, "SYSLOG_PID": schema.LogSyslogProcID,
	"_COMM": schema.ProcessName, "_EXE": schema.ProcessExecutable, "_CMDLINE": schema.ProcessCommandLine,
	"_UID": schema.UserID, "_GID": schema.UserGroupID, "_SYSTEMD_UNIT": schema.ServiceName,
}

// left are the fields that the head of the event, its id or its origin has.
var left = map[string]bool{
	"__CURSOR": true, "__REALTIME_TIMESTAMP": true, "__MONOTONIC_TIMESTAMP": true, "__SEQNUM": true, "__SEQNUM_ID": true,
	"_SOURCE_REALTIME_TIMESTAMP": true, "_SOURCE_MONOTONIC_TIMESTAMP": true, "_BOOT_ID": true, "_MACHINE_ID": true, "_HOSTNAME": true,
}

// describe adds what the entry says of itself; twice says what of it has several
// readings. Where a program says who did something, the user and the command are
// those that it names, and its own stand among the labels.
func (x entry) describe(f *event.Fields) (twice string) {
	own := len(*f)
	known, twice := x.means(f)
	contained := x.container(f)
	for i := range x {
		name, value := x[i].name, x[i].value
		if value == "" || left[name] {
			continue
		}
		key, ok := texts[name]
		if known && (name == "_UID" || name == "_GID") {
			ok = false
		}
		if ok && (*f)[own:].Get(key).IsZero() {
			f.AddString(key, value)
			continue
		}
		if contained && x.ofContainer(f, name, value) || number(f, name, value) {
			continue
		}
		label(f, own, name, value)
	}
	return twice
}

// number adds a field that is a number, or has a code; false where it is not as
// it has to be, and becomes a label.
func number(f *event.Fields, name, value string) bool {
	switch name {
	case "_AUDIT_LOGINUID", "_AUDIT_SESSION":
		if value == unset {
			return true
		}
		if name == "_AUDIT_LOGINUID" {
			f.AddString(schema.UserAuditID, value)
			return true
		}
		return false
	case "PRIORITY", "SYSLOG_FACILITY", "_PID":
	default:
		return false
	}
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 {
		return false
	}
	switch {
	case name == "_PID" && f.Get(schema.ProcessPID).IsZero():
		f.Add(schema.ProcessPID, event.Int(n))
	case name == "PRIORITY" && n < 8 && f.Get(schema.LogSyslogSeverityCode).IsZero():
		f.Add(schema.LogSyslogSeverityCode, event.Int(n))
		f.AddString(schema.LogSyslogSeverityName, severities[n])
		f.AddString(schema.LogLevel, levels[n])
		if f.Get(schema.EventSeverity).IsZero() {
			f.Add(schema.EventSeverity, event.Int(weights[n]))
		}
	case name == "SYSLOG_FACILITY" && n < int64(len(facilities)) && f.Get(schema.LogSyslogFacilityCode).IsZero():
		f.Add(schema.LogSyslogFacilityCode, event.Int(n))
		f.AddString(schema.LogSyslogFacilityName, facilities[n])
	default:
		return false
	}
	return true
}

// label keeps a field under its own name: an underscore before it still says
// whose word it is. A name that stands again gets the number of its turn.
func label(f *event.Fields, own int, name, value string) {
	at := name
	for turn := 2; !(*f)[own:].GetNamed(schema.Labels, at).IsZero(); turn++ {
		at = name + "#" + strconv.Itoa(turn)
	}
	f.AddNamed(schema.Labels, at, event.String(value))
}

// container adds the container that the sender is in, or, of an engine that
// hands on what its containers say, the one that it names. It reports whether the
// names of the sender are believed.
func (x entry) container(f *event.Fields) bool {
	if x.engine() {
		if id := x.get("CONTAINER_ID_FULL"); isID(id) {
			f.AddString(schema.ContainerID, id)
			return true
		}
		return false
	}
	if id, runtime := inCgroup(x.get("_SYSTEMD_CGROUP")); id != "" {
		f.AddString(schema.ContainerID, id)
		f.AddString(schema.ContainerRuntime, runtime)
	}
	return false
}

// engine reports whether the sender is a container engine, by what journald says
// of it: the unit is that of its control group, which no process of a container
// or of a user can choose. Anyone may send CONTAINER_ID_FULL.
func (x entry) engine() bool {
	unit, cgroup := x.get("_SYSTEMD_UNIT"), x.get("_SYSTEMD_CGROUP")
	if x.get("_UID") != "0" || x.get("_SYSTEMD_USER_UNIT") != "" || strings.HasPrefix(cgroup, "/user.slice/") {
		return false
	}
	switch program := path.Base(x.get("_EXE")); unit {
	case "docker.service", "snap.docker.dockerd.service":
		return program == "dockerd"
	case "podman.service", "crio.service":
		return program == "conmon" || program == "podman"
	default:
		id, ok := strings.CutPrefix(unit, "libpod-conmon-")
		return ok && program == "conmon" && id == x.get("CONTAINER_ID_FULL")+".scope"
	}
}

// ofContainer adds a field that an engine sends of a container.
func (x entry) ofContainer(f *event.Fields, name, value string) bool {
	switch name {
	case "CONTAINER_ID_FULL", "CONTAINER_ID":
	case "CONTAINER_NAME":
		f.AddString(schema.ContainerName, value)
	case "IMAGE_NAME":
		image(f, value)
	case "CONTAINER_PARTIAL_MESSAGE", "CONTAINER_PARTIAL_ID", "CONTAINER_PARTIAL_ORDINAL", "CONTAINER_PARTIAL_LAST": // partial.go
	case "MESSAGE":
		return false
	default:
		return false
	}
	return true
}

// image adds the name and the tag of an image.
func image(f *event.Fields, ref string) {
	name, digest, _ := strings.Cut(ref, "@")
	tag := ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	f.AddString(schema.ContainerImageName, name)
	f.AddString(schema.ContainerImageTag, tag)
	f.AddString(schema.ContainerImageHashAll, digest)
}

// inCgroup returns the container that a control group of systemd's belongs to. One
// below a user's slice may have any name.
func inCgroup(cgroup string) (id, runtime string) {
	if strings.HasPrefix(cgroup, "/user.slice/") {
		return "", ""
	}
	for part := range strings.SplitSeq(cgroup, "/") {
		name, ok := strings.CutSuffix(part, ".scope")
		if !ok {
			continue
		}
		for _, p := range [...]struct{ prefix, runtime string }{{"docker-", "docker"}, {"cri-containerd-", "containerd"}, {"crio-", "cri-o"}, {"libpod-", "podman"}} {
			if id, ok := strings.CutPrefix(name, p.prefix); ok && isID(id) {
				return id, p.runtime
			}
		}
	}
	return "", ""
}

// isID reports whether s is a container's full id.
func isID(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'0' > 9 && c-'a' > 5 {
			return false
		}
	}
	return true
}
