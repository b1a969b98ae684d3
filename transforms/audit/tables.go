package audit

import (
	"github.com/elastic/go-libaudit/v2/auparse"
)

// tables are what the numbers of a log mean. They are built once and only read.
type tables struct {
	kinds     kinds
	arches    map[string]*arch // by the hex text of a record
	x64       *arch            // that of c000003e
	errnos    map[int64]string
	records   *recordTable
	exec      *action
	clone     *action // clone and clone3 with a namespace flag
	bpf       *action // a program was loaded
	unbpf     *action
	other     *action // a system call without an action of its own
	appArmor  *action
	macConfig *action // profiles of AppArmor changed
	looked    *action // USER_CHAUTHTOK, and nothing changed
	unnamed   *action // a record without an action of its own
	sockets   [21]*call
	lists     lists
	families  []string // of sockets
	textNames map[string]string
	paths     [readyItems][len(pathMembers)]string
}

func newTables() *tables {
	t := &tables{kinds: newKinds(), arches: map[string]*arch{}, errnos: map[int64]string{}, records: recordActions(), paths: pathNames(), lists: newLists(), families: families(),
		textNames: textNames()}
	known := calls()
	t.other = act("", "process", "info", 1, 0, "called", "failed to call", objNone)
	t.unnamed = act("", "host", "info", 1, 0, "", "", objNone)
	t.macConfig = t.records[uint16(auparse.AUDIT_USER_MAC_CONFIG_CHANGE)]
	t.looked = act("looked-at-user-account", "iam", "user info", 1, 0, "looked at the account", "failed to look at the account", objAccount)
	t.appArmor = act("violated-apparmor-policy", "intrusion_detection", "denied", 5, 5, "was allowed by AppArmor", "was denied by AppArmor", objAccess)
	t.exec = known["execve"].action
	t.clone = known["unshare"].action
	t.bpf = act("loaded-bpf-program", "driver", "start", 4, 0, "loaded a BPF program", "failed to load a BPF program", objNone)
	t.unbpf = act("unloaded-bpf-program", "driver", "end", 3, 0, "unloaded a BPF program", "failed to unload a BPF program", objNone)
	t.addArches(known)
	t.x64 = t.arches["c000003e"]
	t.nameArguments(known)
	for n, name := range auparse.AuditErrnoToName {
		t.errnos[int64(n)] = name
	}
	for n, name := range kernelErrnos {
		t.errnos[n] = name
	}
	for nr, n := range map[int]string{1: "socket", 2: "bind", 3: "connect", 4: "listen", 5: "accept", 6: "getsockname", 7: "getpeername", 8: "socketpair", 9: "send", 10: "recv",
		11: "sendto", 12: "recvfrom",
		13: "shutdown", 14: "setsockopt", 15: "getsockopt", 16: "sendmsg", 17: "recvmsg", 18: "accept4", 19: "recvmmsg", 20: "sendmmsg"} {
		t.sockets[nr] = named(known, n)
	}
	return t
}

// named returns the call of that name, made at first use.
func named(known map[string]*call, name string) *call {
	c := known[name]
	if c == nil {
		p := plain(name, nil)
		c = &p
		known[name] = c
	}
	return c
}

// kernelErrnos are the errors that no program sees (linux/errno.h): a call that a
// signal stopped and that begins anew has one in its record.
var kernelErrnos = map[int64]string{512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 515: "ENOIOCTLCMD", 516: "ERESTART_RESTARTBLOCK",
	517: "EPROBE_DEFER", 518: "EOPENSTALE", 519: "ENOPARAM", 521: "EBADHANDLE", 522: "ENOTSYNC", 523: "EBADCOOKIE", 524: "ENOTSUPP", 525: "ETOOSMALL",
	526: "ESERVERFAULT", 527: "EBADTYPE", 528: "EJUKEBOX", 529: "EIOCBQUEUED", 530: "ERECALLCONFLICT", 531: "ENOGRACE"}
