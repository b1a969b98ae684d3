package cef

import "tallyman/pipeline/schema"

// how says how the value of a key becomes that of a field.
type how uint8

const (
	text      how = iota // as it is
	lower                // in small letters
	transport            // the name or the number of a transport protocol
	integer              // a whole number that is not negative
	port                 // one up to 65535
	instant              // a time
	receipt              // the time of the event itself
	address              // an address, or else a name: key is that of the IP, also that of the text
	onlyIP               // an address and nothing else
	replace              // text that stands in place of what a relay said
	special              // as function special says
	list                 // several values, parted by commas
	session              // a whole number, kept as text
)

// target is the field that a key becomes.
type target struct {
	how  how
	key  schema.Key
	also schema.Key // a second field of the same value: an address as text, related.*
	ours bool       // only where tallyman wrote the record
}

// keys are the keys of SCHEMA.md, section 6, the rest of the dictionary that the
// schema has a field for, and the full names that some devices write for them.
func keys() map[string]target {
	m := map[string]target{
		"rt":               {how: receipt},
		"start":            {how: instant, key: schema.EventStart},
		"end":              {how: instant, key: schema.EventEnd},
		"dvchost":          {how: replace, key: schema.HostName},
		"dvc":              {how: onlyIP, key: schema.HostIP},
		"deviceExternalId": {key: schema.HostID},
		"cat":              {how: special, key: schema.EventCategory},
		"act":              {key: schema.EventAction},
		"outcome":          {how: special, key: schema.EventOutcome},
		"reason":           {key: schema.EventReason},
		"externalId":       {key: schema.EventReference},
		"app":              {how: lower, key: schema.NetworkProtocol},
		"proto":            {how: transport, key: schema.NetworkTransport},
		"deviceDirection":  {how: special, key: schema.NetworkDirection},
		"src":              {how: address, key: schema.SourceIP, also: schema.SourceAddress},
		"spt":              {how: port, key: schema.SourcePort},
		"shost":            {key: schema.SourceDomain},
		"suser":            {key: schema.UserName, also: schema.RelatedUser},
		"suid":             {key: schema.UserID},
		"sntdom":           {key: schema.UserDomain},
		"spriv":            {key: schema.UserEffectiveName, ours: true},
		"sproc":            {how: special, key: schema.ProcessExecutable},
		"spid":             {how: integer, key: schema.ProcessPID},
		"dst":              {how: address, key: schema.DestinationIP, also: schema.DestinationAddress},
		"dpt":              {how: port, key: schema.DestinationPort},
		"dhost":            {how: special, key: schema.DestinationDomain},
		"duser":            {key: schema.UserTargetName, also: schema.RelatedUser},
		"duid":             {key: schema.UserTargetID},
		"fname":            {key: schema.FileName},
		"filePath":         {how: special, key: schema.FilePath},
		"oldFilePath":      {how: special, key: schema.FilePath},
		"fileType":         {key: schema.FileType},
		"fileId":           {key: schema.FileInode},
		"filePermission":   {key: schema.FileMode},
		"fileHash":         {how: special, key: schema.FileHashSHA256},
		"request":          {key: schema.URLOriginal},
		"requestMethod":    {key: schema.HTTPRequestMethod},
		"in":               {how: integer, key: schema.SourceBytes},
		"out":              {how: integer, key: schema.DestinationBytes},
		"msg":              {key: schema.Message},

		"requestClientApplication": {key: schema.UserAgentOriginal},
	}
	for full, key := range fullNames {
		m[full] = m[key]
	}
	return m
}

// fullNames are the names that ArcSight shows and some devices write.
var fullNames = map[string]string{
	"deviceReceiptTime": "rt", "startTime": "start", "endTime": "end", "deviceHostName": "dvchost", "deviceAddress": "dvc",
	"deviceEventCategory": "cat", "deviceAction": "act", "eventOutcome": "outcome", "applicationProtocol": "app", "transportProtocol": "proto",
	"sourceAddress": "src", "sourcePort": "spt", "sourceHostName": "shost", "sourceUserName": "suser", "sourceUserId": "suid",
	"sourceNtDomain": "sntdom", "sourceProcessName": "sproc", "sourceProcessId": "spid",
	"destinationAddress": "dst", "destinationPort": "dpt", "destinationHostName": "dhost", "destinationUserName": "duser", "destinationUserId": "duid",
	"fileName": "fname", "requestUrl": "request", "bytesIn": "in", "bytesOut": "out", "message": "msg", "fileID": "fileId",
}

// labelled are the custom keys that mean a field by their label.
func labelled() map[string]target {
	return map[string]target{
		"Device IPv6 Address":      {how: onlyIP, key: schema.HostIP},
		"Source IPv6 Address":      {how: address, key: schema.SourceIP, also: schema.SourceAddress},
		"Destination IPv6 Address": {how: address, key: schema.DestinationIP, also: schema.DestinationAddress},
		"ContainerId":              {how: special, key: schema.ContainerID, ours: true},
		"ContainerImage":           {how: special, key: schema.ContainerImageName, ours: true},
		"ContainerName":            {key: schema.ContainerName, ours: true},
		"KubernetesPod":            {how: special, key: schema.OrchestratorResourceName, ours: true},
		"CommandLine":              {key: schema.ProcessCommandLine, ours: true},
		"AuditKey":                 {how: list, key: schema.AuditdKey, ours: true},
		"MitreTechnique":           {how: list, key: schema.ThreatTechniqueID, ours: true},
		"PciRequirement":           {how: list, key: schema.TallymanCompliancePCIDSS, ours: true},
		"ParentProcessId":          {how: integer, key: schema.ProcessParentPID, ours: true},
		"AuditSession":             {how: session, key: schema.AuditdSession, ours: true},
		"ExitCode":                 {how: special, key: schema.ProcessExitCode, ours: true},
	}
}

// categories are the values that event.category may have.
const categories = " api authentication configuration database driver email file host iam intrusion_detection library malware network" +
	" package process registry session threat vulnerability web "
