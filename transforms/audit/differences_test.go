package audit

import (
	"slices"
	"strings"
)

// difference is one way in which ours differs from the audit library's output
// (or Auditbeat's, which is built on it), and why ours is right. The rows are
// those of docs/decisions/0002-differences-from-go-libaudit.md.
type difference struct {
	why      string
	explains func(name, theirs, ours string, all values) bool
}

// in reports whether a value stands under a name.
func in(all values, name, val string) bool { return slices.Contains(all[name], val) }

func among(names ...string) func(string) bool {
	return func(n string) bool { return slices.Contains(names, n) }
}

// moved is a leftover of theirs that has a field of its own in ours.
func moved(data, to string) func(name, theirs, ours string, all values) bool {
	return func(name, theirs, ours string, all values) bool {
		return name == "auditd.data."+data && ours == "" && in(all, to, theirs)
	}
}

var differences = []difference{
	{"what says that there is nothing is absent (SCHEMA rule 1)", func(name, theirs, ours string, _ values) bool {
		return ours == "" && (theirs == "unset" || theirs == "unknown" || theirs == "(none)" || theirs == "4294967295" || theirs == "(unknown)" || theirs == "(null)") ||
			name == "auditd.data.items" && theirs == "0"
	}},
	{"an account, an address or a terminal has a field of its own (SCHEMA 4.1, 4.5)", func(name, theirs, ours string, all values) bool {
		if ours != "" {
			return false
		}
		switch name {
		case "auditd.data.acct":
			return in(all, "user.name", theirs) || in(all, "user.effective.name", theirs) || in(all, "user.target.name", theirs) || in(all, "group.name", theirs)
		case "auditd.data.id":
			return in(all, "user.id", theirs) || in(all, "user.effective.id", theirs) || in(all, "user.target.id", theirs) || in(all, "group.id", theirs)
		case "auditd.data.addr":
			return in(all, "source.address", theirs)
		case "auditd.data.hostname":
			return in(all, "source.domain", theirs) || in(all, "source.address", theirs)
		case "auditd.data.terminal", "auditd.data.tty":
			return in(all, "process.tty.name", strings.TrimPrefix(theirs, "/dev/"))
		case "auditd.data.socket_addr":
			return in(all, "source.address", theirs) || in(all, "destination.address", theirs) || in(all, "server.address", theirs) || in(all, "auditd.data.socket_address", theirs)
		case "auditd.data.socket_port":
			return in(all, "source.port", theirs) || in(all, "destination.port", theirs) || in(all, "server.port", theirs) || in(all, "auditd.data.socket_port", theirs)
		case "auditd.data.socket_family":
			return in(all, "network.type", theirs)
		}
		return false
	}},
	{"a command has a field of its own", moved("cmd", "process.command_line")},
	{"the number of arguments has a field of its own", moved("argc", "process.args_count")},
	{"a uid of a kernel record has a field of its own", moved("fsuid", "user.filesystem.id")},
	{"the same, of the login", moved("auid", "user.audit.id")},
	{"the same, of the user", moved("uid", "user.id")},
	{"the same, of the group", moved("gid", "user.group.id")},
	{"the session has a field of its own", moved("ses", "auditd.session")},
	{"the session of an old LOGIN record has a field of its own", moved("new_ses", "auditd.session")},
	{"their LOGIN reader of old records does not see the session", func(name, theirs, ours string, _ values) bool {
		return name == "auditd.session" && theirs == "" && ours != ""
	}},
	{"a terminal has one name, without /dev/, as the kernel writes tty", func(name, theirs, ours string, _ values) bool {
		return name == "process.tty.name" && "/dev/"+ours == theirs
	}},
	{"a value with blanks is whole", func(name, theirs, ours string, _ values) bool {
		return name == "auditd.data.op" && strings.HasPrefix(ours, theirs+" ")
	}},
	{"a field of two records of one event is kept twice", func(name, theirs, ours string, _ values) bool {
		return strings.HasPrefix(name, "auditd.data.") && slices.Contains(strings.Split(ours, "|"), theirs)
	}},
	{"both names of a file that AppArmor gives are kept: one as file.path or data.name, the other as data.name", func(name, theirs, _ string, all values) bool {
		return name == "auditd.data.name" && (in(all, "file.path", theirs) || in(all, "auditd.paths.1.name", theirs))
	}},
	{"exit stays the number that the record has; event.reason has the name of a failure", func(name, theirs, ours string, _ values) bool {
		return name == "auditd.data.exit" && strings.HasPrefix(theirs, "E") && strings.HasPrefix(ours, "-")
	}},
	{"the type and category are those of SCHEMA 3.1", func(name, _, ours string, all values) bool {
		if name != "event.category" && name != "event.type" || ours == "" {
			return false
		}
		return in(all, "event.code", "AVC") || in(all, "event.code", "CONFIG_CHANGE") || in(all, "event.code", "NETFILTER_CFG") ||
			in(all, "event.code", "ANOM_ABEND") || in(all, "event.code", "ANOM_PROMISCUOUS") || in(all, "event.code", "USER_ROLE_CHANGE")
	}},
	{"comm and suid inside msg='…' are a program's words, not the kernel's (SCHEMA 4.5 does not give them to programs)", func(name, theirs, ours string, all values) bool {
		return ours == "" && (name == "user.saved.id" && in(all, "auditd.data.suid", theirs) || name == "process.name" && in(all, "auditd.data.comm", theirs))
	}},
	{"authentication_success and authentication_failure are no values of event.type in ECS", func(name, theirs, ours string, _ values) bool {
		return name == "event.type" && strings.HasPrefix(theirs, "authentication_") && strings.HasSuffix(theirs, ours)
	}},
	{"file.device is dev, where the file lies; rdev is the device that a device file stands for", func(name, theirs, _ string, _ values) bool {
		return name == "file.device" && theirs == "00:00"
	}},
	{"a file that is created is the file, not the folder that it is created in", func(name, _, ours string, all values) bool {
		return among("file.path", "file.inode", "file.mode")(name) && (in(all, "auditd.paths.0.nametype", "PARENT") || in(all, "auditd.paths.0.objtype", "PARENT")) && ours != ""
	}},
	{"without a socket of the process there is no direction", func(name, theirs, ours string, all values) bool {
		return name == "network.direction" && ours == "" && theirs == "ingress" && len(all["source.address"]) > 0
	}},
	{"PROCTITLE beside EXECVE says nothing of its own: it is the arguments, cut at 128 bytes", func(name, theirs, ours string, all values) bool {
		return name == "process.title" && ours == "" && strings.HasPrefix(strings.Join(all["process.args"], " "), theirs)
	}},
	{"a key is what the rule says, all of it", func(name, theirs, ours string, _ values) bool {
		return name == "tags" && ours == "key="+theirs
	}},
	{"the key of a rule that is changed is in auditd.key and tags no event", func(name, theirs, ours string, all values) bool {
		return name == "tags" && ours == "" && (in(all, "auditd.key", theirs) || in(all, "auditd.key", "key="+theirs)) && in(all, "event.code", "CONFIG_CHANGE")
	}},
	{"a call that names a PATH record which is not there is flagged", func(name, theirs, ours string, _ values) bool {
		return name == "tags" && ours == theirs+"|"+TagIncomplete
	}},
	{"a missing key is not the text of the next field", func(name, theirs, ours string, _ values) bool {
		return name == "tags" && ours == "" && theirs == "x86_64"
	}},
	{"the program's own uid is not the user of a user-space record (SCHEMA 4.1)", func(name, theirs, _ string, all values) bool {
		return among("user.id", "user.group.id")(name) && in(all, "auditd.data."+map[string]string{"user.id": "uid", "user.group.id": "gid"}[name], theirs)
	}},
	{"the same, and its name", func(name, theirs, _ string, all values) bool {
		return among("user.name")(name) && in(all, "auditd.data.uid", "0") && theirs == "root"
	}},
	{"LOGIN is a kernel record: user is the process, user.audit who logged in (SCHEMA 4.1)", func(name, _, _ string, all values) bool {
		return in(all, "event.code", "LOGIN") && (strings.HasPrefix(name, "user.") || name == "related.user")
	}},
	{"no id is made of a name: accounts of that name may be many over time (SCHEMA 4.1 has the name)", func(name, _, ours string, all values) bool {
		return among("user.effective.id", "user.target.id")(name) && ours == "" && len(all["user.effective.name"])+len(all["user.target.name"]) > 0
	}},
	{"who changes an account is user, the account user.target, and there is no user.effective (SCHEMA 4.1)", func(name, _, ours string, all values) bool {
		return among("user.effective.id", "user.effective.name")(name) && ours == "" && in(all, "event.category", "iam")
	}},
	{"related.user has who is named on the event, not the uid of a program", func(name, theirs, ours string, _ values) bool {
		if name != "related.user" {
			return false
		}
		rest := slices.DeleteFunc(strings.Split(theirs, "|"), func(s string) bool { return s == "root" })
		return strings.Join(rest, "|") == ours
	}},
}
