package schema

// OCSFType says how a value is written in OCSF.
type OCSFType uint8

// The types of values in OCSF.
const (
	OCSFText     OCSFType = iota // string_t and those made of it
	OCSFInteger                  // integer_t and long_t; a text that is a number counts
	OCSFPort                     // port_t
	OCSFMillis                   // timestamp_t: milliseconds since 1970
	OCSFTexts                    // a list of string_t: all values
	OCSFPairs                    // a list of string_t: name=value of each member of a map
	OCSFComputed                 // as the encoder says; From are the fields that it reads
)

// OCSFAttribute is one attribute of an object of OCSF and the fields that it is
// made of.
type OCSFAttribute struct {
	Path string // from the object: "process.file.path"
	As   OCSFType
	From []Key // the first that is there counts
}

// OCSF returns the attributes of the objects that events are made of, in the
// order in which they are written (SCHEMA.md section 9, OCSF 1.8.0). Which objects
// an event has depends on its class; a field that none of them takes stands under
// unmapped. "event" is the event itself, "parent" the parent process. The slice is
// the caller's.
func OCSF() []OCSFAttribute {
	var all []OCSFAttribute
	for _, part := range [...][]OCSFAttribute{ocsfEvent, ocsfHost, ocsfProcess, ocsfNetwork, ocsfAPI, ocsfRest} {
		all = append(all, part...)
	}
	return all
}

var ocsfEvent = []OCSFAttribute{
	{"event.time", OCSFComputed, []Key{Timestamp}},
	{"event.message", OCSFText, []Key{Message}},
	{"event.status_id", OCSFComputed, []Key{EventOutcome}},
	{"event.status_code", OCSFText, []Key{HTTPResponseStatusCode, KubernetesAuditResponseStatusCode, EventReason}},
	{"event.status_detail", OCSFComputed, []Key{EventReason, ErrorMessage}},
	{"event.start_time", OCSFMillis, []Key{EventStart}},
	{"event.end_time", OCSFMillis, []Key{EventEnd}},
	{"event.duration", OCSFComputed, []Key{EventDuration}},
	{"event.metadata.version", OCSFComputed, nil},
	{"event.metadata.uid", OCSFComputed, []Key{EventID}},
	{"event.metadata.original_event_uid", OCSFComputed, []Key{KubernetesAuditAuditID, FalcoUUID, EventReference, EventSequence}},
	{"event.metadata.event_code", OCSFText, []Key{EventCode}},
	{"event.metadata.log_name", OCSFComputed, []Key{EventDataset}},
	{"event.metadata.log_provider", OCSFText, []Key{EventModule}},
	{"event.metadata.log_level", OCSFText, []Key{LogLevel}},
	{"event.metadata.sequence", OCSFInteger, []Key{EventSequence}},
	{"event.metadata.processed_time", OCSFComputed, []Key{EventCreated}},
	{"event.metadata.labels", OCSFTexts, []Key{Tags}},
	{"event.metadata.profiles", OCSFComputed, nil},
	{"event.metadata.product.name", OCSFComputed, nil},
	{"event.metadata.product.vendor_name", OCSFComputed, nil},
	{"event.metadata.product.version", OCSFText, []Key{AgentVersion}},
	{"event.metadata.is_truncated", OCSFComputed, nil},
	{"event.metadata.untruncated_size", OCSFComputed, nil},
	{"event.observables", OCSFComputed, []Key{RelatedUser, RelatedIP, RelatedHosts, RelatedHash}},
	{"event.raw_data", OCSFComputed, []Key{EventOriginal}},
}

var ocsfHost = []OCSFAttribute{
	{"device.hostname", OCSFText, []Key{HostName, HostHostname}},
	{"device.uid", OCSFText, []Key{HostID}},
	{"device.ip", OCSFText, []Key{HostIP}},
	{"device.name", OCSFComputed, nil},
	{"device.type_id", OCSFComputed, nil},
	{"device.boot_uid", OCSFText, []Key{HostBootID}},
	{"device.os.name", OCSFText, []Key{HostOSName, HostOSFamily, HostOSType}},
	{"device.os.type_id", OCSFComputed, nil},
	{"device.os.version", OCSFText, []Key{HostOSVersion}},
	{"device.os.kernel_release", OCSFText, []Key{HostOSKernel}},
	{"container.uid", OCSFText, []Key{ContainerID}},
	{"container.name", OCSFText, []Key{ContainerName}},
	{"container.image.uid", OCSFText, []Key{ContainerImageHashAll, ContainerImageName}},
	{"container.image.name", OCSFText, []Key{ContainerImageName}},
	{"container.image.tag", OCSFText, []Key{ContainerImageTag}},
	{"container.runtime", OCSFText, []Key{ContainerRuntime}},
	{"container.orchestrator", OCSFText, []Key{OrchestratorType}},
	{"container.pod_uuid", OCSFText, []Key{KubernetesPodUID}},
	{"container.labels", OCSFPairs, []Key{ContainerLabels}},
}

var ocsfProcess = []OCSFAttribute{
	{"actor.user.uid", OCSFText, []Key{UserID}},
	{"actor.user.name", OCSFText, []Key{UserName}},
	{"actor.user.domain", OCSFText, []Key{UserDomain}},
	{"actor.user.email_addr", OCSFText, []Key{UserEmail}},
	{"actor.user.type_id", OCSFComputed, nil},
	{"actor.user.groups", OCSFComputed, []Key{UserRoles}},
	{"actor.session.uid", OCSFText, []Key{AuditdSession}},
	{"actor.session.terminal", OCSFText, []Key{ProcessTTYName}},
	{"actor.app_name", OCSFComputed, []Key{EventProvider, EventModule}},
	{"process.pid", OCSFInteger, []Key{ProcessPID}},
	{"process.name", OCSFText, []Key{ProcessName}},
	{"process.cmd_line", OCSFText, []Key{ProcessCommandLine, DockerExecCommand, ProcessTitle}},
	{"process.uid", OCSFText, []Key{ProcessEntityID, DockerExecID}},
	{"process.working_directory", OCSFText, []Key{ProcessWorkingDirectory}},
	{"process.created_time", OCSFMillis, []Key{ProcessStart}},
	{"process.namespace_pid", OCSFInteger, []Key{ProcessVPID}},
	{"process.file.name", OCSFComputed, []Key{ProcessExecutable}},
	{"process.file.path", OCSFText, []Key{ProcessExecutable}},
	{"process.file.type_id", OCSFComputed, nil},
	{"process.file.hashes", OCSFComputed, []Key{ProcessHashSHA256}},
	{"process.user.uid", OCSFText, []Key{UserID}},
	{"process.user.name", OCSFText, []Key{UserName}},
	{"process.user.type_id", OCSFComputed, nil},
	{"process.auid", OCSFInteger, []Key{UserAuditID}},
	{"process.euid", OCSFInteger, []Key{UserEffectiveID}},
	{"process.group.uid", OCSFText, []Key{UserGroupID}},
	{"process.group.name", OCSFText, []Key{UserGroupName}},
	{"parent.pid", OCSFInteger, []Key{ProcessParentPID}},
	{"parent.name", OCSFText, []Key{ProcessParentName}},
	{"parent.cmd_line", OCSFText, []Key{ProcessParentCommandLine}},
	{"parent.uid", OCSFText, []Key{ProcessParentEntityID}},
	{"parent.file.name", OCSFComputed, []Key{ProcessParentExecutable}},
	{"parent.file.path", OCSFText, []Key{ProcessParentExecutable}},
	{"parent.file.type_id", OCSFComputed, nil},
	{"target.pid", OCSFComputed, []Key{AuditdData}},
	{"target.name", OCSFComputed, []Key{AuditdData}},
	{"file.name", OCSFComputed, []Key{FileName, FilePath}},
	{"file.path", OCSFText, []Key{FilePath}},
	{"file.parent_folder", OCSFText, []Key{FileDirectory}},
	{"file.ext", OCSFText, []Key{FileExtension}},
	{"file.type_id", OCSFComputed, []Key{FileType}},
	{"file.uid", OCSFText, []Key{FileInode}},
	{"file.owner.uid", OCSFText, []Key{FileUID}},
	{"file.owner.name", OCSFText, []Key{FileOwner}},
	{"file.hashes", OCSFComputed, []Key{FileHashSHA256}},
	{"result.name", OCSFComputed, []Key{FileTargetPath}},
	{"result.path", OCSFText, []Key{FileTargetPath}},
	{"result.type_id", OCSFComputed, nil},
}

var ocsfNetwork = []OCSFAttribute{
	{"src_endpoint.ip", OCSFText, []Key{SourceIP}},
	{"src_endpoint.port", OCSFPort, []Key{SourcePort}},
	{"src_endpoint.hostname", OCSFText, []Key{SourceDomain}},
	{"src_endpoint.name", OCSFComputed, []Key{SourceAddress}},
	{"dst_endpoint.ip", OCSFText, []Key{DestinationIP, ServerIP}},
	{"dst_endpoint.port", OCSFPort, []Key{DestinationPort, ServerPort}},
	{"dst_endpoint.hostname", OCSFText, []Key{DestinationDomain}},
	{"dst_endpoint.name", OCSFComputed, []Key{DestinationAddress, ServerAddress}},
	{"connection_info.direction_id", OCSFComputed, []Key{NetworkDirection}},
	{"connection_info.protocol_name", OCSFText, []Key{NetworkTransport}},
	{"connection_info.protocol_ver_id", OCSFComputed, []Key{NetworkType}},
	{"connection_info.community_uid", OCSFText, []Key{NetworkCommunityID}},
}

var ocsfAPI = []OCSFAttribute{
	{"api.operation", OCSFComputed, []Key{EventAction, KubernetesAuditVerb, KubernetesAuditObjectRefResource, KubernetesAuditObjectRefSubresource}},
	{"api.service.name", OCSFText, []Key{ServiceName, EventModule}},
	{"api.request.uid", OCSFText, []Key{HTTPRequestID, KubernetesAuditAuditID}},
	{"api.response.code", OCSFInteger, []Key{HTTPResponseStatusCode, KubernetesAuditResponseStatusCode}},
	{"api.version", OCSFText, []Key{OrchestratorAPIVersion}},
	{"api.group.name", OCSFText, []Key{KubernetesAuditObjectRefAPIGroup}},
	{"http_request.http_method", OCSFText, []Key{HTTPRequestMethod}},
	{"http_request.user_agent", OCSFText, []Key{UserAgentOriginal}},
	{"http_request.url.url_string", OCSFText, []Key{URLOriginal, KubernetesAuditRequestURI, JenkinsRequestURI}},
	{"http_request.url.path", OCSFText, []Key{URLPath}},
	{"http_request.url.hostname", OCSFText, []Key{URLDomain}},
	{"resources.type", OCSFText, []Key{OrchestratorResourceType, DockerEventType}},
	{"resources.name", OCSFText, []Key{OrchestratorResourceName, OCIRepository, GitRepository, JenkinsJobName, ContainerName, ContainerImageName}},
	{"resources.namespace", OCSFText, []Key{OrchestratorNamespace}},
	{"resources.uid", OCSFText, []Key{OrchestratorResourceID, OCIDigest, ContainerID}},
	{"resources.version", OCSFText, []Key{OCITag, GitAfter, ContainerImageTag}},
}

var ocsfRest = []OCSFAttribute{
	{"account.name", OCSFText, []Key{UserName}},
	{"account.uid", OCSFText, []Key{UserID}},
	{"account.type_id", OCSFComputed, nil},
	{"switched.name", OCSFText, []Key{UserEffectiveName}},
	{"switched.uid", OCSFText, []Key{UserEffectiveID}},
	{"changed.name", OCSFText, []Key{UserTargetName}},
	{"changed.uid", OCSFText, []Key{UserTargetID}},
	{"group.name", OCSFText, []Key{GroupName, UserTargetGroupName}},
	{"group.uid", OCSFText, []Key{GroupID}},
	{"service.name", OCSFText, []Key{ServiceName, EventProvider, ProcessName}},
	{"app.name", OCSFText, []Key{ServiceName, ContainerName, ContainerImageName, EventProvider, EventModule}},
	{"app.uid", OCSFText, []Key{ContainerID}},
	{"kernel.name", OCSFComputed, []Key{AuditdData, EventAction}},
	{"kernel.type_id", OCSFComputed, nil},
	{"kernel.system_call", OCSFComputed, []Key{AuditdData}},
	{"driver.file.name", OCSFComputed, []Key{FilePath, AuditdData}},
	{"driver.file.path", OCSFText, []Key{FilePath}},
	{"driver.file.type_id", OCSFComputed, nil},
	{"job.name", OCSFText, []Key{JenkinsJobName}},
	{"job.desc", OCSFText, []Key{JenkinsBuildCause}},
	{"job.run_state_id", OCSFComputed, nil},
	{"script.script_content.value", OCSFText, []Key{JenkinsScript}},
	{"script.type_id", OCSFComputed, nil},
	{"script.type", OCSFComputed, nil},
	{"finding_info.uid", OCSFComputed, []Key{EventID, FalcoUUID, RuleID}},
	{"finding_info.title", OCSFText, []Key{RuleName, FalcoRule}},
	{"finding_info.desc", OCSFText, []Key{RuleDescription, FalcoOutput}},
	{"finding_info.created_time", OCSFComputed, nil},
	{"finding_info.src_url", OCSFText, []Key{RuleReference}},
	{"finding_info.analytic.name", OCSFText, []Key{RuleName, FalcoRule}},
	{"finding_info.analytic.uid", OCSFText, []Key{RuleID}},
	{"finding_info.analytic.version", OCSFText, []Key{RuleVersion}},
	{"finding_info.analytic.category", OCSFText, []Key{RuleRuleset, RuleCategory}},
	{"finding_info.analytic.type_id", OCSFComputed, nil},
	{"finding_info.attacks", OCSFComputed, []Key{ThreatTacticID, ThreatTacticName, ThreatTechniqueID, ThreatTechniqueName, ThreatTechniqueSubtechniqueID, ThreatTechniqueSubtechniqueName}},
	{"finding_info.data_sources", OCSFComputed, []Key{EventDataset}},
}
