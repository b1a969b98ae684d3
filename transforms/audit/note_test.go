package audit

import (
	"strings"
	"testing"
)

// TestWhatSecurityModulesAndOthersSay: records that the audit library knows no action
// for, or that the schema's rows say too little of. A field that is wanted as "-" must
// not be there.
func TestWhatSecurityModulesAndOthersSay(t *testing.T) {
	const stamp = " msg=audit(1795227901.125:9): "
	const login = "auid=4294967295 uid=33 gid=33 ses=4294967295 "
	for _, c := range []struct{ name, record, want string }{
		{"Landlock, a file", `LANDLOCK_ACCESS` + stamp + `domain=19a0f33 blockers=fs.write_file,fs.truncate path="/srv/app data" dev="vda1" ino=77`,
			"event.action=violated-landlock-policy event.category=intrusion_detection event.type=denied event.outcome=failure file.path=/srv/app␣data file.inode=77 " +
				"message=the␣system␣was␣denied␣by␣Landlock:␣fs.write_file,fs.truncate␣/srv/app␣data auditd.data.blockers=fs.write_file,fs.truncate"},
		{"Landlock, a connection", `UNKNOWN[1423]` + stamp + `domain=19a0f33 blockers=net.connect_tcp daddr=192.0.2.9 dest=8443`,
			"event.code=LANDLOCK_ACCESS destination.ip=192.0.2.9 destination.port=8443 auditd.data.dest=- message=the␣system␣was␣denied␣by␣Landlock:␣net.connect_tcp␣192.0.2.9:8443"},
		{"Landlock, a port that is bound", `LANDLOCK_ACCESS` + stamp + `domain=19a0f33 blockers=net.bind_tcp src=80`,
			"source.port=80 message=the␣system␣was␣denied␣by␣Landlock:␣net.bind_tcp␣:80"},
		{"Landlock, a process", `LANDLOCK_ACCESS` + stamp + `domain=19a0f33 blockers=ptrace opid=77 ocomm="cron"`,
			"auditd.data.opid=77 auditd.data.opid_comm=cron message=the␣system␣was␣denied␣by␣Landlock:␣ptrace␣cron"},
		{"a domain of Landlock", `LANDLOCK_DOMAIN` + stamp + `domain=19a0f33 status=deallocated denials=3`,
			"event.action=landlock_domain message=the␣system␣had␣a␣Landlock␣domain␣deallocated auditd.data.denials=3"},
		{"IPE denies", `IPE_ACCESS` + stamp + `ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=1 pid=77 comm="sh" path="/tmp/x" dev="tmpfs" ino=5 rule="DEFAULT op=EXECUTE action=DENY"`,
			"event.action=violated-ipe-policy event.type=denied event.outcome=failure file.path=/tmp/x message=sh␣was␣denied␣by␣IPE:␣EXECUTE␣/tmp/x"},
		{"IPE only tells", `IPE_ACCESS` + stamp + `ipe_op=EXECUTE ipe_hook=BPRM_CHECK enforcing=0 pid=77 comm="sh" path="/tmp/x" dev="tmpfs" ino=5 rule="DEFAULT op=EXECUTE action=DENY"`,
			"event.type=allowed event.outcome=success"},
		{"IPE's policy", `IPE_POLICY_LOAD` + stamp + `policy_name="boot" policy_version=0.0.1 auid=1000 ses=2 lsm=ipe res=1`, "message=uid␣1000␣loaded␣the␣IPE␣policy␣boot event.outcome=success"},
		{"a measured file", `INTEGRITY_RULE` + stamp + `file="/opt/a b" hash="sha256:` + strings.Repeat("ab", 32) + `" ppid=1 pid=77 ` + login + `comm="a" exe="/bin/a"`,
			"event.action=integrity_rule file.path=/opt/a␣b file.hash.sha256=" + strings.Repeat("ab", 32) + " message=uid␣33␣used␣the␣measured␣file␣/opt/a␣b"},
		{"one with another hash", `INTEGRITY_RULE` + stamp + `file="/opt/a" hash="sha1:abcd" pid=77`, "file.path=/opt/a auditd.data.hash=sha1:abcd"},
		{"a rule of IMA, in quotes", `INTEGRITY_RULE` + stamp + `action="measure" func="FILE_CHECK" mask="MAY_READ" uid="0" res=1`,
			"tags=- auditd.data.func=FILE_CHECK auditd.data.action=measure event.outcome=success message=the␣system␣changed␣the␣integrity␣policy"},
		{"IMA refuses", `INTEGRITY_DATA` + stamp + `pid=77 ` + login + `op=appraise_data cause=invalid-signature comm="sh" name="/opt/bad" dev="vda1" ino=7 res=0 errno=0`,
			"event.action=violated-integrity-policy event.type=denied event.outcome=failure file.path=/opt/bad message=uid␣33␣was␣refused␣by␣IMA␣to␣use␣/opt/bad"},
		{"a mapped device", `DM_EVENT` + stamp + `module=verity op=verify-data dev=254:1 sector=8 res=0`,
			"event.action=dm_event event.outcome=failure message=the␣system␣had␣an␣error␣of␣a␣mapped␣device:␣verity␣verify-data"},
		{"fapolicyd answers", `FANOTIFY` + stamp + `resp=2 fan_type=1 fan_info=1F subj_trust=1 obj_trust=0`,
			"auditd.data.resp_text=FAN_DENY auditd.data.fan_info_text=31 auditd.data.subj_trust_text=yes auditd.data.obj_trust_text=no"},
		{"a crash", `ANOM_ABEND` + stamp + login + `pid=77 comm="httpd" exe="/usr/sbin/httpd" sig=6 res=1`, "message=uid␣33␣had␣a␣crash␣of␣/usr/sbin/httpd␣(SIGABRT)"},
		{"a crash without exe", `ANOM_ABEND` + stamp + login + `pid=77 comm="httpd" reason="memory violation" sig=11`, "message=uid␣33␣had␣a␣crash␣of␣httpd␣(SIGSEGV)"},
		{"a bridge", `ANOM_PROMISCUOUS` + stamp + `dev=veth0a prom=256 old_prom=0 auid=4294967295 uid=0 gid=0 ses=4294967295`, "message=uid␣0␣changed␣the␣promiscuous␣mode␣of␣veth0a"},
		{"a boolean", `MAC_CONFIG_CHANGE` + stamp + `bool=allow_x val=1 old_val=0 auid=1000 ses=2`, "message=uid␣1000␣changed␣the␣SELinux␣boolean␣allow_x␣to␣1"},
		{"enforcing is off", `MAC_STATUS` + stamp + `enforcing=0 old_enforcing=1 auid=1000 ses=2 enabled=1 old-enabled=1 lsm=selinux res=1`, "message=uid␣1000␣set␣SELinux␣to␣permissive"},
		{"auditing is off", `CONFIG_CHANGE` + stamp + `op=set audit_enabled=0 old=1 auid=1000 ses=2 res=1`, "message=uid␣1000␣changed␣the␣audit␣configuration:␣set␣audit_enabled=0"},
		{"AppArmor's profiles", `AVC` + stamp + `apparmor="STATUS" operation="profile_load" profile="unconfined" name="/usr/bin/man" pid=77 comm="apparmor_parser"`,
			"event.action=changed-mac-configuration file.path=- file.name=- auditd.data.name=/usr/bin/man message=apparmor_parser␣changed␣mandatory␣access␣control:␣profile_load␣/usr/bin/man"},
		{"AppArmor on the bus", `USER_AVC` + stamp + `pid=7 uid=101 auid=4294967295 ses=4294967295 msg='apparmor="DENIED" operation="dbus_method_call"  bus="system" path="/org/x" ` +
			`interface="org.x" member="Do" mask="send" name="org.x" pid=77 label="snap.x.x" peer_label="unconfined" exe="/usr/bin/dbus-daemon" sauid=101 hostname=? addr=? terminal=?'`,
			"event.action=violated-apparmor-policy event.type=denied event.outcome=failure file.path=- process.pid=7 auditd.data.operation=dbus_method_call"},
		{"SELinux on the bus", `USER_AVC` + stamp + `pid=7 uid=81 auid=4294967295 ses=4294967295 msg='avc:  received policyload notice (seqno=3)  exe="/usr/bin/dbus-broker" sauid=81 hostname=? addr=? terminal=?'`,
			"auditd.data.text=received␣policyload␣notice␣(seqno=3) message=uid␣81␣got␣a␣notice␣of␣SELinux:␣received␣policyload␣notice␣(seqno=3)"},
		{"a package", `SOFTWARE_UPDATE` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='op=install sw="less-1.el9" sw_type=rpm key_enforce=0 gpg_res=1 root_dir="/" comm="dnf" exe="/usr/bin/python3" hostname=h addr=? terminal=pts/0 res=success'`,
			"message=uid␣1000␣updated␣software␣less-1.el9 auditd.data.sw=less-1.el9"},
		{"the age of a password is looked at", `USER_CHAUTHTOK` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='op=display aging info id=1001 exe="/usr/bin/chage" hostname=? addr=? terminal=? res=success'`,
			"event.action=looked-at-user-account event.category=iam event.severity=1"},
		{"a name is changed", `USER_CHAUTHTOK` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='op=changing name id=1077 exe="/usr/sbin/usermod" hostname=? addr=? terminal=? res=success'`,
			"event.action=changed-password message=uid␣1000␣changed␣the␣account␣1077:␣changing␣name"},
		{"a password is changed", `USER_CHAUTHTOK` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='op=updating-password id=1077 exe="/usr/bin/passwd" hostname=? addr=? terminal=? res=success'`,
			"event.action=changed-password message=uid␣1000␣changed␣the␣password␣of␣1077"},
		{"SELinux and a port", `AVC` + stamp + `avc:  denied  { name_connect } for  pid=77 comm="httpd" dest=3306 scontext=u:r:httpd_t:s0 tcontext=u:o:port_t:s0 tclass=tcp_socket permissive=0`,
			"message=httpd␣was␣denied␣by␣SELinux:␣name_connect␣of␣tcp_socket␣port␣3306"},
		{"SELinux and a unit", `USER_AVC` + stamp + `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='avc:  denied  { start } for auid=n/a uid=0 gid=0 path="/etc/systemd/system/x y.service" cmdline="systemctl start x" ` +
			`scontext=u:r:b_t:s0 tcontext=u:o:c_t:s0 tclass=service permissive=0  exe="/usr/lib/systemd/systemd" sauid=0 hostname=? addr=? terminal=?'`,
			"event.type=denied message=uid␣0␣was␣denied:␣start␣of␣service␣/etc/systemd/system/x␣y.service"},
		{"AppArmor and a process", `AVC` + stamp + `apparmor="DENIED" operation="ptrace" class="ptrace" profile="docker-default" pid=77 comm="ps" requested_mask="read" denied_mask="read" peer="unconfined"`,
			"message=ps␣was␣denied␣by␣AppArmor:␣ptrace␣unconfined"},
		{"a guest starts", `VIRT_CONTROL` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='virt=kvm op=start reason=booted vm="db 1" exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success'`,
			"message=uid␣1000␣controlled␣the␣virtual␣machine␣db␣1:␣start"},
		{"a rule of USBGuard in hex", `USER_DEVICE` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='op="inserted-device" device="/d" device_rule=626C6F636B206964 exe="/usr/sbin/usbguard-daemon" hostname=? addr=? terminal=? res=success'`,
			"auditd.data.device_rule=block␣id"},
		{"a guest moves in", `VIRT_MIGRATE_IN` + stamp + `pid=7 uid=0 auid=1000 ses=2 msg='vm="a" res=success'`, "event.action=migrated-vm-from"},
	} {
		e := oneEvent(t, build(t, nil), "type="+c.record)
		v := ours(&e)
		for _, w := range strings.Fields(c.want) {
			name, want, _ := strings.Cut(strings.ReplaceAll(w, "␣", " "), "=")
			if want == "-" {
				want = ""
			}
			if got := strings.Join(v[name], "|"); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// TestACallStaysWhatItIsBesideAMeasuredFile: IMA tells of files that calls use; the
// event is the call's. What Landlock denied is the denial's.
func TestACallStaysWhatItIsBesideAMeasuredFile(t *testing.T) {
	const call = "type=SYSCALL msg=audit(1795227901.125:9): arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=1 a2=41 a3=1b6 items=0 ppid=1 pid=7 " +
		`auid=1000 uid=33 gid=33 euid=33 suid=33 fsuid=33 egid=33 sgid=33 fsgid=33 tty=(none) ses=2 comm="sh" exe="/bin/sh" key=(null)`
	for record, want := range map[string]string{
		`INTEGRITY_RULE msg=audit(1795227901.125:9): file="/opt/a" hash="sha256:ab" pid=7`:                    "opened-file",
		`INTEGRITY_PCR msg=audit(1795227901.125:9): pid=7 uid=33 op=invalid_pcr cause=ToMToU name="/opt/a"`:   "opened-file",
		`LANDLOCK_DOMAIN msg=audit(1795227901.125:9): domain=1f status=allocated mode=enforcing pid=7 uid=33`: "opened-file",
		`LANDLOCK_ACCESS msg=audit(1795227901.125:9): domain=1f blockers=fs.write_file path="/opt/a" ino=5`:   "violated-landlock-policy",
		`IPE_ACCESS msg=audit(1795227901.125:9): ipe_op=EXECUTE enforcing=1 pid=7 rule="DEFAULT action=DENY"`: "violated-ipe-policy",
	} {
		e := oneEvent(t, build(t, nil), "type="+record, call)
		v := ours(&e)
		if got := first(v["event.action"]); got != want || strings.Join(v["auditd.open_flags"], "|") != "O_WRONLY|O_CREAT" {
			t.Errorf("%s: %s, want %s: %s", record, got, want, show(&e))
		}
	}
}
