package schema

// Attribute is one attribute of LEEF and the fields that it is made of.
type Attribute struct {
	Name       string // "usrName"
	From       []Key  // the first that is there counts, unless the encoder says otherwise
	Chars      int    // the most characters, 0 for no limit
	Predefined bool   // a name that LEEF defines; else one of ours
}

// LEEF returns the attributes in the order in which they are written (SCHEMA.md
// section 7). The slice is the caller's.
func LEEF() []Attribute {
	return []Attribute{
		{Name: "devTime", From: []Key{Timestamp}, Predefined: true},
		{Name: "devTimeFormat", Predefined: true},
		{Name: "cat", From: []Key{EventAction, EventOutcome}, Predefined: true},
		{Name: "sev", From: []Key{EventSeverity}, Predefined: true},
		{Name: "usrName", From: []Key{UserAuditName, UserName}, Chars: 255, Predefined: true},
		{Name: "accountName", From: []Key{UserTargetName, UserEffectiveName}, Chars: 255, Predefined: true},
		{Name: "src", From: []Key{SourceIP}, Predefined: true},
		{Name: "srcPort", From: []Key{SourcePort}, Predefined: true},
		{Name: "dst", From: []Key{DestinationIP, ServerIP}, Predefined: true},
		{Name: "dstPort", From: []Key{DestinationPort, ServerPort}, Predefined: true},
		{Name: "proto", From: []Key{NetworkTransport}, Predefined: true},
		{Name: "identSrc", From: []Key{SourceIP}, Predefined: true},
		{Name: "identHostName", From: []Key{SourceDomain}, Chars: 255, Predefined: true},
		{Name: "resource", From: []Key{HostName}, Predefined: true},
		{Name: "groupID", From: []Key{GroupName}, Predefined: true},
		{Name: "role", From: []Key{UserRoles}, Predefined: true},
		{Name: "url", From: []Key{URLOriginal, JenkinsRequestURI, KubernetesAuditRequestURI}, Predefined: true},
		{Name: "eventId", From: []Key{EventID}},
		{Name: "outcome", From: []Key{EventOutcome}},
		{Name: "reason", From: []Key{EventReason}},
		{Name: "process", From: []Key{ProcessExecutable}},
		{Name: "processId", From: []Key{ProcessPID}},
		{Name: "parentProcess", From: []Key{ProcessParentName}},
		{Name: "parentProcessId", From: []Key{ProcessParentPID}},
		{Name: "commandLine", From: []Key{ProcessCommandLine}},
		{Name: "filePath", From: []Key{FilePath}},
		{Name: "containerId", From: []Key{ContainerID}},
		{Name: "containerName", From: []Key{ContainerName}},
		{Name: "containerImage", From: []Key{ContainerImageName, ContainerImageTag, OCIRepository, OCITag}},
		{Name: "k8sNamespace", From: []Key{OrchestratorNamespace}},
		{Name: "k8sPod", From: []Key{OrchestratorResourceName}},
		{Name: "auditKey", From: []Key{AuditdKey}},
		{Name: "auditSession", From: []Key{AuditdSession}},
		{Name: "ruleName", From: []Key{RuleName}},
		{Name: "mitreTechnique", From: []Key{ThreatTechniqueID}},
		{Name: "pciRequirement", From: []Key{TallymanCompliancePCIDSS}},
		{Name: "message", From: []Key{Message, EventOriginal}},
	}
}
