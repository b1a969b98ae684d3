package ocsf

// audit is the table of SCHEMA.md section 3.1.
var audit = map[string]class{
	"executed": {processActivity, 1}, "end": {processActivity, 2}, "ran-command": {processActivity, 1}, "killed-pid": {processActivity, 2},
	"traced-process": {processActivity, 3}, "changed-identity-of": {processActivity, 5}, "crashed-program": {processActivity, 2},
	"joined-namespace": {kernelActivity, 4}, "created-namespace": {kernelActivity, 4}, "changed-root": {kernelActivity, 4},
	"created-memory-file": {kernelActivity, 4}, "loaded-bpf-program": {kernelActivity, 4}, "unloaded-bpf-program": {kernelActivity, 4},
	"loaded-kernel-image": {kernelActivity, 4}, "issued-io-uring-operation": {kernelActivity, 4}, "changed-system-time": {kernelActivity, 4},
	"violated-seccomp-policy": {kernelActivity, 4}, "loaded-kernel-module": {kernelExtension, 1}, "unloaded-kernel-module": {kernelExtension, 2},

	"opened-file": {fileActivity, 14}, "renamed": {fileActivity, 5}, "deleted": {fileActivity, 4}, "created-directory": {fileActivity, 1},
	"linked": {fileActivity, 1}, "symlinked": {fileActivity, 1}, "changed-file-permissions-of": {fileActivity, 7},
	"changed-file-ownership-of": {fileActivity, 7}, "changed-file-attributes-of": {fileActivity, 6}, "changed-timestamp-of": {fileActivity, 6},
	"make-device": {fileActivity, 1}, "mounted": {fileActivity, 12}, "unmounted": {fileActivity, 13},

	"connected-to": {networkActivity, 1}, "bound-socket": {networkActivity, 7}, "listen-for-connections": {networkActivity, 7},
	"accepted-connection-from": {networkActivity, 1}, "sent-to": {networkActivity, 6}, "received-from": {networkActivity, 6},

	"logged-in": {authentication, 1}, "logged-out": {authentication, 2}, "ended-session": {authentication, 2}, "authenticated": {authentication, other},
	"was-authorized": {authentication, other}, "started-session": {authentication, 1}, "acquired-credentials": {authentication, other},
	"refreshed-credentials": {authentication, other}, "disposed-credentials": {authentication, other}, "changed-login-id-to": {authentication, other},

	"added-user-account": {accountChanged, 1}, "deleted-user-account": {accountChanged, 6}, "modified-user-account": {accountChanged, other},
	"changed-password": {accountChanged, 3}, "locked-account": {accountChanged, 9}, "unlocked-account": {accountChanged, 12},
	"added-group-account-to": {groupManagement, 6}, "deleted-group-account-from": {groupManagement, 5}, "modified-group-account": {groupManagement, other},
	"assigned-user-role-to": {userAccess, 1}, "removed-user-role-from": {userAccess, 2},

	"changed-selinux-enforcement": {deviceConfig, 1}, "changed-selinux-boolean": {deviceConfig, 1}, "loaded-selinux-policy": {deviceConfig, 1},
	"loaded-mac-policy": {deviceConfig, 1}, "changed-mac-configuration": {deviceConfig, 1},
	"changed-system-name": {deviceConfig, 1}, "loaded-firewall-rule-to": {deviceConfig, 1}, "changed-promiscuous-mode-on-device": {deviceConfig, 1},

	"changed-audit-configuration": {eventLog, other}, "started-audit": {eventLog, 6}, "shutdown-audit": {eventLog, 7}, "aborted-auditd-startup": {eventLog, 7},
	"rotated-audit-logs": {eventLog, 5}, "lost-audit-records": {eventLog, other}, "audit-sequence-gap": {eventLog, other},

	"started-service": {applicationLifecycle, 3}, "stopped-service": {applicationLifecycle, 4}, "booted-system": {applicationLifecycle, 3},
	"shutdown-system": {applicationLifecycle, 4}, "package-updated": {applicationLifecycle, 8},
}

var containers = map[string]class{
	"create": {applicationLifecycle, 1}, "start": {applicationLifecycle, 3}, "restart": {applicationLifecycle, 5}, "unpause": {applicationLifecycle, 6},
	"die": {applicationLifecycle, 4}, "stop": {applicationLifecycle, 4}, "kill": {applicationLifecycle, 4}, "oom": {applicationLifecycle, 4},
	"pause": {applicationLifecycle, 7}, "destroy": {applicationLifecycle, 2}, "rename": {applicationLifecycle, 8}, "update": {applicationLifecycle, 8},
	"exec_create": {processActivity, 1}, "exec_start": {processActivity, 1}, "exec_die": {processActivity, 2},
	"attach": {apiActivity, other}, "detach": {apiActivity, other}, "archive-path": {apiActivity, 2}, "extract-to-dir": {apiActivity, 1},
	"export": {apiActivity, 2}, "commit": {apiActivity, 1},
}

var images = map[string]class{
	"pull": {apiActivity, 1}, "load": {apiActivity, 1}, "import": {apiActivity, 1}, "push": {apiActivity, 2}, "save": {apiActivity, 2},
	"tag": {apiActivity, 3}, "untag": {apiActivity, 3}, "delete": {apiActivity, 4}, "prune": {apiActivity, 4}, "build": {apiActivity, 1}, "commit": {apiActivity, 1},
}

var jenkins = map[string]class{
	"job-config-changed": {apiActivity, 3}, "job-created": {apiActivity, 1}, "job-deleted": {apiActivity, 4}, "job-enabled": {apiActivity, 3},
	"job-disabled": {apiActivity, 3}, "security-config-changed": {apiActivity, 3}, "plugin-changed": {applicationLifecycle, 8},
	"credential-changed": {apiActivity, 3}, "script-executed": {scriptActivity, 1}, "controller-restarted": {applicationLifecycle, 5},
	"controller-quieted": {applicationLifecycle, 4}, "build-started": {scheduledJob, 6}, "build-completed": {scheduledJob, other},
	"credential-used": {apiActivity, 2}, "http-request": {apiActivity, other},
}

var git = map[string]class{
	"push": {apiActivity, 3}, "clone": {apiActivity, 2}, "fetch": {apiActivity, 2}, "repository-created": {apiActivity, 1},
	"repository-deleted": {apiActivity, 4}, "visibility-changed": {apiActivity, 3}, "protection-changed": {apiActivity, 3},
	"protection-removed": {apiActivity, 3}, "deploy-key-added": {apiActivity, 3}, "access-token-created": {apiActivity, 3},
	"member-added": {apiActivity, 3}, "webhook-changed": {apiActivity, 3},
}

var registry = map[string]class{
	"push": {apiActivity, 1}, "pull": {apiActivity, 2}, "mount": {apiActivity, 1}, "delete": {apiActivity, 4},
}
