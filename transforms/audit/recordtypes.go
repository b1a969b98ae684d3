package audit

import "github.com/elastic/go-libaudit/v2/auparse"

// recordActions returns the actions of record types (SCHEMA §3.1); what it does
// not have has the type's own name as its action. The names are those of the
// audit library, which are Auditbeat's too.
func recordActions() *recordTable {
	m := &recordTable{}
	add := func(name, category, types string, severity, failure int8, did, failed string, o object, kinds ...auparse.AuditMessageType) {
		for _, k := range kinds {
			m[uint16(k)] = act(name, category, types, severity, failure, did, failed, o)
		}
	}
	addLogins(add)
	addAccounts(add)
	addPolicy(add)
	addModules(add)
	addSystem(add)
	addAnomalies(add)
	return m
}

// recordTable holds the actions of record types by their numbers.
type recordTable [endOfTypes]*action

func (r *recordTable) of(typ uint16) *action {
	if typ < endOfTypes {
		return r[typ]
	}
	return nil
}

// named reports whether a type's action has a name of its own.
func (r *recordTable) named(typ uint16) bool {
	a := r.of(typ)
	return a != nil && a.name != ""
}

type adder func(name, category, types string, severity, failure int8, did, failed string, o object, kinds ...auparse.AuditMessageType)

func addLogins(add adder) {
	add("ran-command", "process", "start", 3, 0, "ran", "was refused to run", objCommand, auparse.AUDIT_USER_CMD)
	add("logged-in", "authentication", "start", 3, 5, "logged in", "failed to log in", objNone, auparse.AUDIT_USER_LOGIN)
	add("logged-out", "authentication", "end", 2, 0, "logged out", "failed to log out", objNone, auparse.AUDIT_USER_LOGOUT)
	add("ended-session", "session", "end", 2, 0, "ended a session", "failed to end a session", objNone, auparse.AUDIT_USER_END)
	add("authenticated", "authentication", "info", 2, 5, "was authenticated", "failed to authenticate", objAs, auparse.AUDIT_USER_AUTH)
	add("authenticated-to-group", "authentication", "info", 2, 5, "was authenticated to a group", "failed to authenticate to a group", objNone, auparse.AUDIT_GRP_AUTH)
	add("was-authorized", "authentication", "info", 2, 4, "was authorized", "was not authorized", objAs, auparse.AUDIT_USER_ACCT)
	add("started-session", "session", "start", 2, 0, "started a session", "failed to start a session", objAs, auparse.AUDIT_USER_START)
	add("acquired-credentials", "authentication", "info", 1, 0, "acquired credentials", "failed to acquire credentials", objAs, auparse.AUDIT_CRED_ACQ)
	add("refreshed-credentials", "authentication", "info", 1, 0, "refreshed credentials", "failed to refresh credentials", objAs, auparse.AUDIT_CRED_REFR)
	add("disposed-credentials", "authentication", "info", 1, 0, "disposed of credentials", "failed to dispose of credentials", objAs, auparse.AUDIT_CRED_DISP)
	add("changed-login-id-to", "authentication", "start", 2, 0, "got a login id", "failed to get a login id", objNone, auparse.AUDIT_LOGIN)
	add("error", "authentication", "info", 2, 0, "had an authentication error", "had an authentication error", objAs, auparse.AUDIT_USER_ERR)
	add("changed-role-to", "authentication", "change", 2, 0, "changed role", "failed to change role", objNone, auparse.AUDIT_USER_ROLE_CHANGE)
	add("negotiated-crypto-key", "process", "info", 1, 0, "handled a key", "failed to handle a key", objOp, auparse.AUDIT_CRYPTO_KEY_USER)
	add("started-crypto-session", "process", "info", 1, 0, "had an encrypted session", "failed at an encrypted session", objOp, auparse.AUDIT_CRYPTO_SESSION)
	add("crypto-officer-logged-in", "authentication", "start", 3, 5, "logged in as crypto officer", "failed to log in as crypto officer", objNone, auparse.AUDIT_CRYPTO_LOGIN)
	add("crypto-officer-logged-out", "authentication", "end", 2, 0, "logged out as crypto officer", "failed to log out", objNone, auparse.AUDIT_CRYPTO_LOGOUT)
}

func addAccounts(add adder) {
	add("added-user-account", "iam", "user creation", 5, 0, "created the account", "failed to create the account", objAccount, auparse.AUDIT_ADD_USER)
	add("deleted-user-account", "iam", "user deletion", 5, 0, "deleted the account", "failed to delete the account", objAccount, auparse.AUDIT_DEL_USER)
	add("modified-user-account", "iam", "user change", 5, 0, "changed the account", "failed to change the account", objAccount, auparse.AUDIT_USER_MGMT)
	add("changed-password", "iam", "user change", 4, 0, "changed the password of", "failed to change the password of", objAccount, auparse.AUDIT_USER_CHAUTHTOK)
	add("changed-group-password", "iam", "group change", 4, 0, "changed the password of group", "failed to change the password of group", objAccount, auparse.AUDIT_GRP_CHAUTHTOK)
	add("locked-account", "iam", "user info", 4, 0, "locked the account", "failed to lock the account", objAccount, auparse.AUDIT_ACCT_LOCK)
	add("unlocked-account", "iam", "user info", 4, 0, "unlocked the account", "failed to unlock the account", objAccount, auparse.AUDIT_ACCT_UNLOCK)
	add("added-group-account-to", "iam", "group creation", 4, 0, "created the group", "failed to create the group", objAccount, auparse.AUDIT_ADD_GROUP)
	add("deleted-group-account-from", "iam", "group deletion", 4, 0, "deleted the group", "failed to delete the group", objAccount, auparse.AUDIT_DEL_GROUP)
	add("modified-group-account", "iam", "group change", 5, 0, "changed the group", "failed to change the group", objAccount, auparse.AUDIT_GRP_MGMT)
	add("assigned-user-role-to", "iam", "user change", 5, 0, "assigned a role to", "failed to assign a role to", objAccount, auparse.AUDIT_ROLE_ASSIGN)
	add("removed-user-role-from", "iam", "user change", 5, 0, "removed a role from", "failed to remove a role from", objAccount, auparse.AUDIT_ROLE_REMOVE)
	add("modified-role", "iam", "change", 5, 0, "changed a role", "failed to change a role", objNone, auparse.AUDIT_ROLE_MODIFY)
	add("changed-group", "process", "change", 2, 0, "changed group", "failed to change group", objNone, auparse.AUDIT_CHGRP_ID)
	add("changed-user-id", "process", "change", 2, 0, "changed user", "failed to change user", objNone, auparse.AUDIT_CHUSER_ID)
}

func addPolicy(add adder) {
	add("violated-selinux-policy", "intrusion_detection", "denied", 5, 5, "was allowed by SELinux", "was denied by SELinux", objAccess, auparse.AUDIT_AVC)
	add("violated-seccomp-policy", "intrusion_detection", "denied", 5, 5, "used a system call that seccomp logs", "was stopped by seccomp", objOp, auparse.AUDIT_SECCOMP)
	add("caused-mac-policy-error", "intrusion_detection", "info", 5, 0, "caused a policy error", "caused a policy error", objNone, auparse.AUDIT_SELINUX_ERR)
	add("access-permission", "intrusion_detection", "denied", 5, 5, "was allowed", "was denied", objAccess, auparse.AUDIT_USER_AVC)
	add("access-error", "intrusion_detection", "info", 5, 0, "had an access error", "had an access error", objNone, auparse.AUDIT_USER_SELINUX_ERR)
	add("changed-selinux-enforcement", "configuration", "change", 8, 0, "set SELinux to", "failed to set SELinux to", objNote, auparse.AUDIT_MAC_STATUS)
	add("changed-selinux-boolean", "configuration", "change", 8, 0, "changed the SELinux boolean", "failed to change the SELinux boolean", objNote, auparse.AUDIT_MAC_CONFIG_CHANGE)
	add("loaded-selinux-policy", "configuration", "change", 8, 0, "loaded a SELinux policy", "failed to load a SELinux policy", objNone, auparse.AUDIT_MAC_POLICY_LOAD)
	add("changed-mac-configuration", "configuration", "change", 8, 0, "changed mandatory access control", "failed to change mandatory access control", objOp, auparse.AUDIT_USER_MAC_CONFIG_CHANGE)
	add("loaded-mac-policy", "configuration", "change", 8, 0, "loaded an access control policy", "failed to load an access control policy", objNone, auparse.AUDIT_USER_MAC_POLICY_LOAD)
	add("relabeled-filesystem", "configuration", "change", 5, 0, "relabeled a filesystem", "failed to relabel a filesystem", objNone, auparse.AUDIT_FS_RELABEL)
	add("mac-permission", "intrusion_detection", "info", 3, 0, "was checked for access", "was denied access", objNone, auparse.AUDIT_MAC_CHECK)
	add("access-result", "intrusion_detection", "info", 3, 0, "was checked for access", "was denied access", objNone, auparse.AUDIT_DAC_CHECK)
}

// addModules adds types that the audit library has no action for. Those that SCHEMA has
// no row for keep their own name, and get only words for people.
func addModules(add adder) {
	add("violated-landlock-policy", "intrusion_detection", "denied", 5, 5, "was allowed by Landlock", "was denied by Landlock", objAccess, typeLandlock)
	add("violated-ipe-policy", "intrusion_detection", "denied", 5, 5, "was allowed by IPE", "was denied by IPE", objAccess, typeIPE)
	add("violated-integrity-policy", "intrusion_detection", "denied", 5, 5, "was allowed by IMA to use", "was refused by IMA to use", objFile,
		auparse.AUDIT_INTEGRITY_DATA, auparse.AUDIT_INTEGRITY_METADATA, auparse.AUDIT_INTEGRITY_HASH)
	add("created-vm-image", "host", "info", 3, 0, "created a virtual machine's image", "failed to create a virtual machine's image", objNone, auparse.AUDIT_VIRT_CREATE)
	add("deleted-vm-image", "host", "info", 3, 0, "deleted a virtual machine's image", "failed to delete a virtual machine's image", objNone, auparse.AUDIT_VIRT_DESTROY)
	add("checked-integrity-of", "host", "info", 3, 0, "checked a virtual machine's integrity", "failed to check a virtual machine's integrity", objNone, auparse.AUDIT_VIRT_INTEGRITY_CHECK)
	add("migrated-vm-from", "host", "info", 3, 0, "took a virtual machine over", "failed to take a virtual machine over", objNone, auparse.AUDIT_VIRT_MIGRATE_IN)
	add("migrated-vm-to", "host", "info", 3, 0, "gave a virtual machine away", "failed to give a virtual machine away", objNone, auparse.AUDIT_VIRT_MIGRATE_OUT)
	other := func(did, failed string, o object, kinds ...auparse.AuditMessageType) {
		add("", "host", "info", 1, 0, did, failed, o, kinds...)
	}
	other("had a Landlock domain", "had a Landlock domain", objNote, typeDomain)
	other("changed the active IPE policy to", "failed to change the active IPE policy to", objNote, typeIPEConfig)
	other("loaded the IPE policy", "failed to load the IPE policy", objNote, typeIPEPolicy)
	other("changed network labels", "failed to change network labels", objNone,
		auparse.AUDIT_MAC_UNLBL_ALLOW, auparse.AUDIT_MAC_CIPSOV4_ADD, auparse.AUDIT_MAC_CIPSOV4_DEL, auparse.AUDIT_MAC_MAP_ADD, auparse.AUDIT_MAC_MAP_DEL,
		auparse.AUDIT_MAC_UNLBL_STCADD, auparse.AUDIT_MAC_UNLBL_STCDEL, auparse.AUDIT_MAC_CALIPSO_ADD, auparse.AUDIT_MAC_CALIPSO_DEL)
	other("changed IPsec", "failed to change IPsec", objOp, auparse.AUDIT_MAC_IPSEC_EVENT)
	other("broke the measurement of", "broke the measurement of", objFile, typePCR)
	other("used the measured file", "used the measured file", objFile, typeMeasured)
	other("changed the integrity policy", "failed to change the integrity policy", objOp,
		auparse.AUDIT_INTEGRITY_STATUS, auparse.AUDIT_INTEGRITY_EVM_XATTR, typePolicyRule)
	other("changed a mapped device:", "failed to change a mapped device:", objNote, auparse.AUDIT_DM_CTRL)
	other("had an event of a mapped device:", "had an error of a mapped device:", objNote, auparse.AUDIT_DM_EVENT)
	other("logged a packet from", "logged a packet from", objNote, auparse.AUDIT_NETFILTER_PKT)
	other("changed who listens to audit records", "failed to change who listens to audit records", objOp, auparse.AUDIT_EVENT_LISTENER)
}

func addSystem(add adder) {
	add("changed-audit-configuration", "configuration", "change", 7, 0, "changed the audit configuration", "failed to change the audit configuration", objOp, auparse.AUDIT_CONFIG_CHANGE)
	add("changed-audit-feature", "configuration", "change", 7, 0, "changed an audit feature", "failed to change an audit feature", objNone, auparse.AUDIT_FEATURE_CHANGE)
	add("changed-configuration", "configuration", "change", 5, 0, "changed the configuration", "failed to change the configuration", objOp, auparse.AUDIT_USYS_CONFIG)
	add("loaded-firewall-rule-to", "configuration", "change", 5, 0, "changed the firewall", "failed to change the firewall", objOp, auparse.AUDIT_NETFILTER_CFG)
	add("started-audit", "process", "start", 3, 0, "started the audit daemon", "failed to start the audit daemon", objNone, auparse.AUDIT_DAEMON_START)
	add("shutdown-audit", "process", "end", 7, 0, "stopped the audit daemon", "failed to stop the audit daemon", objNone, auparse.AUDIT_DAEMON_END)
	add("aborted-auditd-startup", "process", "end", 7, 0, "aborted the audit daemon", "aborted the audit daemon", objNone, auparse.AUDIT_DAEMON_ABORT)
	add("rotated-audit-logs", "configuration", "change", 1, 0, "rotated the audit log", "failed to rotate the audit log", objNone, auparse.AUDIT_DAEMON_ROTATE)
	add("resumed-audit-logging", "process", "change", 3, 0, "resumed audit logging", "failed to resume audit logging", objNone, auparse.AUDIT_DAEMON_RESUME)
	add("reconfigured-auditd", "configuration", "info", 5, 0, "reconfigured the audit daemon", "failed to reconfigure the audit daemon", objNone, auparse.AUDIT_DAEMON_RECONFIG)
	add("changed-auditd-configuration", "configuration", "change", 5, 0, "changed the audit daemon's configuration", "failed to change the audit daemon's configuration", objNone, auparse.AUDIT_DAEMON_CONFIG)
	add("remote-audit-connected", "network", "connection start", 2, 0, "connected to the audit daemon", "failed to connect to the audit daemon", objNone, auparse.AUDIT_DAEMON_ACCEPT)
	add("remote-audit-disconnected", "network", "connection end", 2, 0, "left the audit daemon", "left the audit daemon", objNone, auparse.AUDIT_DAEMON_CLOSE)
	add("audit-error", "process", "info", 5, 0, "reported an audit error", "reported an audit error", objOp, auparse.AUDIT_DAEMON_ERR)
	add("started-service", "process", "start", 2, 0, "started the service", "failed to start the service", objUnit, auparse.AUDIT_SERVICE_START)
	add("stopped-service", "process", "end", 3, 0, "stopped the service", "failed to stop the service", objUnit, auparse.AUDIT_SERVICE_STOP)
	add("changed-system-time", "host", "change", 5, 0, "changed the system time", "failed to change the system time", objNone, auparse.AUDIT_TIME_INJOFFSET, auparse.AUDIT_TIME_ADJNTPVAL)
	add("booted-system", "host", "start", 3, 0, "started the system", "failed to start the system", objNone, auparse.AUDIT_SYSTEM_BOOT)
	add("shutdown-system", "host", "end", 3, 0, "shut the system down", "failed to shut the system down", objNone, auparse.AUDIT_SYSTEM_SHUTDOWN)
	add("changed-to-runlevel", "host", "change", 3, 0, "changed the runlevel", "failed to change the runlevel", objNone, auparse.AUDIT_SYSTEM_RUNLEVEL)
	add("package-updated", "package", "info", 3, 0, "updated software", "failed to update software", objNote, auparse.AUDIT_SOFTWARE_UPDATE)
	add("loaded-kernel-module", "driver", "start", 5, 0, "loaded the kernel module", "failed to load the kernel module", objModule, auparse.AUDIT_KERN_MODULE)
	add("issued-io-uring-operation", "process", "info", 3, 0, "used io_uring", "failed to use io_uring", objOp, auparse.AUDIT_URINGOP)
	add("initialized-audit-subsystem", "process", "info", 1, 0, "initialized auditing", "failed to initialize auditing", objNone, auparse.AUDIT_KERNEL)
	add("sent-message", "host", "info", 1, 0, "sent a message", "sent a message", objNone, auparse.AUDIT_USER)
	add("typed", "process", "info", 2, 0, "typed", "typed", objOp, auparse.AUDIT_TTY, auparse.AUDIT_USER_TTY)
	add("issued-vm-control", "host", "info", 3, 0, "controlled the virtual machine", "failed to control the virtual machine", objGuest, auparse.AUDIT_VIRT_CONTROL)
	add("assigned-vm-id", "host", "info", 2, 0, "assigned an id to the virtual machine", "failed to assign an id to the virtual machine", objNote, auparse.AUDIT_VIRT_MACHINE_ID)
	add("assigned-vm-resource", "host", "info", 2, 0, "assigned a resource to the virtual machine", "failed to assign a resource to the virtual machine", objNote, auparse.AUDIT_VIRT_RESOURCE)
}

func addAnomalies(add adder) {
	add("crashed-program", "process", "end", 4, 4, "had a crash of", "had a crash of", objCommand, auparse.AUDIT_ANOM_ABEND)
	add("changed-promiscuous-mode-on-device", "intrusion_detection", "info", 6, 0, "changed the promiscuous mode of", "failed to change the promiscuous mode of", objNote, auparse.AUDIT_ANOM_PROMISCUOUS)
	add("used-suspicious-link", "intrusion_detection", "info", 5, 0, "used a suspicious link", "used a suspicious link", objFile, auparse.AUDIT_ANOM_LINK)
	add("attempted-execution-of-forbidden-program", "intrusion_detection", "info", 6, 0, "ran a forbidden program", "tried to run a forbidden program", objCommand, auparse.AUDIT_ANOM_EXEC)
	add("failed-log-in-too-many-times-to", "authentication intrusion_detection", "denied", 6, 0, "failed to log in too many times", "failed to log in too many times", objNone, auparse.AUDIT_ANOM_LOGIN_FAILURES)
	add("attempted-log-in-from-unusual-place-to", "authentication intrusion_detection", "denied", 6, 0, "tried to log in from an unusual place", "tried to log in from an unusual place", objNone, auparse.AUDIT_ANOM_LOGIN_LOCATION)
	add("opened-too-many-sessions-to", "authentication intrusion_detection", "denied", 5, 0, "opened too many sessions", "opened too many sessions", objNone, auparse.AUDIT_ANOM_LOGIN_SESSIONS)
	add("attempted-log-in-during-unusual-hour-to", "authentication intrusion_detection", "denied", 5, 0, "tried to log in at an unusual hour", "tried to log in at an unusual hour", objNone, auparse.AUDIT_ANOM_LOGIN_TIME)
	add("user-became-root", "authentication intrusion_detection", "info", 6, 0, "became root", "tried to become root", objNone, auparse.AUDIT_ANOM_ROOT_TRANS)
	add("made-an-executable", "intrusion_detection", "info", 5, 0, "made an executable", "tried to make an executable", objFile, auparse.AUDIT_ANOM_MK_EXEC)
	add("accessed-watched-file-or-directory", "intrusion_detection", "info", 5, 0, "used a watched file", "tried to use a watched file", objFile, auparse.AUDIT_ANOM_ACCESS_FS)
}
