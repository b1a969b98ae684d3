package ocsf

import (
	"strconv"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/schema"
)

// extra appends the attributes of a class that are in no object.
func (c *Encoder) extra(dst []byte, l layoutOf) []byte {
	switch l {
	case processActivity, processTarget:
		if v := c.Get(schema.ProcessExitCode); !v.IsZero() {
			at := len(dst)
			dst = append(dst, `,"exit_code":`...)
			from := len(dst)
			if dst = c.integer(dst, schema.ProcessExitCode, v); len(dst) == from {
				dst = dst[:at]
			}
		}
	case networkActivity:
		if s := c.Str(schema.NetworkProtocol); s != "" {
			c.mark(schema.NetworkProtocol, firstTaken)
			dst = c.text(append(dst, `,"app_protocol_name":`...), schema.NetworkProtocol, s)
		}
	case authentication, accountSwitch:
		dst = append(dst, `,"auth_protocol_id":0,"logon_type_id":`...)
		dst = strconv.AppendInt(dst, int64(c.logonType()), 10)
		remote := !c.Get(schema.SourceIP).IsZero() || !c.Get(schema.SourceDomain).IsZero()
		dst = strconv.AppendBool(append(dst, `,"is_remote":`...), remote)
		if l == accountSwitch {
			dst = append(dst, `,"account_switch_type_id":1`...)
		}
	case userAccess:
		role := c.member("new-role")
		if role == "" {
			role = c.member("roles")
		}
		if role == "" {
			role = unknown
		}
		dst = append(c.text(append(dst, `,"privileges":[`...), schema.AuditdData, role), ']')
	case detectionFinding:
		dst = append(dst, `,"confidence_id":2,"is_alert":true`...)
	case eventLog:
		dst = append(dst, `,"log_name":`...)
		if c.Str(schema.EventModule) == "auditd" || c.Dataset() == "" {
			dst = append(dst, `"audit"`...)
		} else {
			dst = c.text(dst, schema.EventDataset, c.Dataset())
		}
	}
	if c.at.uid != 0 && c.at.uid != 2004 && denies(c.Str(schema.EventAction)) {
		if c.Str(schema.EventType) == "allowed" { // a policy that is permissive
			return append(dst, `,"action_id":1,"disposition_id":1`...)
		}
		dst = append(dst, `,"action_id":2,"disposition_id":2`...)
	}
	return dst
}

// logonType is how an account was logged in: 10 over the network, 2 at a terminal,
// 4 by cron, 5 as a service, 0 where that is not known.
func (c *Encoder) logonType() int {
	program := c.Str(schema.EventProvider)
	if program == "" {
		program = view.Base(c.Str(schema.ProcessExecutable))
	}
	switch {
	case c.Str(schema.NetworkProtocol) == "ssh", program == "sshd", program == "sshd-session":
		return 10
	case program == "cron", program == "crond", program == "atd":
		return 4
	case program == "systemd":
		return 5
	case !c.Get(schema.ProcessTTYName).IsZero():
		return 2
	}
	return 0
}
