package journald

import (
	"path"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/programs"
	"tallyman/pipeline/schema"
)

// files are the names of the files of the programs that are known, by what they
// call themselves.
var files = map[string]string{
	"sshd": "sshd", "sshd-session": "sshd-session", "sshd-auth": "sshd-auth", "sudo": "sudo", "su": "su", "login": "login",
	"sudo-rs": "sudo-rs", "su-rs": "su-rs", "doas": "doas",
	"CRON": "cron", "cron": "cron", "crond": "crond", "CROND": "crond",
	"useradd": "useradd", "userdel": "userdel", "usermod": "usermod", "groupadd": "groupadd", "groupdel": "groupdel",
	"gpasswd": "gpasswd", "passwd": "passwd",
}

// relays are programs of root's that log what others tell them.
const relays = " dockerd conmon podman logger systemd-cat rsyslogd syslog-ng "

// program returns the program that an entry is of, where journald's word bears
// out the sender's: anyone may call themselves sshd (`logger -t sshd`), and the
// kernel says who the sender is and which file it runs. Users may choose the files
// of a mount namespace of their own, so that what only root starts has to be
// root's; sudo, su and doas log as their callers. A program that is not known by name
// may still say what PAM did for it; it is "" then.
func (x entry) program() (name string, borne bool) {
	name = x.get("SYSLOG_IDENTIFIER")
	uid, exe := x.get("_UID"), x.get("_EXE")
	if uid == "" || name == "" || uid != "0" && (exe == "" || !byCaller(name)) {
		return "", false
	}
	dir, file := path.Split(exe)
	switch {
	case exe == "": // it ended before journald looked
		return name, x.get("_TRANSPORT") == "syslog"
	case !strings.HasPrefix(dir, "/usr/") && !strings.HasPrefix(dir, "/bin/") && !strings.HasPrefix(dir, "/sbin/") && !strings.HasPrefix(dir, "/lib"):
		return "", false
	case files[name] == file, (name == "sudo" || name == "su") && file == name+"-rs": // to which sudo is a link
		return name, true
	}
	return "", uid == "0" && x.get("_TRANSPORT") == "syslog" && !strings.Contains(relays, " "+file+" ")
}

// byCaller reports whether a program is one that users start, and which is root by its
// file.
func byCaller(name string) bool {
	switch name {
	case "sudo", "sudo-rs", "su", "su-rs", "doas":
		return true
	}
	return false
}

// means adds what happened, and whose doing it was where a known program says so.
// twice says what has several readings.
func (x entry) means(f *event.Fields) (known bool, twice string) {
	say := programs.Said{Action: "logged", Category: "host", Kind: "info"}
	program, borne := x.program()
	if borne {
		programs.Read(program, x.get("MESSAGE"), &say)
	}
	f.AddString(schema.EventKind, "event")
	f.AddString(schema.EventCategory, say.Category)
	f.AddString(schema.EventType, say.Kind)
	f.AddString(schema.EventType, say.Kind2)
	f.AddString(schema.EventAction, say.Action)
	f.AddString(schema.EventOutcome, say.Outcome)
	f.AddString(schema.EventReason, say.Reason)
	f.AddString(schema.EventModule, "journald")
	if !say.Known {
		return false, ""
	}
	if say.Severity > 0 {
		f.Add(schema.EventSeverity, event.Int(say.Severity))
	}
	if program == "" {
		program = x.get("SYSLOG_IDENTIFIER")
	}
	say.Fields(f, program)
	return true, say.Twice
}
