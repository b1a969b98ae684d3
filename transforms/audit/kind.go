package audit

import (
	"strconv"
	"strings"

	"github.com/elastic/go-libaudit/v2/auparse"
)

// The record types that the code names. The numbers are those of
// linux/audit.h and libaudit.h.
const (
	typeUnknown   = 0
	typeLogin     = 1006
	typeUserMgmt  = 1102
	typeUserAVC   = 1107
	typeChauthtok = 1108
	typeSoftware  = 1138
	typeSyscall   = 1300
	typePath      = 1302
	typeSockCall  = 1304
	typeConfig    = 1305
	typeSockaddr  = 1306
	typeCwd       = 1307
	typeExecve    = 1309
	typeObjPID    = 1318
	typeEOE       = 1320
	typeSeccomp   = 1326
	typeProctitle = 1327
	typeModule    = 1330
	typeBPF       = 1334
	typeOpenat2   = 1337
	typeAVC       = 1400
	typeIPE       = 1420
	typeIPEConfig = 1421
	typeIPEPolicy = 1422
	typeLandlock  = 1423
	typeDomain    = 1424 // of Landlock
	typePCR       = 1804
	typeMeasured  = 1805 // INTEGRITY_RULE

	typePolicyRule = 1807 // INTEGRITY_POLICY_RULE
)

// kinds translates between the names and the numbers of record types.
type kinds struct {
	number      map[string]uint16
	name, lower [endOfTypes]string
}

// endOfTypes is behind the last number of a type that has a name.
const endOfTypes = 3000

func newKinds() kinds {
	k := kinds{number: make(map[string]uint16, 256)}
	for n := uint16(1000); n < endOfTypes; n++ {
		// The table also has the bounds of its ranges, which are no types.
		if name := auparse.AuditMessageType(n).String(); !strings.HasPrefix(name, "UNKNOWN") &&
			!strings.HasPrefix(name, "LAST_") && !strings.HasPrefix(name, "FIRST_") {
			k.number[name], k.name[n], k.lower[n] = n, name, strings.ToLower(name)
		}
	}
	for n, name := range map[uint16]string{typeIPE: "IPE_ACCESS", typeIPEConfig: "IPE_CONFIG_CHANGE", typeIPEPolicy: "IPE_POLICY_LOAD",
		typeLandlock: "LANDLOCK_ACCESS", typeDomain: "LANDLOCK_DOMAIN", 1425: "MAC_TASK_CONTEXTS", 1426: "MAC_OBJ_CONTEXTS"} {
		if k.name[n] == "" { // newer than the table
			k.number[name], k.name[n], k.lower[n] = n, name, strings.ToLower(name)
		}
	}
	return k
}

// of returns the number of a record type as a log names it: by name, as
// UNKNOWN[n], or as the bare number of the kernel log. typeUnknown is none.
func (k *kinds) of(name string) uint16 {
	switch name { // nearly all records of a busy host
	case "SYSCALL":
		return typeSyscall
	case "PATH":
		return typePath
	case "PROCTITLE":
		return typeProctitle
	case "CWD":
		return typeCwd
	case "EXECVE":
		return typeExecve
	case "SOCKADDR":
		return typeSockaddr
	case "EOE":
		return typeEOE
	}
	if n, ok := k.number[name]; ok {
		return n
	}
	if inner, ok := strings.CutPrefix(name, "UNKNOWN["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	n, err := strconv.ParseUint(name, 10, 16)
	if err != nil {
		return typeUnknown
	}
	return uint16(n)
}

// has reports whether a type is in the table.
func (k *kinds) has(typ uint16) bool { return typ < endOfTypes && k.name[typ] != "" }

// label returns the name of a record's type: the table's, else the log's own.
func (k *kinds) label(p *part) string {
	if k.has(p.typ) {
		return k.name[p.typ]
	}
	return p.rec.Type
}

// lowered is label in lower case.
func (k *kinds) lowered(p *part) string {
	if p.typ < endOfTypes && k.lower[p.typ] != "" {
		return k.lower[p.typ]
	}
	return strings.ToLower(p.rec.Type)
}

// single reports whether a record of this type is an event by itself: what
// programs and the audit daemon write. The kernel's own types come with more
// records of their serial: those from 1300 to 1499, anomalies and integrity
// (1700 to 1899) but a crash, and LOGIN, which is written inside the write to
// loginuid and is followed by that system call. A type without a number may.
func single(typ uint16) bool {
	switch {
	case typ == typeUnknown, typ == typeLogin, typ >= 1300 && typ <= 1499:
		return false
	case typ >= 1700 && typ <= 1899:
		return typ == 1701
	}
	return true
}

// auxiliary reports whether a record of this type only adds to the event of
// another: the parts of a system call.
func auxiliary(typ uint16) bool {
	switch typ {
	case typeSyscall, typePath, 1303, typeSockCall, typeSockaddr, typeCwd, typeExecve, 1311, 1312, 1313, 1314, 1315, 1317,
		typeObjPID, typeEOE, 1321, 1322, 1323, typeProctitle, typeModule, 1331, typeOpenat2, 1402:
		return true
	}
	return false
}

// user reports whether programs write this type, with their fields in msg='…'.
func user(typ uint16) bool {
	return typ >= 1100 && typ <= 1299 || typ >= 2100 && typ <= 2999 || typ == 1005
}
