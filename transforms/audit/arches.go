package audit

import (
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

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

// addArches builds the architectures: the library's tables, what they lack, and
// riscv64, which has none there.
func (t *tables) addArches(known map[string]*call) {
	for a, name := range auparse.AuditArchNames {
		t.arches[strconv.FormatUint(uint64(a), 16)] = newArch(name, auparse.AuditSyscalls[name], known)
	}
	riscv := newArch("riscv64", auparse.AuditSyscalls["aarch64"], known)
	riscv.calls[38] = nil // both have the generic numbers; riscv64 never had renameat
	riscv.set(258, "riscv_hwprobe", known)
	riscv.set(259, "riscv_flush_icache", known)
	t.arches["c00000f3"] = riscv
	if x := t.arches["c000003e"]; x != nil {
		x.addX32(known)
	}
}

func newArch(name string, byNumber map[int]string, known map[string]*call) *arch {
	a := &arch{name: name, x32: name == "x86_64", power: strings.HasPrefix(name, "ppc"), packed: name == "i386" || strings.HasPrefix(name, "s390"),
		swapped: strings.HasPrefix(name, "s390")}
	switch name {
	case "arm", "armeb", "aarch64", "ppc", "ppc64", "ppc64le":
		a.low, a.flags = true, true
	case "x86_64", "i386", "s390", "s390x", "riscv32", "riscv64", "loongarch64":
		a.flags = true
	}
	top := -1
	for nr := range byNumber {
		top = max(top, nr)
	}
	a.calls = make([]*call, top+1)
	for nr, n := range byNumber {
		a.calls[nr] = named(known, n)
	}
	a.amend(known)
	return a
}

// newCalls are the calls since Linux 6.13, whose numbers are the same on every
// architecture that this knows the flags of.
var newCalls = [...]string{"setxattrat", "getxattrat", "listxattrat", "removexattrat", "open_tree_attr", "file_getattr", "file_setattr",
	"listns", "rseq_slice_yield"}

const firstNewCall = 463

// amendments are calls that the library's tables lack, or name as the kernel
// does not.
var amendments = map[string]string{
	"x86_64":  "335 uretprobe 336 uprobe",
	"i386":    "219 madvise 283 kexec_load",
	"arm":     "335 pselect6 336 ppoll 346 epoll_pwait",
	"aarch64": "80 fstat",
	"riscv64": "80 fstat",
	"ppc64": "0 restart_syscall 256 sys_debug_setcontext 258 migrate_pages 259 mbind 260 get_mempolicy 261 set_mempolicy " +
		"306 timerfd_create 319 perf_event_open",
	"ppc64le": "0 restart_syscall 256 sys_debug_setcontext 258 migrate_pages 259 mbind 260 get_mempolicy 261 set_mempolicy " +
		"306 timerfd_create 319 perf_event_open",
	"s390x": "7 restart_syscall 110 lookup_dcookie 220 getdents64 268 mbind 269 get_mempolicy 270 set_mempolicy 287 migrate_pages " +
		"310 move_pages 378 s390_guarded_storage 392 semtimedop 393 semget 394 semctl 395 shmget 396 shmctl 397 shmat 398 shmdt 399 msgget " +
		"400 msgsnd 401 msgrcv 402 msgctl 447 memfd_secret",
}

func (a *arch) amend(known map[string]*call) {
	if !a.flags {
		return
	}
	for i, n := range newCalls {
		a.set(firstNewCall+i, n, known)
	}
	words := strings.Fields(amendments[a.name])
	for i := 0; i+1 < len(words); i += 2 {
		if nr, ok := decimal(words[i]); ok {
			a.set(int(nr), words[i+1], known)
		}
	}
}

// set gives a number its call.
func (a *arch) set(nr int, name string, known map[string]*call) {
	for len(a.calls) <= nr {
		a.calls = append(a.calls, nil)
	}
	a.calls[nr] = named(known, name)
}

// x32Names are the calls whose numbers differ in the x32 ABI, from 512 on
// (arch/x86/entry/syscalls/syscall_64.tbl).
var x32Names = [...]string{"rt_sigaction", "rt_sigreturn", "ioctl", "readv", "writev", "recvfrom", "sendmsg", "recvmsg", "execve", "ptrace",
	"rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "timer_create", "mq_notify", "kexec_load", "waitid",
	"set_robust_list", "get_robust_list", "vmsplice", "move_pages", "preadv", "pwritev", "rt_tgsigqueueinfo", "recvmmsg", "sendmmsg",
	"process_vm_readv", "process_vm_writev", "setsockopt", "getsockopt", "io_setup", "io_submit", "execveat", "preadv2", "pwritev2"}

func (a *arch) addX32(known map[string]*call) {
	for i, n := range x32Names {
		a.set(512+i, n, known)
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
