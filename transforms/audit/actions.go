package audit

// action is what an event says happened (SCHEMA §3.1).
type action struct {
	name     string // event.action
	category string // event.category, two parted by a blank
	types    string // event.type, two parted by a blank
	severity int8   // event.severity of a success
	failure  int8   // of a failure; 0: one more, up to 4
	did      string // for people, after the name of who did it: "ran"
	failed   string // the same of a failure: "failed to run"
	object   object // what message names as the thing acted on
	sum      uint32 // of its texts, to find what is kept of it
}

// object says which field of an event the message names.
type object uint8

const (
	objNone    object = iota
	objCommand        // the command line, else the program
	objFile
	objPeer   // the other side of a socket
	objTarget // the process that was acted on
	objAccount
	objAs // the account that somebody acts as
	objModule
	objUnit
	objOp     // the op= of a record
	objNote   // what a record without op= is about
	objGuest  // a virtual machine, and op=
	objAccess // what was to be done to what, of access control
)

// act makes an action; did and failed are what people read.
func act(name, category, types string, severity, failure int8, did, failed string, o object) *action {
	return &action{name: name, category: category, types: types, severity: severity, failure: failure, did: did, failed: failed, object: o, sum: hash(name + did)}
}

// call is what the code knows of one system call. Argument numbers count from
// 0; -1 is none.
type call struct {
	name   string
	action *action
	dir    int8 // the directory that a relative first path is relative to
	dir2   int8 // the same for the second path
	mode   int8 // the mode that is asked for
	flags  int8 // the flags of the open family
	role   role
	opens  bool  // opens a file: the type follows from flags and paths
	two    bool  // has two paths: the old name and the new one
	args   []arg // what its arguments mean
}

// executes reports whether the call starts a program.
func (c *call) executes() bool {
	return c.action != nil && c.action.name == "executed"
}

// role says which side of the connection a socket address is.
type role uint8

const (
	roleNone role = iota
	roleDestination
	roleSource
	roleServer
)

// plain is a call without any of the arguments that the code looks at.
func plain(name string, a *action) call {
	return call{name: name, action: a, dir: -1, dir2: -1, mode: -1, flags: -1}
}

// calls returns what is known of system calls, by name.
func calls() map[string]*call {
	m := make(map[string]*call, 256)
	add := func(a *action, names ...string) {
		for _, n := range names {
			c := plain(n, a)
			m[n] = &c
		}
	}
	addProcessCalls(add)
	addFileCalls(add)
	addOtherCalls(add)
	argue(m)
	return m
}

func addProcessCalls(add func(*action, ...string)) {
	add(act("executed", "process", "start", 2, 0, "ran", "failed to run", objCommand), "execve", "execveat")
	add(act("end", "process", "end", 1, 0, "ended", "failed to end", objCommand), "exit_group", "exit")
	add(act("killed-pid", "process", "end", 3, 0, "sent a signal to", "failed to send a signal to", objTarget),
		"kill", "tkill", "tgkill", "pidfd_send_signal")
	add(act("traced-process", "process", "change", 5, 0, "traced", "failed to trace", objTarget),
		"ptrace", "process_vm_writev")
	add(act("changed-identity-of", "process", "change", 3, 0, "changed the identity of", "failed to change the identity of", objCommand),
		"setuid", "seteuid", "setfsuid", "setreuid", "setgid", "setegid", "setfsgid", "setregid", "setresuid", "setresgid",
		"setuid32", "setgid32", "setreuid32", "setregid32", "setresuid32", "setresgid32", "setfsuid32", "setfsgid32", "setgroups", "setgroups32")
	add(act("joined-namespace", "process", "change", 4, 0, "joined a namespace", "failed to join a namespace", objNone), "setns")
	add(act("created-namespace", "process", "change", 3, 0, "created a namespace", "failed to create a namespace", objNone), "unshare")
	add(act("changed-root", "process", "change", 3, 0, "changed the root directory to", "failed to change the root directory to", objFile),
		"pivot_root", "chroot")
	add(act("created-memory-file", "process", "info", 3, 0, "created a memory file", "failed to create a memory file", objNone), "memfd_create")
	add(act("loaded-kernel-image", "driver", "start", 8, 0, "loaded a kernel image", "failed to load a kernel image", objNone),
		"kexec_load", "kexec_file_load")
	add(act("issued-io-uring-operation", "process", "info", 3, 0, "used io_uring", "failed to use io_uring", objNone),
		"io_uring_setup", "io_uring_enter", "io_uring_register")
	add(act("loaded-kernel-module", "driver", "start", 5, 0, "loaded the kernel module", "failed to load the kernel module", objModule),
		"init_module", "finit_module")
	add(act("unloaded-kernel-module", "driver", "end", 5, 0, "removed a kernel module", "failed to remove a kernel module", objNone), "delete_module")
	add(act("adjusted-scheduling-policy-of", "process", "change", 1, 0, "changed the scheduling of", "failed to change the scheduling of", objTarget),
		"sched_setparam", "sched_setscheduler", "sched_setattr")
}

func addFileCalls(add func(*action, ...string)) {
	add(act("opened-file", "file", "access", 1, 0, "opened", "failed to open", objFile), "open", "openat", "openat2", "open_by_handle_at")
	add(act("opened-file", "file", "access", 1, 0, "read the link", "failed to read the link", objFile), "readlink", "readlinkat")
	add(act("opened-file", "file", "creation", 2, 0, "created", "failed to create", objFile), "creat")
	add(act("opened-file", "file", "change", 3, 0, "truncated", "failed to truncate", objFile),
		"truncate", "ftruncate", "truncate64", "ftruncate64", "fallocate")
	add(act("renamed", "file", "change", 2, 0, "renamed", "failed to rename", objFile), "rename", "renameat", "renameat2")
	add(act("deleted", "file", "deletion", 2, 0, "deleted", "failed to delete", objFile), "unlink", "unlinkat", "rmdir")
	add(act("created-directory", "file", "creation", 1, 0, "created the directory", "failed to create the directory", objFile), "mkdir", "mkdirat")
	add(act("linked", "file", "creation", 2, 0, "created the link", "failed to create the link", objFile), "link", "linkat")
	add(act("symlinked", "file", "creation", 2, 0, "created the link", "failed to create the link", objFile), "symlink", "symlinkat")
	add(act("changed-file-permissions-of", "file", "change", 3, 0, "changed the permissions of", "failed to change the permissions of", objFile),
		"chmod", "fchmod", "fchmodat", "fchmodat2")
	add(act("changed-file-ownership-of", "file", "change", 3, 0, "changed the owner of", "failed to change the owner of", objFile),
		"chown", "fchown", "fchownat", "lchown", "chown32", "fchown32", "lchown32")
	add(act("changed-file-attributes-of", "file", "change", 2, 0, "changed attributes of", "failed to change attributes of", objFile),
		"setxattr", "fsetxattr", "lsetxattr", "removexattr", "fremovexattr", "lremovexattr", "setxattrat", "removexattrat")
	add(act("changed-timestamp-of", "file", "change", 2, 0, "changed the times of", "failed to change the times of", objFile),
		"utime", "utimes", "futimesat", "utimensat", "utimensat_time64")
	add(act("make-device", "file", "creation", 4, 0, "created the device", "failed to create the device", objFile), "mknod", "mknodat")
	add(act("mounted", "file", "creation", 4, 0, "mounted", "failed to mount", objFile), "mount", "move_mount", "fsmount", "open_tree")
	add(act("unmounted", "file", "deletion", 3, 0, "unmounted", "failed to unmount", objFile), "umount", "umount2")
	add(act("checked-metadata-of", "file", "info", 1, 0, "looked at", "failed to look at", objFile),
		"access", "faccessat", "faccessat2", "fstatat", "newfstatat", "fstatat64", "stat", "stat64", "fstat", "lstat", "lstat64", "statx",
		"getxattr", "lgetxattr", "fgetxattr")
	add(act("checked-filesystem-metadata-of", "file", "info", 1, 0, "looked at the filesystem of", "failed to look at the filesystem of", objFile),
		"statfs", "fstatfs", "statfs64", "fstatfs64")
	add(act("read-file", "file", "info", 1, 0, "read", "failed to read", objFile), "read")
	add(act("wrote-to-file", "file", "change", 1, 0, "wrote to", "failed to write to", objFile), "write")
}

func addOtherCalls(add func(*action, ...string)) {
	add(act("connected-to", "network", "connection start", 2, 0, "connected to", "failed to connect to", objPeer), "connect")
	add(act("bound-socket", "network", "start", 2, 0, "bound a socket to", "failed to bind a socket to", objPeer), "bind")
	add(act("listen-for-connections", "network", "start", 3, 0, "listens on", "failed to listen on", objPeer), "listen")
	add(act("accepted-connection-from", "network", "connection start", 2, 0, "accepted a connection from", "failed to accept a connection from", objPeer),
		"accept", "accept4")
	add(act("sent-to", "network", "connection info", 1, 0, "sent to", "failed to send to", objPeer), "send", "sendto", "sendmsg", "sendmmsg")
	add(act("received-from", "network", "connection info", 1, 0, "received from", "failed to receive from", objPeer),
		"recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64")
	add(act("changed-system-time", "host", "change", 5, 0, "changed the system time", "failed to change the system time", objNone),
		"settimeofday", "clock_settime", "clock_settime64", "stime", "adjtimex", "clock_adjtime", "clock_adjtime64")
	add(act("changed-system-name", "host", "change", 4, 0, "changed the system name", "failed to change the system name", objNone),
		"sethostname", "setdomainname")
	add(act("allocated-memory", "process", "info", 1, 0, "mapped memory", "failed to map memory", objNone), "mmap", "mmap2", "brk")
}

// argue adds where each call's arguments are.
func argue(m map[string]*call) {
	dir := func(at, at2 int8, names ...string) {
		for _, n := range names {
			m[n].dir, m[n].dir2 = at, at2
		}
	}
	dir(0, -1, "openat", "openat2", "readlinkat", "unlinkat", "mkdirat", "fchmodat", "fchmodat2", "fchownat", "setxattrat", "removexattrat",
		"futimesat", "utimensat", "utimensat_time64", "mknodat", "faccessat", "faccessat2", "fstatat", "newfstatat", "fstatat64", "statx",
		"execveat", "move_mount", "open_tree")
	dir(0, 2, "renameat", "renameat2", "linkat")
	dir(-1, 1, "symlinkat")
	mode := func(at int8, names ...string) {
		for _, n := range names {
			m[n].mode = at
		}
	}
	mode(1, "chmod", "fchmod", "mkdir", "mknod", "creat")
	mode(2, "fchmodat", "fchmodat2", "mkdirat", "mknodat", "open")
	mode(3, "openat")
	for _, n := range []string{"open", "openat", "openat2"} {
		m[n].opens = true
	}
	m["open"].flags, m["openat"].flags = 1, 2
	for _, n := range []string{"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"} {
		m[n].two = true
	}
	for n, r := range map[string]role{"connect": roleDestination, "bind": roleServer, "listen": roleServer} {
		m[n].role = r
	}
	for _, n := range []string{"send", "sendto", "sendmsg", "sendmmsg"} {
		m[n].role = roleDestination
	}
	for _, n := range []string{"accept", "accept4", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"} {
		m[n].role = roleSource
	}
}
