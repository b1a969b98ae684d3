package audit

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/schema"
)

func TestCodesSayEveryBit(t *testing.T) {
	f := &facts{}
	l := newLists()
	clone := argumentCodes(&l)["clone"]
	for _, c := range []struct {
		of   *code
		n    uint64
		want string
	}{
		{l.prot, 0, ""}, {l.prot, 1, "PROT_READ"}, {l.prot, 7, "PROT_READ|PROT_WRITE|PROT_EXEC"}, {l.prot, 0x41, "PROT_READ|0x40"}, {l.prot, 0x40, ""},
		{l.signal, 9, "SIGKILL"}, {l.signal, 36, "SIGRTMIN+2"}, {l.signal, 99, ""},
		{clone, 17, "SIGCHLD"}, {clone, 0x20011, "SIGCHLD|CLONE_NEWNS"}, {clone, 0x20000, "CLONE_NEWNS"}, {clone, 0, ""},
		{l.mapping, 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"}, {l.mapping, 3, "MAP_SHARED_VALIDATE"},
		{l.sockType, 0x80801, "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC"},
		{l.capSet, 1<<21 | 1, "CAP_CHOWN|CAP_SYS_ADMIN"}, {l.capSet, 1 << 40, "CAP_CHECKPOINT_RESTORE"}, {l.capSet, 1<<41 | 2, "CAP_DAC_OVERRIDE|0x20000000000"},
	} {
		for range 2 { // made, and from the cache
			if got := c.of.text(f, c.n); got != c.want {
				t.Errorf("%#x is %q, want %q", c.n, got, c.want)
			}
		}
	}
}

// TestCodesLoseNoBit: what is written can be read back to the number, whatever
// was asked before.
func TestCodesLoseNoBit(t *testing.T) {
	l := newLists()
	codes := argumentCodes(&l)
	f := &facts{}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"clone", "mount", "prot", "mapping", "at", "namespaces", "socktype", "msg", "inotify", "personality"}).Draw(t, "code")
		c := codes[name]
		n := uint64(rapid.Uint32().Draw(t, "n"))
		text := c.text(f, n)
		if text == "" {
			return
		}
		if back := unsay(t, c, text); back != n {
			t.Fatalf("%s %#x is %q, which is %#x", name, n, text, back)
		}
	})
}

func unsay(t *rapid.T, c *code, text string) uint64 {
	var n uint64
	for i, w := range strings.Split(text, "|") {
		found := false
		for _, b := range c.bits {
			if b.name == w {
				n, found = n|b.n, true
				break
			}
		}
		for v, name := range c.one {
			if i == 0 && name == w {
				n, found = n|v, true
			}
		}
		if hex, ok := strings.CutPrefix(w, "0x"); ok && !found {
			v, ok := hexNum(hex)
			n, found = n|v, ok
		}
		if !found {
			t.Fatalf("%q has a name that is none: %q", text, w)
		}
	}
	return n
}

// TestArgumentsHaveNames shows each kind of argument that is read, by call.
func TestArgumentsHaveNames(t *testing.T) {
	tr := build(t, nil)
	for in, want := range map[string]string{
		"c000003e 56 20011 0 0 0":                    "flags=SIGCHLD|CLONE_NEWNS",
		"80000016 120 0 20011 0 0":                   "flags=SIGCHLD|CLONE_NEWNS", // s390x has the flags second
		"c00000f3 220 20011 0 0 0":                   "flags=SIGCHLD|CLONE_NEWNS",
		"c000003e 272 10020000 0 0 0":                "flags=CLONE_NEWNS|CLONE_NEWUSER",
		"c000003e 308 5 40000000 0 0":                "flags=CLONE_NEWNET",
		"c000003e 9 0 1000 7 22":                     "prot=PROT_READ|PROT_WRITE|PROT_EXEC flags=MAP_PRIVATE|MAP_ANONYMOUS",
		"40000003 192 0 1000 3 22":                   "prot=PROT_READ|PROT_WRITE flags=MAP_PRIVATE|MAP_ANONYMOUS",
		"40000003 90 bff 0 0 0":                      "", // the old mmap has its arguments elsewhere
		"c000003e 10 7f00 1000 5 0":                  "prot=PROT_READ|PROT_EXEC",
		"c000003e 165 7f 7f 7f 1021":                 "flags=MS_RDONLY|MS_REMOUNT|MS_BIND",
		"c000003e 165 7f 7f 7f c0ed0001":             "flags=MS_MGC_VAL|MS_RDONLY",
		"c000003e 166 7f 2 0 0":                      "flags=MNT_DETACH",
		"c000003e 101 10 4d2 0 0":                    "request=PTRACE_ATTACH pid=1234",
		"c000003e 101 4206 4d2 0 0":                  "request=PTRACE_SEIZE pid=1234",
		"c000003e 321 5 7f 90 0":                     "cmd=BPF_PROG_LOAD",
		"c000003e 157 f 7f 0 0":                      "option=PR_SET_NAME",
		"c000003e 157 18 15 0 0":                     "option=PR_CAPBSET_DROP capability=CAP_SYS_ADMIN",
		"c000003e 157 1 9 0 0":                       "option=PR_SET_PDEATHSIG signal=SIGKILL",
		"c000003e 157 2f 2 d 0":                      "option=PR_CAP_AMBIENT operation=PR_CAP_AMBIENT_RAISE capability=CAP_NET_RAW",
		"c000003e 157 16 2 7f 0":                     "option=PR_SET_SECCOMP mode=SECCOMP_MODE_FILTER",
		"c000003e 16 0 5412 7f 0":                    "request=TIOCSTI",
		"c0000015 54 0 5412 7f 0":                    "", // powerpc has other numbers
		"c000003e 16 3 40086602 7f 0":                "request=FS_IOC_SETFLAGS",
		"c000003e 72 3 409 a 0":                      "cmd=F_ADD_SEALS",
		"c000003e 41 10 3 9 0":                       "domain=AF_NETLINK type=SOCK_RAW",
		"c000003e 41 11 80003 300 0":                 "domain=AF_PACKET type=SOCK_RAW|SOCK_CLOEXEC",
		"c000003e 62 ffffffff 9 0 0":                 "signal=SIGKILL pid=-1",
		"c000003e 234 4d2 4d3 f 0":                   "signal=SIGTERM pid=1234",
		"c000003e 317 1 8 7f 0":                      "operation=SECCOMP_SET_MODE_FILTER flags=SECCOMP_FILTER_FLAG_NEW_LISTENER",
		"c000003e 135 40000 0 0 0":                   "persona=PER_LINUX|ADDR_NO_RANDOMIZE",
		"c000003e 135 ffffffff 0 0 0":                "",
		"c000003e 250 b 0 0 0":                       "operation=KEYCTL_READ",
		"c000003e 298 7f ffffffff 0 ffffffff":        "pid=-1 cpu=0 group_fd=-1",
		"c000003e 313 3 7f 3 0":                      "flags=MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC",
		"c000003e 319 7f 1 0 0":                      "flags=MFD_CLOEXEC",
		"c000003e 105 0 0 0 0":                       "uid=0",
		"c000003e 117 ffffffff 0 ffffffffffffffff 0": "euid=0",
		"c000003e 92 7f 3e8 ffffffff 0":              "uid=1000",
		"c000003e 133 7f 21a4 103 0":                 "type=char",
		"c000003e 169 fee1dead 28121969 1234567 0":   "cmd=LINUX_REBOOT_CMD_RESTART",
		"c000003e 95 12 0 0 0":                       "mask=022",
		"c000003e 304 7f ffffff9c 0 0":               "",
		"c000003e 263 ffffff9c 7f 200 0":             "flags=AT_REMOVEDIR",
		"c000003e 21 7f 0 0 0":                       "mode=F_OK",
		"8 4005 1 1 1 1":                             "", // mips has numbers of its own
		"c000003e 427 3 9 7f 1":                      "opcode=IORING_REGISTER_PERSONALITY",
		"c000003e 227 0 7f 0 0":                      "clock=CLOCK_REALTIME",
		"c000003e 302 0 8 7f 0":                      "resource=RLIMIT_MEMLOCK",
	} {
		w := strings.Fields(in)
		e := oneEvent(t, tr, "type=SYSCALL msg=audit(1795227901.123:7): arch="+w[0]+" syscall="+w[1]+" success=yes exit=0 a0="+w[2]+" a1="+w[3]+" a2="+w[4]+" a3="+w[5])
		var got []string
		for _, x := range e.Fields {
			if name, ok := strings.CutPrefix(x.Name(), "call."); ok && x.Key == schema.AuditdData {
				got = append(got, name+"="+x.Str())
			}
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s is %q, want %q", in, g, want)
		}
		for i, a := range w[2:] {
			if got := e.Fields.GetNamed(schema.AuditdData, argNames[i]).Str(); got != a {
				t.Errorf("%s: the argument itself is %q", in, got)
			}
		}
	}
}

// TestSocketcallArgumentsHaveNames: 32-bit x86 has them in a record of their own.
func TestSocketcallArgumentsHaveNames(t *testing.T) {
	e := oneEvent(t, build(t, nil), "type=SYSCALL msg=audit(1795227901.123:7): arch=40000003 syscall=102 success=yes exit=3 a0=1 a1=bf a2=0 a3=0",
		"type=SOCKETCALL msg=audit(1795227901.123:7): nargs=3 a0=2 a1=80002 a2=0")
	v := ours(&e)
	if v["auditd.data.call.domain"][0] != "AF_INET" || v["auditd.data.call.type"][0] != "SOCK_DGRAM|SOCK_CLOEXEC" {
		t.Errorf("%s", show(&e))
	}
}
