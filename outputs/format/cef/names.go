package cef

import (
	"tallyman/outputs/format/view"
	"tallyman/pipeline/schema"
)

// name returns the Name of the header: what kind of thing happened, for people
// (SCHEMA.md section 3). It repeats nothing of the other fields.
func (c *Encoder) name() string {
	if !c.Get(schema.RuleID).IsZero() {
		if s := c.Get(schema.RuleName).Str(); s != "" {
			return s
		}
		return "Rule matched"
	}
	action := c.Get(schema.EventAction).Str()
	switch c.Get(schema.EventModule).Str() {
	case "auditd":
		return c.auditName(action)
	case "docker":
		return dockerName(c.Get(schema.DockerEventType).Str(), action)
	case "kubernetes":
		return c.kubernetesName()
	case "falco":
		if s := c.Get(schema.FalcoRule).Str(); s != "" {
			return s
		}
		return "Falco alert"
	case "syslog":
		return "Syslog message"
	case "tallyman":
		return "Shipper event"
	case "jenkins":
		return or(jenkinsNames[action], "Jenkins request")
	case "git":
		return or(gitNames[action], "Repository event")
	case "registry":
		return or(registryNames[action], "Registry event")
	}
	return "Event"
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// auditName is section 3.1.
func (c *Encoder) auditName(action string) string {
	switch action {
	case openedFile:
		switch c.Get(schema.EventType).Str() {
		case "creation":
			return fileCreated
		case "change":
			switch c.Syscall().Str() {
			case "truncate", "ftruncate", "truncate64", "ftruncate64", "fallocate":
				return "File truncated"
			}
			return fileWritten
		}
		return fileOpened
	case "":
		return "Audit record"
	}
	if s := auditNames[action]; s != "" {
		return s
	}
	if !c.Syscall().IsZero() {
		return "System call"
	}
	return "Audit record"
}

// audited is what the class and the Name of the header are for each action whose
// Name follows from it alone.
func audited() map[string]string {
	list := make(map[string]string, len(auditNames))
	for action, name := range auditNames {
		list[action] = "auditd." + action + "|" + name + "|"
	}
	return list
}

// kind returns the class and the Name of the header as they are written, where
// they are known beforehand, else "".
func (c *Encoder) kind() string {
	if c.Str(schema.EventModule) != "auditd" || c.Has(schema.RuleID) {
		return ""
	}
	action := c.Str(schema.EventAction)
	if action != openedFile {
		return c.audited[action]
	}
	const class = "auditd." + openedFile + "|"
	switch c.auditName(action) {
	case fileOpened:
		return class + fileOpened + "|"
	case fileWritten:
		return class + fileWritten + "|"
	case fileCreated:
		return class + fileCreated + "|"
	}
	return ""
}

// The action with more than one Name, and the most frequent of those.
const (
	openedFile  = "opened-file"
	fileOpened  = "File opened"
	fileWritten = "File opened for writing"
	fileCreated = "File created"
)

var auditNames = map[string]string{
	"executed": "Process executed", "end": "Process ended", "ran-command": "Privileged command run", "killed-pid": "Signal sent to process",
	"traced-process": "Process traced", "changed-identity-of": "Process identity changed", "joined-namespace": "Namespace joined",
	"created-namespace": "Namespace created", "changed-root": "Root directory changed", "created-memory-file": "Memory file created",
	"loaded-bpf-program": "BPF program loaded", "loaded-kernel-image": "Kernel image loaded", "issued-io-uring-operation": "io_uring operation",
	"loaded-kernel-module": "Kernel module loaded", "unloaded-kernel-module": "Kernel module removed",
	"renamed": "File renamed", "deleted": "File deleted", "created-directory": "Directory created", "linked": "Link created", "symlinked": "Link created",
	"changed-file-permissions-of": "File permissions changed", "changed-file-ownership-of": "File ownership changed",
	"changed-file-attributes-of": "File attributes changed", "changed-timestamp-of": "File times changed", "make-device": "Device node created",
	"mounted": "Filesystem mounted", "unmounted": "Filesystem unmounted",
	"connected-to": "Connection attempt", "bound-socket": "Socket bound", "listen-for-connections": "Listening port opened",
	"accepted-connection-from": "Connection accepted", "sent-to": "Datagram sent or received", "received-from": "Datagram sent or received",
	"logged-in": "User login", "logged-out": "User logout", "ended-session": "User logout", "authenticated": "User authenticated",
	"was-authorized": "Account authorized", "started-session": "Session started", "acquired-credentials": "Credentials changed hands",
	"refreshed-credentials": "Credentials changed hands", "disposed-credentials": "Credentials changed hands", "changed-login-id-to": "Login uid set",
	"added-user-account": "User account created", "deleted-user-account": "User account deleted", "modified-user-account": "User account changed",
	"changed-password": "Password changed", "locked-account": "Account locked", "unlocked-account": "Account unlocked",
	"added-group-account-to": "Group created", "deleted-group-account-from": "Group deleted", "modified-group-account": "Group changed",
	"assigned-user-role-to": "Role assigned", "removed-user-role-from": "Role removed",
	"violated-selinux-policy": "SELinux denial", "violated-apparmor-policy": "AppArmor denial", "violated-seccomp-policy": "Seccomp violation",
	"changed-selinux-enforcement": "Mandatory access control changed", "changed-selinux-boolean": "Mandatory access control changed",
	"loaded-selinux-policy": "Mandatory access control changed", "changed-audit-configuration": "Audit configuration changed",
	"started-audit": "Audit daemon started", "shutdown-audit": "Audit daemon stopped", "aborted-auditd-startup": "Audit daemon failed",
	"rotated-audit-logs": "Audit log rotated", "started-service": "Service started", "stopped-service": "Service stopped",
	"changed-system-time": "System time changed", "changed-system-name": "System name changed", "booted-system": "System started",
	"shutdown-system": "System stopped", "loaded-firewall-rule-to": "Firewall changed", "package-updated": "Software updated",
	"crashed-program": "Program crashed", "changed-promiscuous-mode-on-device": "Promiscuous mode changed",

	// What section 3.1 has no line for, and the audit log all the same.
	"authenticated-to-group": "User authenticated to group", "changed-role-to": "User role changed", "error": "Authentication error",
	"negotiated-crypto-key": "Encryption key negotiated", "started-crypto-session": "Encrypted session started",
	"crypto-officer-logged-in": "Crypto officer login", "crypto-officer-logged-out": "Crypto officer logout",
	"changed-group-password": "Group password changed", "modified-role": "Role changed", "changed-group": "Process group identity changed",
	"changed-user-id": "Process identity changed", "caused-mac-policy-error": "SELinux error", "access-permission": "User-space access decision",
	"access-error": "User-space SELinux error", "changed-mac-configuration": "Mandatory access control changed",
	"loaded-mac-policy": "Mandatory access control changed", "relabeled-filesystem": "Filesystem relabeled",
	"mac-permission": "Mandatory access checked", "access-result": "Discretionary access checked",
	"changed-audit-feature": "Audit feature changed", "changed-configuration": "System configuration changed",
	"resumed-audit-logging": "Audit logging resumed", "reconfigured-auditd": "Audit daemon reconfigured",
	"changed-auditd-configuration": "Audit daemon configuration changed", "remote-audit-connected": "Remote audit connected",
	"remote-audit-disconnected": "Remote audit disconnected", "audit-error": "Audit daemon error",
	"changed-to-runlevel": "Runlevel changed", "initialized-audit-subsystem": "Audit subsystem initialized",
	"sent-message": "User-space message", "typed": "Terminal input", "issued-vm-control": "Virtual machine controlled",
	"assigned-vm-id": "Virtual machine identity assigned", "assigned-vm-resource": "Virtual machine resource assigned",
	"used-suspicious-link": "Suspicious link used", "attempted-execution-of-forbidden-program": "Forbidden program run",
	"failed-log-in-too-many-times-to": "Too many failed logins", "attempted-log-in-from-unusual-place-to": "Login from unusual place",
	"opened-too-many-sessions-to": "Too many sessions opened", "attempted-log-in-during-unusual-hour-to": "Login at unusual hour",
	"user-became-root": "User became root", "made-an-executable": "Executable made", "accessed-watched-file-or-directory": "Watched file accessed",
	"lost-audit-records": "Audit records lost", "audit-sequence-gap": "Audit records missing",
	"adjusted-scheduling-policy-of": "Process scheduling changed", "allocated-memory": "Memory mapped", "checked-metadata-of": "File metadata read",
	"checked-filesystem-metadata-of": "Filesystem metadata read", "read-file": "File read", "wrote-to-file": "File written",
	"unloaded-bpf-program": "BPF program removed",
}

// dockerName is the engine's part of section 3.2.
func dockerName(kind, action string) string {
	switch kind {
	case "container":
		return containerName(action)
	case "image":
		switch action {
		case "pull", "load", "import":
			return "Image added"
		case "push", "save":
			return "Image exported"
		case "build", "commit":
			return "Image built on host"
		}
		return "Image changed"
	case "daemon":
		if action == "reload" {
			return "Engine configuration reloaded"
		}
	}
	return "Engine object changed"
}

var containerNames = map[string]string{
	"create": "Container created", "start": "Container started", "restart": "Container started", "unpause": "Container started",
	"die": "Container stopped", "stop": "Container stopped", "kill": "Container stopped", "pause": "Container stopped", "oom": "Container stopped",
	"destroy": "Container removed", "exec_create": "Command run in container", "exec_start": "Command run in container",
	"exec_die": "Command run in container", "attach": "Console attached", "detach": "Console attached",
}

func containerName(action string) string {
	if view.Copies(action) {
		return "Files copied from or to container"
	}
	return or(containerNames[action], "Container changed")
}

// kubernetesName is the API server's part of section 3.2.
func (c *Encoder) kubernetesName() string {
	switch c.Get(schema.KubernetesAuditObjectRefSubresource).Str() {
	case "exec", "attach", "portforward":
		return "Session into pod"
	}
	switch c.Get(schema.KubernetesAuditObjectRefResource).Str() {
	case "roles", "rolebindings", "clusterroles", "clusterrolebindings":
		return "Cluster permission changed"
	}
	return "Kubernetes API request"
}

var jenkinsNames = map[string]string{
	"job-config-changed": "Jenkins job changed", "job-created": "Jenkins job changed", "job-deleted": "Jenkins job changed",
	"job-enabled": "Jenkins job changed", "job-disabled": "Jenkins job changed", "security-config-changed": "Jenkins security changed",
	"plugin-changed": "Jenkins plugin changed", "credential-changed": "Jenkins credential changed", "script-executed": "Jenkins script run",
	"controller-restarted": "Jenkins controller stopped", "controller-quieted": "Jenkins controller stopped",
	"build-started": "Build started", "build-completed": "Build ended", "credential-used": "Credential used by job",
}

var gitNames = map[string]string{
	"push": "Repository updated", "clone": "Repository read", "fetch": "Repository read",
	"repository-created": "Repository changed", "repository-deleted": "Repository changed", "visibility-changed": "Repository changed",
	"protection-changed": access, "protection-removed": access, "deploy-key-added": access, "access-token-created": access,
	"member-added": access, "webhook-changed": access,
}

const access = "Repository access changed"

var registryNames = map[string]string{
	"push": "Image pushed", "pull": "Image pulled", "mount": "Layer shared", "delete": "Image deleted",
}
