package cef

import (
	"slices"

	"tallyman/outputs/format/view"
	"tallyman/pipeline/schema"
)

// how says how a key of the extension gets its value.
type how uint8

const (
	first   how = iota // the first of the fields that is there, as text
	integer            // the same, as a whole number
	port               // the same, one up to 65535
	millis             // the same, a time as milliseconds since 1970
	joined             // all values of the first field that is there, parted by commas

	// What is more than a field: see special.
	received
	device
	facility
	identity
	direction
	source
	destination
	host
	account
	accountID
	objectPID
	objectName
	fileName
	path
	oldPath
	image
	pod
	exitCode
	message
)

// pair is one key of the extension.
type pair struct {
	key   string
	label string // of a custom key: the value of <key>Label
	limit int    // in characters; 0 for what is no text
	how   how
	from  []schema.Key
	head  bool  // it may have a value where none of from has
	alone bool  // only from decides on its value
	gives gives // which of the texts that give way first it is

	lead, tail piece // what stands before its value and behind it
}

// piece is a text of a pair. A copy of a fixed size takes no call, and what is
// written too much is written over.
type piece struct {
	wide [pieceSize]byte
	size int
}

const pieceSize = 32

func newPiece(s string) piece {
	p := piece{size: len(s)}
	if copy(p.wide[:], s) < len(s) {
		panic("cef: " + s + " is too long for a piece")
	}
	return p
}

// append appends the piece.
func (p *piece) append(dst []byte) []byte {
	at := len(dst)
	if cap(dst)-at < pieceSize {
		return append(dst, p.wide[:p.size]...)
	}
	dst = dst[:at+pieceSize]
	*(*[pieceSize]byte)(dst[at:]) = p.wide
	return dst[:at+p.size]
}

// gives is one of the texts that give way first when an event is too long.
type gives uint8

const (
	commandLine gives = iota + 1
	messageText
	givers
)

// extension is SCHEMA.md section 6 in its order. Lengths are those of the
// dictionary.
var extension = [...]pair{
	{key: "rt", how: received, head: true},
	{key: "dvchost", limit: 100, from: keys(schema.HostName)},
	{key: "dvc", how: device, alone: true, from: keys(schema.HostIP)},
	{key: "deviceExternalId", limit: 255, from: keys(schema.HostID)},
	{key: "deviceFacility", limit: 1023, how: facility, head: true, from: keys(schema.EventDataset)},
	{key: "cat", limit: 1023, how: joined, from: keys(schema.EventCategory)},
	{key: "act", limit: 63, from: keys(schema.EventAction)},
	{key: "outcome", limit: 63, from: keys(schema.EventOutcome)},
	{key: "reason", limit: 1023, from: keys(schema.EventReason)},
	{key: "externalId", limit: 40, how: identity, head: true, from: keys(schema.EventID)},
	{key: "app", limit: 31, from: keys(schema.NetworkProtocol, schema.ServiceName)},
	{key: "proto", limit: 31, from: keys(schema.NetworkTransport)},
	{key: "deviceDirection", how: direction, from: keys(schema.NetworkDirection)},
	{key: "src", how: source, from: keys(schema.SourceIP)},
	{key: "spt", how: port, from: keys(schema.SourcePort)},
	{key: "shost", limit: 1023, from: keys(schema.SourceDomain)},
	{key: "suser", limit: 1023, from: keys(schema.UserAuditName, schema.UserName)},
	{key: "suid", limit: 1023, from: keys(schema.UserID)},
	{key: "spriv", limit: 1023, from: keys(schema.UserEffectiveName)},
	{key: "sproc", limit: 1023, from: keys(schema.ProcessExecutable)},
	{key: "spid", how: integer, from: keys(schema.ProcessPID)},
	{key: "dst", how: destination, from: keys(schema.DestinationIP, schema.ServerIP)},
	{key: "dpt", how: port, from: keys(schema.DestinationPort, schema.ServerPort)},
	{key: "dhost", limit: 1023, how: host, from: keys(schema.DestinationDomain, schema.DestinationAddress, schema.ServerAddress, schema.NetworkType)},
	{key: "duser", limit: 1023, how: account, from: keys(schema.UserTargetName, schema.UserEffectiveName, schema.GroupName)},
	{key: "duid", limit: 1023, how: accountID, from: keys(schema.UserTargetID, schema.UserEffectiveID, schema.GroupID)},
	{key: "dpid", how: objectPID},
	{key: "dproc", limit: 1023, how: objectName},
	{key: "fname", limit: 1023, how: fileName, from: keys(schema.FileName, schema.FileTargetPath)},
	{key: "filePath", limit: 1023, how: path, from: keys(schema.FilePath, schema.FileTargetPath)},
	{key: "fileType", limit: 1023, from: keys(schema.FileType)},
	{key: "fileId", limit: 1023, from: keys(schema.FileInode)},
	{key: "filePermission", limit: 1023, from: keys(schema.FileMode)},
	{key: "fsize", how: integer, from: keys(schema.OCISize)},
	{key: "fileHash", limit: 255, from: keys(schema.ProcessHashSHA256, schema.FileHashSHA256, schema.OCIDigest)},
	{key: "oldFilePath", limit: 1023, how: oldPath, from: keys(schema.FileTargetPath)},
	{key: "request", limit: 1023, from: keys(schema.URLOriginal, schema.JenkinsRequestURI, schema.KubernetesAuditRequestURI)},
	{key: "requestMethod", limit: 1023, from: keys(schema.HTTPRequestMethod, schema.KubernetesAuditVerb)},
	{key: "requestClientApplication", limit: 1023, from: keys(schema.UserAgentOriginal)},
	{key: "cs1", label: "ContainerId", limit: 4000, from: keys(schema.ContainerID)},
	{key: "cs2", label: "ContainerImage", limit: 4000, how: image, alone: true,
		from: keys(schema.ContainerImageName, schema.ContainerImageTag, schema.OCIRepository, schema.OCITag)},
	{key: "cs3", label: "KubernetesPod", limit: 4000, how: pod,
		from: keys(schema.OrchestratorType, schema.OrchestratorNamespace, schema.OrchestratorResourceName)},
	{key: "cs4", label: "CommandLine", limit: 4000, gives: commandLine, from: keys(schema.ProcessCommandLine)},
	{key: "cs5", label: "AuditKey", limit: 4000, how: joined, from: keys(schema.AuditdKey, schema.GitRef, schema.JenkinsJobName)},
	{key: "cs6", label: "MitreTechnique", limit: 4000, how: joined, from: keys(schema.ThreatTechniqueID)},
	{key: "cn1", label: "ParentProcessId", how: integer, from: keys(schema.ProcessParentPID)},
	{key: "cn2", label: "AuditSession", how: integer, from: keys(schema.AuditdSession)},
	{key: "cn3", label: "ExitCode", how: exitCode, head: true, from: keys(schema.ProcessExitCode)},
	{key: "flexString1", label: "ContainerName", limit: 1023, from: keys(schema.ContainerName)},
	{key: "flexString2", label: "PciRequirement", limit: 1023, how: joined, from: keys(schema.TallymanCompliancePCIDSS)},
	{key: "msg", limit: 1023, how: message, head: true, gives: messageText, from: keys(schema.Message, schema.EventOriginal)},
	{key: "start", how: millis, from: keys(schema.EventStart)},
	{key: "end", how: millis, from: keys(schema.EventEnd)},
}

func keys(k ...schema.Key) []schema.Key { return k }

// asked lists every key that rendering needs.
func asked() []schema.Key {
	list := keys(schema.RuleName)
	for _, p := range extension {
		list = append(list, p.from...)
	}
	return list
}

// Which keys an event has fields for is a word of 64 bits.
var _ [64 - len(extension)]struct{}

// pairs returns the pairs, which a view is told to look out for, and those that
// are looked at in any event.
func pairs(v *view.View) (list []pair, always uint64) {
	list = slices.Clone(extension[:])
	at := func(h how) int { return slices.IndexFunc(list, func(p pair) bool { return p.how == h }) }
	v.WatchOPID(at(objectPID), at(objectName))
	for i := range list {
		p := &list[i]
		v.Watch(i, p.from)
		if p.head {
			always |= 1 << i
		}
		p.alone = p.alone || p.how < received && p.gives == 0
		p.lead = newPiece(" " + p.key + "=")
		if p.label != "" {
			p.tail = newPiece(" " + p.key + "Label=" + p.label)
		}
	}
	return list, always
}
