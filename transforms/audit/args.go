package audit

import (
	"strconv"
	"strings"
)

// arg is what one argument of a system call means. It is written as
// auditd.data.call.NAME, beside the number that the kernel wrote.
type arg struct {
	key  string // "call." and the name of the parameter
	at   int8   // 0 to 3: audit records no more than four
	how  how
	code *code
	when int64 // the value of the first argument that it depends on, -1 for any
	ours bool  // its numbers are not those of powerpc
}

// how says what is written.
type how uint8

const (
	asCode   how = iota // names
	asID                // a user or group, nothing for -1, which changes none
	asNumber            // a number with a sign: a pid, a processor
	asOctal             // a mode
	asKind              // the kind of file in a mode
)

// argumentTable says which arguments are read: the calls, the argument, the
// parameter's name and what it is, one or more a line.
const argumentTable = `
clone 0 flags clone
unshare setns@1 0 flags namespaces
mmap mmap2 2 prot prot
mmap mmap2 3 flags mapping
mprotect pkey_mprotect 2 prot prot
mremap 3 flags mremap
madvise 2 advice madvise
mount 3 flags mount
umount2 1 flags umount
fsmount 1 flags fsmount
fsmount 2 attr_flags mountattr
open_tree 2 flags opentree
fsconfig 1 cmd fsconfig
mount_setattr 2 flags at
ptrace 0 request ptrace
ptrace 1 pid number
bpf 0 cmd bpf
prctl 0 option prctl
prctl 1 capability capability 23
prctl 1 capability capability 24
prctl 1 signal signal 1
prctl 1 mode seccompmode 22
prctl 1 operation ambient 47
prctl 2 capability capability 47
ioctl 1 request ioctl
fcntl fcntl64 1 cmd fcntl
socket socketpair 0 domain family
socket socketpair 1 type socktype
setsockopt getsockopt 1 level socklevel
shutdown 1 how shut
accept4 3 flags socktype
sendto recvfrom 3 flags msg
sendmsg recvmsg 2 flags msg
sendmmsg recvmmsg 3 flags msg
kill tkill pidfd_send_signal rt_sigqueueinfo 1 signal signal
tgkill rt_tgsigqueueinfo 2 signal signal
kill tkill rt_sigqueueinfo tgkill 0 pid number
seccomp 0 operation seccompop
seccomp 1 flags seccompflags
personality 0 persona personality
keyctl 0 operation keyctl
add_key 3 size number
perf_event_open 1 pid number
perf_event_open 2 cpu number
perf_event_open 3 group_fd number
init_module 1 size number
finit_module 2 flags module
delete_module 1 flags delmodule
memfd_create 1 flags memfd
access 1 mode access
faccessat faccessat2 2 mode access
faccessat2 fchmodat2 newfstatat fstatat64 utimensat 3 flags at
unlinkat 2 flags unlinkat
statx 2 flags at
setuid setuid32 setfsuid setfsuid32 0 uid id
setgid setgid32 setfsgid setfsgid32 0 gid id
setreuid setreuid32 setresuid setresuid32 0 ruid id
setreuid setreuid32 setresuid setresuid32 1 euid id
setresuid setresuid32 2 suid id
setregid setregid32 setresgid setresgid32 0 rgid id
setregid setregid32 setresgid setresgid32 1 egid id
setresgid setresgid32 2 sgid id
setgroups setgroups32 0 size number
chown chown32 fchown fchown32 lchown lchown32 1 uid id
chown chown32 fchown fchown32 lchown lchown32 2 gid id
fchownat 2 uid id
fchownat 3 gid id
umask 0 mask octal
mknod 1 type filetype
mknodat 2 type filetype
clock_settime clock_settime64 clock_adjtime clock_adjtime64 0 clock clock
sched_setscheduler 1 policy sched
prlimit64 1 resource rlimit
setrlimit getrlimit 0 resource rlimit
reboot 2 cmd reboot
syslog 0 type syslog
kexec_load 3 flags kexec
io_uring_register 1 opcode uringregister
io_uring_enter 3 flags uringenter
landlock_add_rule 1 rule_type landlockrule
inotify_add_watch 2 mask inotify
fanotify_init 0 flags fanotify
epoll_ctl 1 op epoll
arch_prctl 0 code archprctl
flock 1 operation flock
process_vm_readv process_vm_writev 0 pid number
pidfd_open 0 pid number
pidfd_getfd 1 targetfd number
`

// nameArguments gives the calls what their arguments mean.
func (t *tables) nameArguments(known map[string]*call) {
	codes := argumentCodes(&t.lists)
	for line := range strings.Lines(argumentTable) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		i := 0
		for words[i][0] < '0' || words[i][0] > '9' {
			i++
		}
		a := arg{key: "call." + words[i+1], at: int8(words[i][0] - '0'), when: -1}
		switch w := words[i+2]; w {
		case "id":
			a.how = asID
		case "number":
			a.how = asNumber
		case "octal":
			a.how = asOctal
		default:
			a.code = codes[w]
			if w == "filetype" {
				a.how = asKind
			}
			a.ours = w == "ioctl" || w == "mapping" || w == "msg"
			if a.code == nil {
				panic("audit: no table of " + w)
			}
		}
		if len(words) > i+3 {
			a.when, _ = decimal(words[i+3])
		}
		for _, w := range words[:i] {
			one := a
			name, at, ok := strings.Cut(w, "@")
			if ok {
				one.at = int8(at[0] - '0')
			}
			c := named(known, name)
			c.args = append(c.args, one)
		}
	}
}

// meanings writes what the arguments of the call stand for. Architectures whose
// numbers are others are left out.
func (f *facts) meanings() {
	c, from := f.call, &f.arg
	if f.sub != nil {
		c, from = f.sub, &f.subArg
	}
	if c == nil || len(c.args) == 0 || f.arch == nil || !f.arch.flags {
		return
	}
	if f.arch.packed && c.name == "mmap" { // one argument: where the six are
		return
	}
	for i := range c.args {
		a := &c.args[i]
		at := a.at
		if f.arch.swapped && c.name == "clone" {
			at = 1
		}
		if a.ours && f.arch.power {
			continue
		}
		n, ok := hexNum(from[at])
		if !ok {
			continue
		}
		if a.when >= 0 {
			if first, ok := hexNum(from[0]); !ok || first != uint64(a.when) {
				continue
			}
		}
		f.leftover(a.key, f.meaning(a, n))
	}
}

// meaning returns the text of one argument. All that are read are of 32 bits in
// C, whatever is left in the upper half of a register.
func (f *facts) meaning(a *arg, n uint64) string {
	n &= 1<<32 - 1
	switch a.how {
	case asID:
		if n == 1<<32-1 {
			return ""
		}
		return f.number(int64(n))
	case asNumber:
		return f.number(int64(int32(uint32(n))))
	case asOctal:
		f.buf = strconv.AppendUint(append(f.buf[:0], '0'), n, 8)
		return f.arena.keep(f.buf)
	case asKind:
		n &= 0o170000
	}
	return a.code.text(f, n)
}
