package audit

import (
	"strings"
	"testing"

	"tallyman/pipeline/schema"
)

// TestCallsOfEveryArchitecture knows numbers of each architecture by heart: old
// calls, new ones, and those that the library's tables lack.
func TestCallsOfEveryArchitecture(t *testing.T) {
	tr := build(t, nil)
	for arch, c := range map[string]struct{ hex, calls string }{
		"x86_64":  {"c000003e", "0 read 59 execve 101 ptrace 165 mount 272 unshare 321 bpf 335 uretprobe 435 clone3 437 openat2 452 fchmodat2 462 mseal 463 setxattrat 470 listns"},
		"i386":    {"40000003", "11 execve 26 ptrace 21 mount 102 socketcall 219 madvise 283 kexec_load 310 unshare 357 bpf 437 openat2 463 setxattrat"},
		"aarch64": {"c00000b7", "38 renameat 40 mount 56 openat 80 fstat 97 unshare 117 ptrace 221 execve 280 bpf 437 openat2 463 setxattrat"},
		"arm":     {"40000028", "11 execve 26 ptrace 335 pselect6 337 unshare 386 bpf 437 openat2 463 setxattrat"},
		"ppc64le": {"c0000015", "11 execve 26 ptrace 21 mount 259 mbind 282 unshare 319 perf_event_open 361 bpf 437 openat2 463 setxattrat"},
		"s390x":   {"80000016", "11 execve 26 ptrace 21 mount 220 getdents64 303 unshare 351 bpf 393 semget 437 openat2 463 setxattrat"},
		"riscv64": {"c00000f3", "40 mount 56 openat 80 fstat 97 unshare 117 ptrace 221 execve 258 riscv_hwprobe 280 bpf 437 openat2 452 fchmodat2 463 setxattrat"},
	} {
		words := strings.Fields(c.calls)
		for i := 0; i < len(words); i += 2 {
			e := oneEvent(t, tr, "type=SYSCALL msg=audit(1795227901.123:7): arch="+c.hex+" syscall="+words[i]+" success=yes")
			if got := e.Fields.GetNamed(schema.AuditdData, "syscall").Str(); got != words[i+1] {
				t.Errorf("%s %s is %q, want %s", arch, words[i], got, words[i+1])
			}
			if got := e.Fields.GetNamed(schema.AuditdData, "arch").Str(); got != arch {
				t.Errorf("%s is called %q", c.hex, got)
			}
		}
	}
	if c := tr.tables.arches["c00000f3"].call(38); c != nil {
		t.Errorf("riscv64 has no call 38, and it is %s", c.name)
	}
}

// TestEveryErrorHasItsName looks at the whole range of error numbers, and at
// those that never leave the kernel but for its audit records.
func TestEveryErrorHasItsName(t *testing.T) {
	errnos := build(t, nil).tables.errnos
	for n := int64(1); n <= 133; n++ {
		if n != 41 && n != 58 && errnos[n] == "" { // those two were never given away
			t.Errorf("%d has no name", n)
		}
	}
	for n, want := range map[int64]string{1: "EPERM", 2: "ENOENT", 11: "EAGAIN", 13: "EACCES", 35: "EDEADLK", 111: "ECONNREFUSED", 115: "EINPROGRESS",
		133: "EHWPOISON", 512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 515: "ENOIOCTLCMD", 516: "ERESTART_RESTARTBLOCK", 517: "EPROBE_DEFER", 529: "EIOCBQUEUED"} {
		if errnos[n] != want {
			t.Errorf("%d is %q, want %s", n, errnos[n], want)
		}
	}
}
