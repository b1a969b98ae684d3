package audit

import (
	"fmt"
	"strings"
	"testing"

	"tallyman/pipeline/schema"
)

// callRows are the rows of SCHEMA 3.1 for system calls: the calls, action,
// category, types and severity of a success.
const callRows = `
execve execveat | executed | process | start | 2
exit_group | end | process | end | 1
kill tkill tgkill | killed-pid | process | end | 3
ptrace process_vm_writev | traced-process | process | change | 5
setuid setreuid setresuid setgid setregid setresgid setfsuid setfsgid | changed-identity-of | process | change | 3
setns | joined-namespace | process | change | 4
unshare | created-namespace | process | change | 3
pivot_root chroot | changed-root | process | change | 3
memfd_create | created-memory-file | process | info | 3
kexec_load kexec_file_load | loaded-kernel-image | driver | start | 8
io_uring_setup io_uring_enter io_uring_register | issued-io-uring-operation | process | info | 3
init_module finit_module | loaded-kernel-module | driver | start | 5
delete_module | unloaded-kernel-module | driver | end | 5
creat | opened-file | file | creation | 2
truncate ftruncate | opened-file | file | change | 3
rename renameat renameat2 | renamed | file | change | 2
unlink unlinkat rmdir | deleted | file | deletion | 2
mkdir mkdirat | created-directory | file | creation | 1
link linkat | linked | file | creation | 2
symlink symlinkat | symlinked | file | creation | 2
chmod fchmod fchmodat fchmodat2 | changed-file-permissions-of | file | change | 3
chown fchown lchown fchownat | changed-file-ownership-of | file | change | 3
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat | changed-file-attributes-of | file | change | 2
utime utimes futimesat utimensat | changed-timestamp-of | file | change | 2
mknod mknodat | make-device | file | creation | 4
mount move_mount fsmount open_tree | mounted | file | creation | 4
umount2 | unmounted | file | deletion | 3
connect | connected-to | network | connection start | 2
bind | bound-socket | network | start | 2
listen | listen-for-connections | network | start | 3
accept accept4 | accepted-connection-from | network | connection start | 2
sendto sendmsg sendmmsg | sent-to | network | connection info | 1
recvfrom recvmsg recvmmsg | received-from | network | connection info | 1
settimeofday clock_settime adjtimex clock_adjtime | changed-system-time | host | change | 5
sethostname setdomainname | changed-system-name | host | change | 4
open openat openat2 | opened-file | file | access | 1
getpid futex | * | process | info | 1
`

// recordRows31 are those for record types.
const recordRows31 = `
USER_CMD | ran-command | process | start | 3
USER_LOGIN | logged-in | authentication | start | 3
USER_LOGOUT | logged-out | authentication | end | 2
USER_END | ended-session | session | end | 2
USER_AUTH | authenticated | authentication | info | 2
USER_ACCT | was-authorized | authentication | info | 2
USER_START | started-session | session | start | 2
CRED_ACQ | acquired-credentials | authentication | info | 1
CRED_REFR | refreshed-credentials | authentication | info | 1
CRED_DISP | disposed-credentials | authentication | info | 1
LOGIN | changed-login-id-to | authentication | start | 2
ADD_USER | added-user-account | iam | user creation | 5
DEL_USER | deleted-user-account | iam | user deletion | 5
USER_MGMT | modified-user-account | iam | user change | 5
USER_CHAUTHTOK | changed-password | iam | user change | 4
ACCT_LOCK | locked-account | iam | user info | 4
ACCT_UNLOCK | unlocked-account | iam | user info | 4
ADD_GROUP | added-group-account-to | iam | group creation | 4
DEL_GROUP | deleted-group-account-from | iam | group deletion | 4
GRP_MGMT | modified-group-account | iam | group change | 5
ROLE_ASSIGN | assigned-user-role-to | iam | user change | 5
ROLE_REMOVE | removed-user-role-from | iam | user change | 5
MAC_STATUS | changed-selinux-enforcement | configuration | change | 8
MAC_CONFIG_CHANGE | changed-selinux-boolean | configuration | change | 8
MAC_POLICY_LOAD | loaded-selinux-policy | configuration | change | 8
CONFIG_CHANGE | changed-audit-configuration | configuration | change | 7
DAEMON_START | started-audit | process | start | 3
DAEMON_END | shutdown-audit | process | end | 7
DAEMON_ABORT | aborted-auditd-startup | process | end | 7
DAEMON_ROTATE | rotated-audit-logs | configuration | change | 1
SERVICE_START | started-service | process | start | 2
SERVICE_STOP | stopped-service | process | end | 3
TIME_INJOFFSET | changed-system-time | host | change | 5
TIME_ADJNTPVAL | changed-system-time | host | change | 5
SYSTEM_BOOT | booted-system | host | start | 3
SYSTEM_SHUTDOWN | shutdown-system | host | end | 3
NETFILTER_CFG | loaded-firewall-rule-to | configuration | change | 5
SOFTWARE_UPDATE | package-updated | package | info | 3
ANOM_ABEND | crashed-program | process | end | 4
ANOM_PROMISCUOUS | changed-promiscuous-mode-on-device | intrusion_detection | info | 6
KERN_MODULE | loaded-kernel-module | driver | start | 5
URINGOP | issued-io-uring-operation | process | info | 3
SECCOMP | violated-seccomp-policy | intrusion_detection | denied | 5
INTEGRITY_STATUS | integrity_status | host | info | 1
`

func rowsOf(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		row := strings.Split(strings.TrimSpace(line), " | ")
		rows = append(rows, row)
	}
	return rows
}

// TestActionsOfCallsAreTheSchemas asks every row on every architecture that has the
// call. Among the calls are the twelve that the audit library has no action for.
func TestActionsOfCallsAreTheSchemas(t *testing.T) {
	tr := build(t, nil)
	asked := 0
	for hex, a := range tr.tables.arches {
		if !a.flags {
			continue
		}
		for _, row := range rowsOf(callRows) {
			for _, name := range strings.Fields(row[0]) {
				for nr, c := range a.calls {
					if c == nil || c.name != name {
						continue
					}
					asked++
					e := oneEvent(t, tr, fmt.Sprintf("type=SYSCALL msg=audit(1795227901.123:7): arch=%s syscall=%d success=yes exit=0 a0=ffffff9c a1=0 a2=0 a3=0 pid=2", hex, nr))
					v := ours(&e)
					want := row[1]
					if want == "*" {
						want = name
					}
					got := []string{v["event.action"][0], strings.Join(v["event.category"], " "), strings.Join(v["event.type"], " "), v["event.severity"][0], v["event.outcome"][0]}
					if g := strings.Join(got, " | "); g != strings.Join([]string{want, row[2], row[3], row[4], "success"}, " | ") {
						t.Errorf("%s %s is %s, want %s", a.name, name, g, row)
					}
				}
			}
		}
	}
	if asked < 700 {
		t.Errorf("only %d calls were asked", asked)
	}
}

// TestCallsWithoutALibraryActionHaveOne names the twelve.
func TestCallsWithoutALibraryActionHaveOne(t *testing.T) {
	tr := build(t, nil)
	for nr, want := range map[int]string{101: "traced-process", 308: "joined-namespace", 272: "created-namespace", 321: "loaded-bpf-program", 319: "created-memory-file",
		161: "changed-root", 155: "changed-root", 437: "opened-file", 452: "changed-file-permissions-of", 429: "mounted", 246: "loaded-kernel-image", 426: "issued-io-uring-operation"} {
		e := oneEvent(t, tr, fmt.Sprintf("type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=%d success=yes exit=0 a0=5 a1=0 a2=0 a3=0 pid=2", nr))
		if got := e.Fields.Get(schema.EventAction).Str(); got != want {
			t.Errorf("%d is %q, want %s", nr, got, want)
		}
	}
}

func TestActionsOfRecordsAreTheSchemas(t *testing.T) {
	tr := build(t, nil)
	for _, row := range rowsOf(recordRows31) {
		e := oneEvent(t, tr, "type="+row[0]+" msg=audit(1795227901.123:7): pid=2 uid=0 auid=1000 ses=1 msg='op=x res=success'")
		v := ours(&e)
		sev := row[4]
		if row[0] == "SECCOMP" || row[0] == "ANOM_ABEND" { // the first is always a failure
			sev = v["event.severity"][0]
		}
		got := []string{row[0], v["event.action"][0], strings.Join(v["event.category"], " "), strings.Join(v["event.type"], " "), sev}
		want := append([]string{}, row[:4]...)
		if g := strings.Join(got, " | "); g != strings.Join(append(want, sev), " | ") || sev != row[4] && row[0] != "SECCOMP" && row[0] != "ANOM_ABEND" {
			t.Errorf("%s, want %s", g, row)
		}
		if len(v["message"]) != 1 || v["message"][0] == "" {
			t.Errorf("%s has no message", row[0])
		}
	}
}
