package audit

import (
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// tables are what the numbers of a log mean. They are built once and only read.
type tables struct {
	kinds     kinds
	arches    map[string]*arch // by the hex text of a record
	errnos    map[int64]string
	records   map[uint16]*action
	exec      *action
	clone     *action // clone and clone3 with a namespace flag
	bpf       *action // a program was loaded
	unbpf     *action
	other     *action // a system call without an action of its own
	appArmor  *action
	macConfig *action // profiles of AppArmor changed
	unnamed   *action // a record without an action of its own
	sockets   [21]*call
	lists     lists
	paths     [readyItems][len(pathMembers)]string
}

// arch is one architecture: its name and its system calls by number.
type arch struct {
	name  string
	calls []*call
	low   bool // O_DIRECTORY and its neighbours have the numbers of arm and powerpc
	flags bool // the flags of open are known
	x32   bool // bit 30 of a number means the x32 ABI
	// How its calls differ from those of the others.
	power   bool // numbers of powerpc for mmap, ioctl and messages
	packed  bool // mmap has one argument, where the others are
	swapped bool // clone has its flags second
}

func newTables() *tables {
	t := &tables{kinds: newKinds(), arches: map[string]*arch{}, errnos: map[int64]string{}, records: recordActions(), paths: pathNames(), lists: newLists()}
	known := calls()
	t.other = act("", "process", "info", 1, 0, "called", "failed to call", objNone)
	t.unnamed = act("", "host", "info", 1, 0, "", "", objNone)
	t.macConfig = t.records[uint16(auparse.AUDIT_USER_MAC_CONFIG_CHANGE)]
	t.appArmor = act("violated-apparmor-policy", "intrusion_detection", "denied", 5, 5, "was allowed by AppArmor", "was denied by AppArmor", objFile)
	t.exec = known["execve"].action
	t.clone = known["unshare"].action
	t.bpf = act("loaded-bpf-program", "driver", "start", 4, 0, "loaded a BPF program", "failed to load a BPF program", objNone)
	t.unbpf = act("unloaded-bpf-program", "driver", "end", 3, 0, "unloaded a BPF program", "failed to unload a BPF program", objNone)
	for a, name := range auparse.AuditArchNames {
		byNumber := auparse.AuditSyscalls[name]
		ar := &arch{name: name, x32: name == "x86_64", power: strings.HasPrefix(name, "ppc"), packed: name == "i386" || strings.HasPrefix(name, "s390"),
			swapped: strings.HasPrefix(name, "s390")}
		switch name {
		case "arm", "armeb", "aarch64", "ppc", "ppc64", "ppc64le":
			ar.low, ar.flags = true, true
		case "x86_64", "i386", "s390", "s390x", "riscv32", "riscv64", "loongarch64":
			ar.flags = true
		}
		top := -1
		for nr := range byNumber {
			top = max(top, nr)
		}
		ar.calls = make([]*call, top+1)
		for nr, n := range byNumber {
			ar.calls[nr] = named(known, n)
		}
		t.arches[strconv.FormatUint(uint64(a), 16)] = ar
	}
	if x := t.arches["c000003e"]; x != nil {
		x.addX32(known)
	}
	t.nameArguments(known)
	for n, name := range auparse.AuditErrnoToName {
		t.errnos[int64(n)] = name
	}
	for nr, n := range map[int]string{1: "socket", 2: "bind", 3: "connect", 4: "listen", 5: "accept", 9: "send", 10: "recv",
		11: "sendto", 12: "recvfrom", 16: "sendmsg", 17: "recvmsg", 18: "accept4", 19: "recvmmsg", 20: "sendmmsg"} {
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

// x32Names are the calls whose numbers differ in the x32 ABI, from 512 on
// (arch/x86/entry/syscalls/syscall_64.tbl).
var x32Names = [...]string{"rt_sigaction", "rt_sigreturn", "ioctl", "readv", "writev", "recvfrom", "sendmsg", "recvmsg", "execve", "ptrace",
	"rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "timer_create", "mq_notify", "kexec_load", "waitid",
	"set_robust_list", "get_robust_list", "vmsplice", "move_pages", "preadv", "pwritev", "rt_tgsigqueueinfo", "recvmmsg", "sendmmsg",
	"process_vm_readv", "process_vm_writev", "setsockopt", "getsockopt", "io_setup", "io_submit", "execveat", "preadv2", "pwritev2"}

func (a *arch) addX32(known map[string]*call) {
	if len(a.calls) < 512 {
		a.calls = append(a.calls, make([]*call, 512-len(a.calls))...)
	}
	for _, n := range x32Names {
		a.calls = append(a.calls, named(known, n))
	}
}

// call returns the system call of a record's number, nil for one that the
// tables do not know.
func (a *arch) call(nr int64) *call {
	if a == nil || nr < 0 {
		return nil
	}
	if a.x32 {
		nr &^= 1 << 30
	}
	if nr >= int64(len(a.calls)) {
		return nil
	}
	return a.calls[nr]
}
