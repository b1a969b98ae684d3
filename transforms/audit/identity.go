package audit

import (
	"slices"

	"tallyman/pipeline/schema"
)

// identity writes who acted, by the rule of SCHEMA §4.1.
func (f *facts) identity(node string) {
	k, at := f.tail, len(f.out)
	if k != nil && (f.mixed || node != "" || f.head.typ != typeSyscall) { // other records may have a say
		k = nil
	}
	if k != nil && k.identity != nil && k.identityAs == f.users.changes {
		f.out = append(f.out, k.identity...)
		f.who, f.auditName, f.userID = k.who, k.auditName, k.userID
		return
	}
	f.identify(node)
	if k != nil {
		k.identity, k.identityAs = slices.Clone(f.out[at:]), f.users.changes
		k.who, k.auditName, k.userID = f.who, f.auditName, f.userID
	}
}

func (f *facts) identify(node string) {
	id := f.ids
	if id.idName == "" && !unset(id.id) {
		if id.idName = f.users.user(node, id.id); managesGroups(f.head.typ) {
			id.idName = f.users.group(node, id.id)
		}
	}
	auditName := ""
	if !unset(id.auid) {
		auditName = or(id.auidName, f.users.user(node, id.auid))
	}
	switch {
	case managesAccounts(f.head.typ):
		f.manager(node, auditName)
	case user(f.head.typ) && unset(id.auid) && f.accountKnown():
		f.login()
	case user(f.head.typ) && !unset(id.auid):
		f.switched(auditName)
	default:
		f.kernel(node, auditName)
	}
	if !managesAccounts(f.head.typ) {
		f.out.AddString(schema.GroupName, f.grp)
	}
	f.audit(auditName)
}

// kernel writes the identities of a process.
func (f *facts) kernel(node, auditName string) {
	id, out := f.ids, &f.out
	if id.uid == "" && !unset(id.auid) { // CONFIG_CHANGE has only who was logged in
		f.setUser(id.auid)
		out.AddString(schema.UserName, auditName)
		f.who = auditName
	}
	if !unset(id.uid) {
		f.setUser(id.uid)
		f.who = or(id.uidName, f.users.user(node, id.uid))
		out.AddString(schema.UserName, f.who)
		f.related(f.who, id.uid)
	}
	if !unset(id.gid) {
		out.AddString(schema.UserGroupID, id.gid)
		out.AddString(schema.UserGroupName, or(id.gidName, f.users.group(node, id.gid)))
	}
	if !unset(id.euid) {
		out.AddString(schema.UserEffectiveID, id.euid)
		name := or(id.euidName, f.users.user(node, id.euid))
		out.AddString(schema.UserEffectiveName, name)
		f.related(name, id.euid)
	}
	out.AddString(schema.UserSavedID, id.suid)
	out.AddString(schema.UserFilesystemID, id.fsuid)
	if f.accountKnown() {
		f.known("acct", id.acct)
		f.known("id", id.id)
	}
}

// login writes the account of a login before anybody is logged in.
func (f *facts) login() {
	id, out := f.ids, &f.out
	if a := account(id.acct); a != "" {
		out.AddString(schema.UserName, a)
		f.who = a
		f.related(a, "")
		f.known("id", id.id)
	} else if !unset(id.id) {
		f.setUser(id.id)
		out.AddString(schema.UserName, id.idName)
		f.who = id.idName
		f.related(id.idName, id.id)
	}
	if account(id.acct) == "" {
		f.known("acct", id.acct)
	}
	f.known("uid", id.uid)
	f.servant()
}

// switched writes who was logged in and the account that this was about.
func (f *facts) switched(auditName string) {
	id, out := f.ids, &f.out
	f.setUser(id.auid)
	out.AddString(schema.UserName, auditName)
	f.who = auditName
	f.related(auditName, id.auid)
	if a := account(id.acct); a != "" {
		out.AddString(schema.UserEffectiveName, a)
		f.related(a, "")
		f.known("id", id.id)
	} else {
		f.known("acct", id.acct)
		if !unset(id.id) {
			out.AddString(schema.UserEffectiveID, id.id)
			out.AddString(schema.UserEffectiveName, id.idName)
			f.related(id.idName, id.id)
		}
	}
	f.known("uid", id.uid)
	f.servant()
}

// servant keeps the ids, but for uid, of the program that wrote a record: not
// those of whom it is about.
func (f *facts) servant() {
	id := f.ids
	f.known("gid", id.gid)
	f.known("euid", id.euid)
	f.known("suid", id.suid)
	f.known("fsuid", id.fsuid)
}

// manager writes who changed an account or a group, and which.
func (f *facts) manager(node, auditName string) {
	id, out := f.ids, &f.out
	actor, name := id.auid, auditName
	if unset(actor) {
		actor, name = id.uid, or(id.uidName, f.users.user(node, id.uid))
	} else {
		f.known("uid", id.uid)
	}
	f.servant()
	if !unset(actor) {
		f.setUser(actor)
		out.AddString(schema.UserName, name)
		f.who = name
		f.related(name, actor)
	}
	acct := account(id.acct)
	if acct == "" {
		f.known("acct", id.acct)
	}
	targetID := id.id
	if unset(targetID) {
		targetID = ""
	}
	if managesGroups(f.head.typ) {
		out.AddString(schema.GroupID, targetID)
		out.AddString(schema.GroupName, or(or(f.grp, acct), id.idName))
		if f.grp != "" { // then acct is the member
			out.AddString(schema.UserTargetName, acct)
			out.AddString(schema.UserTargetGroupName, f.grp)
		}
		return
	}
	out.AddString(schema.UserTargetID, targetID)
	target := or(acct, id.idName)
	out.AddString(schema.UserTargetName, target)
	f.related(target, targetID)
	if f.grp != "" {
		out.AddString(schema.UserTargetGroupName, f.grp)
		out.AddString(schema.GroupName, f.grp)
	}
}

func (f *facts) audit(name string) {
	id := f.ids
	if unset(id.auid) {
		return
	}
	f.out.AddString(schema.UserAuditID, id.auid)
	f.out.AddString(schema.UserAuditName, name)
	f.auditName = name
	f.related(name, id.auid)
}

// setUser writes user.id.
func (f *facts) setUser(id string) {
	f.userID = or(f.userID, id)
	f.out.AddString(schema.UserID, id)
}

// related lists a user once: by name, by id where the name is not known.
func (f *facts) related(name, id string) {
	if name == "" {
		name = id
	}
	if name == "" {
		return
	}
	for _, p := range f.people {
		if p == name {
			return
		}
	}
	f.people = append(f.people, name)
	f.out.AddString(schema.RelatedUser, name)
}

// account returns the name of an account, "" where a program wrote that it does
// not know one.
func account(s string) string {
	switch s {
	case "?", "(unknown)", "(invalid user)", "(unknown user)", "(null)":
		return ""
	}
	return s
}

func (f *facts) accountKnown() bool { return f.ids.acct != "" || f.ids.id != "" }

// managesAccounts reports whether a record is about the account in it, not
// about one that acts: USER_MGMT, USER_CHAUTHTOK, ADD_USER, DEL_USER,
// ACCT_LOCK, ACCT_UNLOCK, ROLE_ASSIGN, ROLE_REMOVE, ROLE_MODIFY.
func managesAccounts(typ uint16) bool {
	switch typ {
	case typeUserMgmt, 1108, 1114, 1115, 1135, 1136, 2301, 2302, 2311:
		return true
	}
	return managesGroups(typ)
}

// managesGroups reports whether that account is a group: ADD_GROUP, DEL_GROUP,
// GRP_MGMT, GRP_CHAUTHTOK.
func managesGroups(typ uint16) bool { return typ == 1116 || typ == 1117 || typ == 1132 || typ == 1133 }
