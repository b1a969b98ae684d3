package schema

// The constants name every field of the published schema, in the order of the
// reference (which is the order of the table below).
const (
	// None is no field; a Field with this key is empty.
	None Key = iota
	// Timestamp is @timestamp.
	Timestamp
	// Message is message.
	Message
	// Tags is tags.
	Tags
	// Labels is labels.
	Labels
	// ECSVersion is ecs.version.
	ECSVersion
	// EventID is event.id.
	EventID
	// EventKind is event.kind.
	EventKind
	// EventCategory is event.category.
	EventCategory
	// EventType is event.type.
	EventType
	// EventAction is event.action.
	EventAction
	// EventOutcome is event.outcome.
	EventOutcome
	// EventModule is event.module.
	EventModule
	// EventDataset is event.dataset.
	EventDataset
	// EventProvider is event.provider.
	EventProvider
	// EventCode is event.code.
	EventCode
	// EventSeverity is event.severity.
	EventSeverity
	// EventRiskScore is event.risk_score.
	EventRiskScore
	// EventSequence is event.sequence.
	EventSequence
	// EventCreated is event.created.
	EventCreated
	// EventStart is event.start.
	EventStart
	// EventEnd is event.end.
	EventEnd
	// EventDuration is event.duration.
	EventDuration
	// EventReason is event.reason.
	EventReason
	// EventReference is event.reference.
	EventReference
	// EventURL is event.url.
	EventURL
	// EventOriginal is event.original.
	EventOriginal
	// EventHash is event.hash.
	EventHash
	// EventTimezone is event.timezone.
	EventTimezone
	// HostID is host.id.
	HostID
	// HostName is host.name.
	HostName
	// HostHostname is host.hostname.
	HostHostname
	// HostIP is host.ip.
	HostIP
	// HostArchitecture is host.architecture.
	HostArchitecture
	// HostBootID is host.boot.id.
	HostBootID
	// HostOSType is host.os.type.
	HostOSType
	// HostOSFamily is host.os.family.
	HostOSFamily
	// HostOSName is host.os.name.
	HostOSName
	// HostOSVersion is host.os.version.
	HostOSVersion
	// HostOSKernel is host.os.kernel.
	HostOSKernel
	// AgentType is agent.type.
	AgentType
	// AgentVersion is agent.version.
	AgentVersion
	// AgentID is agent.id.
	AgentID
	// AgentEphemeralID is agent.ephemeral_id.
	AgentEphemeralID
	// LogFilePath is log.file.path.
	LogFilePath
	// LogOffset is log.offset.
	LogOffset
	// LogLevel is log.level.
	LogLevel
	// LogLogger is log.logger.
	LogLogger
	// LogSourceAddress is log.source.address.
	LogSourceAddress
	// LogSyslogAppname is log.syslog.appname.
	LogSyslogAppname
	// LogSyslogFacilityCode is log.syslog.facility.code.
	LogSyslogFacilityCode
	// LogSyslogFacilityName is log.syslog.facility.name.
	LogSyslogFacilityName
	// LogSyslogHostname is log.syslog.hostname.
	LogSyslogHostname
	// LogSyslogMsgID is log.syslog.msgid.
	LogSyslogMsgID
	// LogSyslogPriority is log.syslog.priority.
	LogSyslogPriority
	// LogSyslogProcID is log.syslog.procid.
	LogSyslogProcID
	// LogSyslogSeverityCode is log.syslog.severity.code.
	LogSyslogSeverityCode
	// LogSyslogSeverityName is log.syslog.severity.name.
	LogSyslogSeverityName
	// LogSyslogStructuredData is log.syslog.structured_data.
	LogSyslogStructuredData
	// LogSyslogVersion is log.syslog.version.
	LogSyslogVersion
	// UserID is user.id.
	UserID
	// UserName is user.name.
	UserName
	// UserDomain is user.domain.
	UserDomain
	// UserEmail is user.email.
	UserEmail
	// UserRoles is user.roles.
	UserRoles
	// UserGroupID is user.group.id.
	UserGroupID
	// UserGroupName is user.group.name.
	UserGroupName
	// UserEffectiveID is user.effective.id.
	UserEffectiveID
	// UserEffectiveName is user.effective.name.
	UserEffectiveName
	// UserAuditID is user.audit.id.
	UserAuditID
	// UserAuditName is user.audit.name.
	UserAuditName
	// UserSavedID is user.saved.id.
	UserSavedID
	// UserFilesystemID is user.filesystem.id.
	UserFilesystemID
	// UserTargetID is user.target.id.
	UserTargetID
	// UserTargetName is user.target.name.
	UserTargetName
	// UserTargetGroupName is user.target.group.name.
	UserTargetGroupName
	// UserChangesName is user.changes.name.
	UserChangesName
	// GroupID is group.id.
	GroupID
	// GroupName is group.name.
	GroupName
	// ProcessPID is process.pid.
	ProcessPID
	// ProcessVPID is process.vpid.
	ProcessVPID
	// ProcessName is process.name.
	ProcessName
	// ProcessExecutable is process.executable.
	ProcessExecutable
	// ProcessArgs is process.args.
	ProcessArgs
	// ProcessArgsCount is process.args_count.
	ProcessArgsCount
	// ProcessCommandLine is process.command_line.
	ProcessCommandLine
	// ProcessTitle is process.title.
	ProcessTitle
	// ProcessWorkingDirectory is process.working_directory.
	ProcessWorkingDirectory
	// ProcessExitCode is process.exit_code.
	ProcessExitCode
	// ProcessInteractive is process.interactive.
	ProcessInteractive
	// ProcessTTYName is process.tty.name.
	ProcessTTYName
	// ProcessEntityID is process.entity_id.
	ProcessEntityID
	// ProcessStart is process.start.
	ProcessStart
	// ProcessHashSHA256 is process.hash.sha256.
	ProcessHashSHA256
	// ProcessEnvVars is process.env_vars.
	ProcessEnvVars
	// ProcessAncestors is process.ancestors.
	ProcessAncestors
	// ProcessParentPID is process.parent.pid.
	ProcessParentPID
	// ProcessParentName is process.parent.name.
	ProcessParentName
	// ProcessParentExecutable is process.parent.executable.
	ProcessParentExecutable
	// ProcessParentCommandLine is process.parent.command_line.
	ProcessParentCommandLine
	// ProcessParentEntityID is process.parent.entity_id.
	ProcessParentEntityID
	// ProcessThreadCapabilitiesEffective is process.thread.capabilities.effective.
	ProcessThreadCapabilitiesEffective
	// ProcessThreadCapabilitiesPermitted is process.thread.capabilities.permitted.
	ProcessThreadCapabilitiesPermitted
	// FilePath is file.path.
	FilePath
	// FileName is file.name.
	FileName
	// FileDirectory is file.directory.
	FileDirectory
	// FileExtension is file.extension.
	FileExtension
	// FileTargetPath is file.target_path.
	FileTargetPath
	// FileType is file.type.
	FileType
	// FileInode is file.inode.
	FileInode
	// FileDevice is file.device.
	FileDevice
	// FileMode is file.mode.
	FileMode
	// FileModeRequested is file.mode_requested.
	FileModeRequested
	// FileUID is file.uid.
	FileUID
	// FileGID is file.gid.
	FileGID
	// FileOwner is file.owner.
	FileOwner
	// FileGroup is file.group.
	FileGroup
	// FileHashSHA256 is file.hash.sha256.
	FileHashSHA256
	// SourceAddress is source.address.
	SourceAddress
	// SourceIP is source.ip.
	SourceIP
	// SourcePort is source.port.
	SourcePort
	// SourceDomain is source.domain.
	SourceDomain
	// SourceBytes is source.bytes.
	SourceBytes
	// DestinationAddress is destination.address.
	DestinationAddress
	// DestinationIP is destination.ip.
	DestinationIP
	// DestinationPort is destination.port.
	DestinationPort
	// DestinationDomain is destination.domain.
	DestinationDomain
	// DestinationBytes is destination.bytes.
	DestinationBytes
	// ServerAddress is server.address.
	ServerAddress
	// ServerIP is server.ip.
	ServerIP
	// ServerPort is server.port.
	ServerPort
	// NetworkType is network.type.
	NetworkType
	// NetworkTransport is network.transport.
	NetworkTransport
	// NetworkDirection is network.direction.
	NetworkDirection
	// NetworkProtocol is network.protocol.
	NetworkProtocol
	// NetworkCommunityID is network.community_id.
	NetworkCommunityID
	// ContainerID is container.id.
	ContainerID
	// ContainerName is container.name.
	ContainerName
	// ContainerRuntime is container.runtime.
	ContainerRuntime
	// ContainerImageName is container.image.name.
	ContainerImageName
	// ContainerImageTag is container.image.tag.
	ContainerImageTag
	// ContainerImageHashAll is container.image.hash.all.
	ContainerImageHashAll
	// ContainerImageRegistry is container.image.registry.
	ContainerImageRegistry
	// ContainerLabels is container.labels.
	ContainerLabels
	// ContainerSecurityContextPrivileged is container.security_context.privileged.
	ContainerSecurityContextPrivileged
	// OrchestratorType is orchestrator.type.
	OrchestratorType
	// OrchestratorClusterName is orchestrator.cluster.name.
	OrchestratorClusterName
	// OrchestratorClusterID is orchestrator.cluster.id.
	OrchestratorClusterID
	// OrchestratorNamespace is orchestrator.namespace.
	OrchestratorNamespace
	// OrchestratorAPIVersion is orchestrator.api_version.
	OrchestratorAPIVersion
	// OrchestratorResourceType is orchestrator.resource.type.
	OrchestratorResourceType
	// OrchestratorResourceName is orchestrator.resource.name.
	OrchestratorResourceName
	// OrchestratorResourceID is orchestrator.resource.id.
	OrchestratorResourceID
	// OrchestratorResourceIP is orchestrator.resource.ip.
	OrchestratorResourceIP
	// OrchestratorResourceParentType is orchestrator.resource.parent.type.
	OrchestratorResourceParentType
	// KubernetesNamespace is kubernetes.namespace.
	KubernetesNamespace
	// KubernetesPodName is kubernetes.pod.name.
	KubernetesPodName
	// KubernetesPodUID is kubernetes.pod.uid.
	KubernetesPodUID
	// KubernetesContainerName is kubernetes.container.name.
	KubernetesContainerName
	// KubernetesNodeName is kubernetes.node.name.
	KubernetesNodeName
	// KubernetesDeploymentName is kubernetes.deployment.name.
	KubernetesDeploymentName
	// KubernetesServiceAccount is kubernetes.service_account.
	KubernetesServiceAccount
	// KubernetesLabels is kubernetes.labels.
	KubernetesLabels
	// KubernetesAuditAuditID is kubernetes.audit.auditID.
	KubernetesAuditAuditID
	// KubernetesAuditLevel is kubernetes.audit.level.
	KubernetesAuditLevel
	// KubernetesAuditStage is kubernetes.audit.stage.
	KubernetesAuditStage
	// KubernetesAuditVerb is kubernetes.audit.verb.
	KubernetesAuditVerb
	// KubernetesAuditRequestURI is kubernetes.audit.requestURI.
	KubernetesAuditRequestURI
	// KubernetesAuditUserUsername is kubernetes.audit.user.username.
	KubernetesAuditUserUsername
	// KubernetesAuditUserGroups is kubernetes.audit.user.groups.
	KubernetesAuditUserGroups
	// KubernetesAuditImpersonatedUser is kubernetes.audit.impersonated_user.
	KubernetesAuditImpersonatedUser
	// KubernetesAuditObjectRefResource is kubernetes.audit.objectRef.resource.
	KubernetesAuditObjectRefResource
	// KubernetesAuditObjectRefSubresource is kubernetes.audit.objectRef.subresource.
	KubernetesAuditObjectRefSubresource
	// KubernetesAuditObjectRefNamespace is kubernetes.audit.objectRef.namespace.
	KubernetesAuditObjectRefNamespace
	// KubernetesAuditObjectRefName is kubernetes.audit.objectRef.name.
	KubernetesAuditObjectRefName
	// KubernetesAuditObjectRefAPIGroup is kubernetes.audit.objectRef.apiGroup.
	KubernetesAuditObjectRefAPIGroup
	// KubernetesAuditResponseStatusCode is kubernetes.audit.responseStatus.code.
	KubernetesAuditResponseStatusCode
	// KubernetesAuditAnnotations is kubernetes.audit.annotations.
	KubernetesAuditAnnotations
	// KubernetesAuditRoleRef is kubernetes.audit.role_ref.
	KubernetesAuditRoleRef
	// KubernetesAuditPodPrivileged is kubernetes.audit.pod.privileged.
	KubernetesAuditPodPrivileged
	// KubernetesAuditPodHostNetwork is kubernetes.audit.pod.host_network.
	KubernetesAuditPodHostNetwork
	// KubernetesAuditPodHostPID is kubernetes.audit.pod.host_pid.
	KubernetesAuditPodHostPID
	// KubernetesAuditPodHostIPC is kubernetes.audit.pod.host_ipc.
	KubernetesAuditPodHostIPC
	// KubernetesAuditPodHostPaths is kubernetes.audit.pod.host_paths.
	KubernetesAuditPodHostPaths
	// KubernetesAuditPodImages is kubernetes.audit.pod.images.
	KubernetesAuditPodImages
	// DockerEventType is docker.event.type.
	DockerEventType
	// DockerEventAction is docker.event.action.
	DockerEventAction
	// DockerEventScope is docker.event.scope.
	DockerEventScope
	// DockerAttributes is docker.attributes.
	DockerAttributes
	// DockerExecID is docker.exec.id.
	DockerExecID
	// DockerExecCommand is docker.exec.command.
	DockerExecCommand
	// DockerExecHealthcheck is docker.exec.healthcheck.
	DockerExecHealthcheck
	// DockerContainerMounts is docker.container.mounts.
	DockerContainerMounts
	// DockerContainerCapabilitiesAdded is docker.container.capabilities_added.
	DockerContainerCapabilitiesAdded
	// DockerContainerSecurityOpt is docker.container.security_opt.
	DockerContainerSecurityOpt
	// DockerContainerNetworkMode is docker.container.network_mode.
	DockerContainerNetworkMode
	// DockerContainerPIDMode is docker.container.pid_mode.
	DockerContainerPIDMode
	// DockerContainerIPCMode is docker.container.ipc_mode.
	DockerContainerIPCMode
	// DockerContainerUTSMode is docker.container.uts_mode.
	DockerContainerUTSMode
	// DockerContainerUsernsMode is docker.container.userns_mode.
	DockerContainerUsernsMode
	// AuditdMessageType is auditd.message_type.
	AuditdMessageType
	// AuditdSession is auditd.session.
	AuditdSession
	// AuditdResult is auditd.result.
	AuditdResult
	// AuditdKey is auditd.key.
	AuditdKey
	// AuditdData is auditd.data.
	AuditdData
	// AuditdPaths is auditd.paths.
	AuditdPaths
	// AuditdOpenFlags is auditd.open_flags.
	AuditdOpenFlags
	// AuditdSummaryActorPrimary is auditd.summary.actor.primary.
	AuditdSummaryActorPrimary
	// AuditdSummaryActorSecondary is auditd.summary.actor.secondary.
	AuditdSummaryActorSecondary
	// AuditdSummaryObjectType is auditd.summary.object.type.
	AuditdSummaryObjectType
	// AuditdSummaryObjectPrimary is auditd.summary.object.primary.
	AuditdSummaryObjectPrimary
	// AuditdSummaryObjectSecondary is auditd.summary.object.secondary.
	AuditdSummaryObjectSecondary
	// AuditdSummaryHow is auditd.summary.how.
	AuditdSummaryHow
	// JenkinsKind is jenkins.kind.
	JenkinsKind
	// JenkinsRequestURI is jenkins.request.uri.
	JenkinsRequestURI
	// JenkinsJobName is jenkins.job.name.
	JenkinsJobName
	// JenkinsJobURL is jenkins.job.url.
	JenkinsJobURL
	// JenkinsBuildNumber is jenkins.build.number.
	JenkinsBuildNumber
	// JenkinsBuildResult is jenkins.build.result.
	JenkinsBuildResult
	// JenkinsBuildCause is jenkins.build.cause.
	JenkinsBuildCause
	// JenkinsBuildNode is jenkins.build.node.
	JenkinsBuildNode
	// JenkinsBuildParameters is jenkins.build.parameters.
	JenkinsBuildParameters
	// JenkinsCredentialID is jenkins.credential.id.
	JenkinsCredentialID
	// JenkinsCredentialType is jenkins.credential.type.
	JenkinsCredentialType
	// JenkinsScript is jenkins.script.
	JenkinsScript
	// GitRepository is git.repository.
	GitRepository
	// GitRef is git.ref.
	GitRef
	// GitBefore is git.before.
	GitBefore
	// GitAfter is git.after.
	GitAfter
	// GitForced is git.forced.
	GitForced
	// GitCreated is git.created.
	GitCreated
	// GitDeleted is git.deleted.
	GitDeleted
	// GitProtected is git.protected.
	GitProtected
	// GitCommits is git.commits.
	GitCommits
	// GitTransport is git.transport.
	GitTransport
	// GitServer is git.server.
	GitServer
	// OCIRepository is oci.repository.
	OCIRepository
	// OCITag is oci.tag.
	OCITag
	// OCIDigest is oci.digest.
	OCIDigest
	// OCIPreviousDigest is oci.previous_digest.
	OCIPreviousDigest
	// OCITagOverwritten is oci.tag_overwritten.
	OCITagOverwritten
	// OCIMediaType is oci.media_type.
	OCIMediaType
	// OCISize is oci.size.
	OCISize
	// OCIInstance is oci.instance.
	OCIInstance
	// FalcoRule is falco.rule.
	FalcoRule
	// FalcoPriority is falco.priority.
	FalcoPriority
	// FalcoSource is falco.source.
	FalcoSource
	// FalcoOutput is falco.output.
	FalcoOutput
	// FalcoOutputFields is falco.output_fields.
	FalcoOutputFields
	// FalcoUUID is falco.uuid.
	FalcoUUID
	// HTTPRequestMethod is http.request.method.
	HTTPRequestMethod
	// HTTPRequestID is http.request.id.
	HTTPRequestID
	// HTTPResponseStatusCode is http.response.status_code.
	HTTPResponseStatusCode
	// URLOriginal is url.original.
	URLOriginal
	// URLPath is url.path.
	URLPath
	// URLDomain is url.domain.
	URLDomain
	// UserAgentOriginal is user_agent.original.
	UserAgentOriginal
	// ServiceName is service.name.
	ServiceName
	// ServiceType is service.type.
	ServiceType
	// RuleID is rule.id.
	RuleID
	// RuleName is rule.name.
	RuleName
	// RuleDescription is rule.description.
	RuleDescription
	// RuleRuleset is rule.ruleset.
	RuleRuleset
	// RuleVersion is rule.version.
	RuleVersion
	// RuleCategory is rule.category.
	RuleCategory
	// RuleReference is rule.reference.
	RuleReference
	// ThreatFramework is threat.framework.
	ThreatFramework
	// ThreatTacticID is threat.tactic.id.
	ThreatTacticID
	// ThreatTacticName is threat.tactic.name.
	ThreatTacticName
	// ThreatTechniqueID is threat.technique.id.
	ThreatTechniqueID
	// ThreatTechniqueName is threat.technique.name.
	ThreatTechniqueName
	// ThreatTechniqueSubtechniqueID is threat.technique.subtechnique.id.
	ThreatTechniqueSubtechniqueID
	// ThreatTechniqueSubtechniqueName is threat.technique.subtechnique.name.
	ThreatTechniqueSubtechniqueName
	// RelatedUser is related.user.
	RelatedUser
	// RelatedIP is related.ip.
	RelatedIP
	// RelatedHosts is related.hosts.
	RelatedHosts
	// RelatedHash is related.hash.
	RelatedHash
	// ErrorMessage is error.message.
	ErrorMessage
	// ErrorCode is error.code.
	ErrorCode
	// TallymanSchemaVersion is tallyman.schema_version.
	TallymanSchemaVersion
	// TallymanInput is tallyman.input.
	TallymanInput
	// TallymanPipeline is tallyman.pipeline.
	TallymanPipeline
	// TallymanComponent is tallyman.component.
	TallymanComponent
	// TallymanRules is tallyman.rules.
	TallymanRules
	// TallymanSuppressed is tallyman.suppressed.
	TallymanSuppressed
	// TallymanBandValue is tallyman.band.value.
	TallymanBandValue
	// TallymanBandLow is tallyman.band.low.
	TallymanBandLow
	// TallymanBandHigh is tallyman.band.high.
	TallymanBandHigh
	// TallymanBandLearned is tallyman.band.learned.
	TallymanBandLearned
	// TallymanExeUpperLayer is tallyman.exe_upper_layer.
	TallymanExeUpperLayer
	// TallymanContainerMethod is tallyman.container.method.
	TallymanContainerMethod
	// TallymanContainerConfidence is tallyman.container.confidence.
	TallymanContainerConfidence
	// TallymanContainerHost is tallyman.container.host.
	TallymanContainerHost
	// TallymanContainerHops is tallyman.container.hops.
	TallymanContainerHops
	// TallymanContainerWaitedMS is tallyman.container.waited_ms.
	TallymanContainerWaitedMS
	// TallymanContainerAmbiguous is tallyman.container.ambiguous.
	TallymanContainerAmbiguous
	// TallymanSessionUser is tallyman.session.user.
	TallymanSessionUser
	// TallymanSessionHow is tallyman.session.how.
	TallymanSessionHow
	// TallymanSessionConfidence is tallyman.session.confidence.
	TallymanSessionConfidence
	// TallymanSessionID is tallyman.session.id.
	TallymanSessionID
	// TallymanEscaped is tallyman.escaped.
	TallymanEscaped
	// TallymanCompliancePCIDSS is tallyman.compliance.pci_dss.
	TallymanCompliancePCIDSS
	// TallymanCompliancePCIContainers is tallyman.compliance.pci_containers.
	TallymanCompliancePCIContainers
	// TallymanComplianceCISDocker is tallyman.compliance.cis_docker.
	TallymanComplianceCISDocker
	// TallymanComplianceNIST800190 is tallyman.compliance.nist_800_190.
	TallymanComplianceNIST800190
	// TallymanIntegritySegment is tallyman.integrity.segment.
	TallymanIntegritySegment
	// TallymanIntegritySequence is tallyman.integrity.sequence.
	TallymanIntegritySequence
	// TallymanIntegrityPrevious is tallyman.integrity.previous.
	TallymanIntegrityPrevious
	// VulnerabilityID is vulnerability.id.
	VulnerabilityID
	// VulnerabilitySeverity is vulnerability.severity.
	VulnerabilitySeverity
	// VulnerabilityScoreBase is vulnerability.score.base.
	VulnerabilityScoreBase
	// VulnerabilityScoreVersion is vulnerability.score.version.
	VulnerabilityScoreVersion
	// VulnerabilityCategory is vulnerability.category.
	VulnerabilityCategory
	// VulnerabilityDescription is vulnerability.description.
	VulnerabilityDescription
	// VulnerabilityReference is vulnerability.reference.
	VulnerabilityReference
	// VulnerabilityReportID is vulnerability.report_id.
	VulnerabilityReportID
	// VulnerabilityScannerVendor is vulnerability.scanner.vendor.
	VulnerabilityScannerVendor
	// PackageName is package.name.
	PackageName
	// PackageVersion is package.version.
	PackageVersion
	// PackageFixedVersion is package.fixed_version.
	PackageFixedVersion
	// PackageType is package.type.
	PackageType
	// PackagePath is package.path.
	PackagePath
	// ContainerMemoryUsage is container.memory.usage.
	ContainerMemoryUsage
	// ContainerCPUUsage is container.cpu.usage.
	ContainerCPUUsage
	// ContainerNetworkIngressBytes is container.network.ingress.bytes.
	ContainerNetworkIngressBytes
	// ContainerNetworkEgressBytes is container.network.egress.bytes.
	ContainerNetworkEgressBytes
	// ContainerDiskReadBytes is container.disk.read.bytes.
	ContainerDiskReadBytes
	// ContainerDiskWriteBytes is container.disk.write.bytes.
	ContainerDiskWriteBytes
	// DockerStatsMemoryBytes is docker.stats.memory_bytes.
	DockerStatsMemoryBytes
	// DockerStatsMemoryLimit is docker.stats.memory_limit.
	DockerStatsMemoryLimit
	// DockerStatsPIDs is docker.stats.pids.
	DockerStatsPIDs
	// DockerStatsPIDsLimit is docker.stats.pids_limit.
	DockerStatsPIDsLimit
	// DockerThresholdName is docker.threshold.name.
	DockerThresholdName
	// DockerThresholdLimit is docker.threshold.limit.
	DockerThresholdLimit
	// DockerThresholdValue is docker.threshold.value.
	DockerThresholdValue

	count // one past the last field
)

// table is the published schema, indexed by Key.
var table = [count]Info{
	Timestamp:                           {Name: "@timestamp", Type: Date, Many: false, Custom: false, Example: "2026-11-21T02:25:01.123456Z", Text: "Time of the event at its source, UTC, RFC 3339, up to 9 fractional digits"},
	Message:                             {Name: "message", Type: Text, Many: false, Custom: false, Example: "ana ran /usr/bin/curl in shop-api", Text: "One line for people, built by the input; at most 1024 bytes"},
	Tags:                                {Name: "tags", Type: Keyword, Many: true, Custom: false, Example: "[\"tm_exec\"]", Text: "Audit keys, input tags, tallyman markers"},
	Labels:                              {Name: "labels", Type: Object, Many: false, Custom: false, Example: "{\"env\":\"prod\"}", Text: "Flat string map, set in configuration"},
	ECSVersion:                          {Name: "ecs.version", Type: Keyword, Many: false, Custom: false, Example: "9.4.0", Text: "Constant"},
	EventID:                             {Name: "event.id", Type: Keyword, Many: false, Custom: false, Example: "06C2...26 chars", Text: "Stable id: first 128 bits of SHA-256 in Crockford base32 over host.id, event.dataset and: for audit node, time, serial and position of the event's first record; for others the source position (plus an index when one record makes several events); for an alert the judged event's id and the rule id; equal after a replay"},
	EventKind:                           {Name: "event.kind", Type: Keyword, Many: false, Custom: false, Example: "event", Text: "event, alert, state, metric, pipeline_error"},
	EventCategory:                       {Name: "event.category", Type: Keyword, Many: true, Custom: false, Example: "[\"process\"]", Text: "Only values from the ECS list"},
	EventType:                           {Name: "event.type", Type: Keyword, Many: true, Custom: false, Example: "[\"start\"]", Text: "Only values from the ECS list"},
	EventAction:                         {Name: "event.action", Type: Keyword, Many: false, Custom: false, Example: "executed", Text: "Verb; vocabulary in section 3"},
	EventOutcome:                        {Name: "event.outcome", Type: Keyword, Many: false, Custom: false, Example: "success", Text: "success, failure, unknown"},
	EventModule:                         {Name: "event.module", Type: Keyword, Many: false, Custom: false, Example: "auditd", Text: "aqua, auditd, cef, docker, falco, file, generic, git, jenkins, journald, kubernetes, leef, prisma, registry, scanner, sysdig, syslog, tallyman, tetragon; further sources extend this list here first"},
	EventDataset:                        {Name: "event.dataset", Type: Keyword, Many: false, Custom: false, Example: "auditd.log", Text: "module plus stream"},
	EventProvider:                       {Name: "event.provider", Type: Keyword, Many: false, Custom: false, Example: "useradd", Text: "Program that wrote a user-space record"},
	EventCode:                           {Name: "event.code", Type: Keyword, Many: false, Custom: false, Example: "SYSCALL", Text: "Source's own type name"},
	EventSeverity:                       {Name: "event.severity", Type: Long, Many: false, Custom: false, Example: "5", Text: "0 to 10, the CEF scale, section 5"},
	EventRiskScore:                      {Name: "event.risk_score", Type: Float, Many: false, Custom: false, Example: "47", Text: "0 to 100, optional"},
	EventSequence:                       {Name: "event.sequence", Type: Long, Many: false, Custom: false, Example: "348501", Text: "Audit serial number"},
	EventCreated:                        {Name: "event.created", Type: Date, Many: false, Custom: false, Example: "2026-11-21T02:25:01.201Z", Text: "Time tallyman read it"},
	EventStart:                          {Name: "event.start", Type: Date, Many: false, Custom: false, Example: "", Text: "Begin of a period (builds, requests)"},
	EventEnd:                            {Name: "event.end", Type: Date, Many: false, Custom: false, Example: "", Text: "End of a period"},
	EventDuration:                       {Name: "event.duration", Type: Long, Many: false, Custom: false, Example: "1200000000", Text: "Nanoseconds"},
	EventReason:                         {Name: "event.reason", Type: Keyword, Many: false, Custom: false, Example: "EACCES", Text: "errno name, denial reason"},
	EventReference:                      {Name: "event.reference", Type: Keyword, Many: false, Custom: false, Example: "", Text: "Link or id of the source event of an alert"},
	EventURL:                            {Name: "event.url", Type: Keyword, Many: false, Custom: false, Example: "", Text: "Link to the source system"},
	EventOriginal:                       {Name: "event.original", Type: Keyword, Many: false, Custom: false, Example: "", Text: "Raw record(s), joined by newline; kept on_error by default"},
	EventHash:                           {Name: "event.hash", Type: Keyword, Many: false, Custom: false, Example: "sha256 hex", Text: "Of event.original when kept"},
	EventTimezone:                       {Name: "event.timezone", Type: Keyword, Many: false, Custom: false, Example: "+00:00", Text: "Only when the source gave local time"},
	HostID:                              {Name: "host.id", Type: Keyword, Many: false, Custom: false, Example: "4c4c4544...", Text: "machine-id"},
	HostName:                            {Name: "host.name", Type: Keyword, Many: false, Custom: false, Example: "node-7", Text: "Configured or OS name"},
	HostHostname:                        {Name: "host.hostname", Type: Keyword, Many: false, Custom: false, Example: "node-7", Text: "OS name"},
	HostIP:                              {Name: "host.ip", Type: IP, Many: true, Custom: false, Example: "[\"10.0.3.7\"]", Text: ""},
	HostArchitecture:                    {Name: "host.architecture", Type: Keyword, Many: false, Custom: false, Example: "x86_64", Text: ""},
	HostBootID:                          {Name: "host.boot.id", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	HostOSType:                          {Name: "host.os.type", Type: Keyword, Many: false, Custom: false, Example: "linux", Text: ""},
	HostOSFamily:                        {Name: "host.os.family", Type: Keyword, Many: false, Custom: false, Example: "debian", Text: ""},
	HostOSName:                          {Name: "host.os.name", Type: Keyword, Many: false, Custom: false, Example: "Debian GNU/Linux", Text: ""},
	HostOSVersion:                       {Name: "host.os.version", Type: Keyword, Many: false, Custom: false, Example: "12", Text: ""},
	HostOSKernel:                        {Name: "host.os.kernel", Type: Keyword, Many: false, Custom: false, Example: "6.1.0-40-amd64", Text: ""},
	AgentType:                           {Name: "agent.type", Type: Keyword, Many: false, Custom: false, Example: "tallyman", Text: ""},
	AgentVersion:                        {Name: "agent.version", Type: Keyword, Many: false, Custom: false, Example: "1.0.0", Text: ""},
	AgentID:                             {Name: "agent.id", Type: Keyword, Many: false, Custom: false, Example: "ULID", Text: "Persistent, from the data directory"},
	AgentEphemeralID:                    {Name: "agent.ephemeral_id", Type: Keyword, Many: false, Custom: false, Example: "ULID", Text: "Per process start"},
	LogFilePath:                         {Name: "log.file.path", Type: Keyword, Many: false, Custom: false, Example: "/var/log/audit/audit.log", Text: ""},
	LogOffset:                           {Name: "log.offset", Type: Long, Many: false, Custom: true, Example: "182736", Text: "as Filebeat"},
	LogLevel:                            {Name: "log.level", Type: Keyword, Many: false, Custom: false, Example: "warning", Text: ""},
	LogLogger:                           {Name: "log.logger", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	LogSourceAddress:                    {Name: "log.source.address", Type: Keyword, Many: false, Custom: true, Example: "10.0.0.8:51422", Text: "peer that sent a network message"},
	LogSyslogAppname:                    {Name: "log.syslog.appname", Type: Keyword, Many: false, Custom: false, Example: "sshd", Text: ""},
	LogSyslogFacilityCode:               {Name: "log.syslog.facility.code", Type: Long, Many: false, Custom: false, Example: "10", Text: ""},
	LogSyslogFacilityName:               {Name: "log.syslog.facility.name", Type: Keyword, Many: false, Custom: false, Example: "authpriv", Text: ""},
	LogSyslogHostname:                   {Name: "log.syslog.hostname", Type: Keyword, Many: false, Custom: false, Example: "web-1", Text: ""},
	LogSyslogMsgID:                      {Name: "log.syslog.msgid", Type: Keyword, Many: false, Custom: false, Example: "ID47", Text: ""},
	LogSyslogPriority:                   {Name: "log.syslog.priority", Type: Long, Many: false, Custom: false, Example: "86", Text: ""},
	LogSyslogProcID:                     {Name: "log.syslog.procid", Type: Keyword, Many: false, Custom: false, Example: "4711", Text: ""},
	LogSyslogSeverityCode:               {Name: "log.syslog.severity.code", Type: Long, Many: false, Custom: false, Example: "6", Text: ""},
	LogSyslogSeverityName:               {Name: "log.syslog.severity.name", Type: Keyword, Many: false, Custom: false, Example: "Informational", Text: ""},
	LogSyslogStructuredData:             {Name: "log.syslog.structured_data", Type: Flattened, Many: false, Custom: false, Example: "", Text: ""},
	LogSyslogVersion:                    {Name: "log.syslog.version", Type: Keyword, Many: false, Custom: false, Example: "1", Text: ""},
	UserID:                              {Name: "user.id", Type: Keyword, Many: false, Custom: false, Example: "1000", Text: "Acting identity; section 4.1 for the rule"},
	UserName:                            {Name: "user.name", Type: Keyword, Many: false, Custom: false, Example: "ana", Text: ""},
	UserDomain:                          {Name: "user.domain", Type: Keyword, Many: false, Custom: false, Example: "CORP", Text: ""},
	UserEmail:                           {Name: "user.email", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	UserRoles:                           {Name: "user.roles", Type: Keyword, Many: true, Custom: false, Example: "[\"system:masters\"]", Text: "Groups of an API user"},
	UserGroupID:                         {Name: "user.group.id", Type: Keyword, Many: false, Custom: false, Example: "1000", Text: ""},
	UserGroupName:                       {Name: "user.group.name", Type: Keyword, Many: false, Custom: false, Example: "ana", Text: ""},
	UserEffectiveID:                     {Name: "user.effective.id", Type: Keyword, Many: false, Custom: false, Example: "0", Text: "euid, or the identity switched to"},
	UserEffectiveName:                   {Name: "user.effective.name", Type: Keyword, Many: false, Custom: false, Example: "root", Text: ""},
	UserAuditID:                         {Name: "user.audit.id", Type: Keyword, Many: false, Custom: true, Example: "1000", Text: "as Auditbeat; login uid; absent when unset"},
	UserAuditName:                       {Name: "user.audit.name", Type: Keyword, Many: false, Custom: true, Example: "ana", Text: ""},
	UserSavedID:                         {Name: "user.saved.id", Type: Keyword, Many: false, Custom: true, Example: "0", Text: "as Auditbeat; suid"},
	UserFilesystemID:                    {Name: "user.filesystem.id", Type: Keyword, Many: false, Custom: true, Example: "0", Text: "as Auditbeat; fsuid"},
	UserTargetID:                        {Name: "user.target.id", Type: Keyword, Many: false, Custom: false, Example: "1001", Text: "Account acted on"},
	UserTargetName:                      {Name: "user.target.name", Type: Keyword, Many: false, Custom: false, Example: "bob", Text: ""},
	UserTargetGroupName:                 {Name: "user.target.group.name", Type: Keyword, Many: false, Custom: false, Example: "docker", Text: ""},
	UserChangesName:                     {Name: "user.changes.name", Type: Keyword, Many: false, Custom: false, Example: "robert", Text: ""},
	GroupID:                             {Name: "group.id", Type: Keyword, Many: false, Custom: false, Example: "998", Text: "Group acted on"},
	GroupName:                           {Name: "group.name", Type: Keyword, Many: false, Custom: false, Example: "docker", Text: ""},
	ProcessPID:                          {Name: "process.pid", Type: Long, Many: false, Custom: false, Example: "31337", Text: "In the host pid namespace"},
	ProcessVPID:                         {Name: "process.vpid", Type: Long, Many: false, Custom: false, Example: "17", Text: "In the container"},
	ProcessName:                         {Name: "process.name", Type: Keyword, Many: false, Custom: false, Example: "curl", Text: "comm, at most 15 bytes from the kernel"},
	ProcessExecutable:                   {Name: "process.executable", Type: Keyword, Many: false, Custom: false, Example: "/usr/bin/curl", Text: "As the process saw it"},
	ProcessArgs:                         {Name: "process.args", Type: Keyword, Many: true, Custom: false, Example: "[\"curl\",\"-s\"]", Text: "Decoded from EXECVE"},
	ProcessArgsCount:                    {Name: "process.args_count", Type: Long, Many: false, Custom: false, Example: "2", Text: ""},
	ProcessCommandLine:                  {Name: "process.command_line", Type: Wildcard, Many: false, Custom: false, Example: "curl -s", Text: "args joined, shell quoting"},
	ProcessTitle:                        {Name: "process.title", Type: Keyword, Many: false, Custom: false, Example: "", Text: "PROCTITLE when EXECVE is absent"},
	ProcessWorkingDirectory:             {Name: "process.working_directory", Type: Keyword, Many: false, Custom: false, Example: "/app", Text: ""},
	ProcessExitCode:                     {Name: "process.exit_code", Type: Long, Many: false, Custom: false, Example: "0", Text: ""},
	ProcessInteractive:                  {Name: "process.interactive", Type: Boolean, Many: false, Custom: false, Example: "true", Text: "tty is not (none)"},
	ProcessTTYName:                      {Name: "process.tty.name", Type: Keyword, Many: false, Custom: true, Example: "pts0", Text: ""},
	ProcessEntityID:                     {Name: "process.entity_id", Type: Keyword, Many: false, Custom: false, Example: "26 chars", Text: "Hash of host.id, pid, start time"},
	ProcessStart:                        {Name: "process.start", Type: Date, Many: false, Custom: false, Example: "", Text: ""},
	ProcessHashSHA256:                   {Name: "process.hash.sha256", Type: Keyword, Many: false, Custom: false, Example: "", Text: "Optional"},
	ProcessEnvVars:                      {Name: "process.env_vars", Type: Keyword, Many: true, Custom: false, Example: "[\"LD_PRELOAD=/x.so\"]", Text: "Only configured names"},
	ProcessAncestors:                    {Name: "process.ancestors", Type: Keyword, Many: true, Custom: true, Example: "[\"node\",\"containerd-shim\"]", Text: "names, nearest first, at most 8"},
	ProcessParentPID:                    {Name: "process.parent.pid", Type: Long, Many: false, Custom: false, Example: "31300", Text: ""},
	ProcessParentName:                   {Name: "process.parent.name", Type: Keyword, Many: false, Custom: false, Example: "node", Text: ""},
	ProcessParentExecutable:             {Name: "process.parent.executable", Type: Keyword, Many: false, Custom: false, Example: "/usr/local/bin/node", Text: ""},
	ProcessParentCommandLine:            {Name: "process.parent.command_line", Type: Wildcard, Many: false, Custom: false, Example: "", Text: ""},
	ProcessParentEntityID:               {Name: "process.parent.entity_id", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	ProcessThreadCapabilitiesEffective:  {Name: "process.thread.capabilities.effective", Type: Keyword, Many: true, Custom: false, Example: "[\"CAP_NET_RAW\"]", Text: ""},
	ProcessThreadCapabilitiesPermitted:  {Name: "process.thread.capabilities.permitted", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	FilePath:                            {Name: "file.path", Type: Keyword, Many: false, Custom: false, Example: "/etc/passwd", Text: "Absolute, resolved against CWD"},
	FileName:                            {Name: "file.name", Type: Keyword, Many: false, Custom: false, Example: "passwd", Text: ""},
	FileDirectory:                       {Name: "file.directory", Type: Keyword, Many: false, Custom: false, Example: "/etc", Text: ""},
	FileExtension:                       {Name: "file.extension", Type: Keyword, Many: false, Custom: false, Example: "conf", Text: ""},
	FileTargetPath:                      {Name: "file.target_path", Type: Keyword, Many: false, Custom: false, Example: "", Text: "New name of a rename, target of a link"},
	FileType:                            {Name: "file.type", Type: Keyword, Many: false, Custom: false, Example: "file", Text: "file, dir, symlink, socket, pipe, char, block"},
	FileInode:                           {Name: "file.inode", Type: Keyword, Many: false, Custom: false, Example: "1312", Text: ""},
	FileDevice:                          {Name: "file.device", Type: Keyword, Many: false, Custom: false, Example: "08:01", Text: ""},
	FileMode:                            {Name: "file.mode", Type: Keyword, Many: false, Custom: false, Example: "0644", Text: "Mode at event time"},
	FileModeRequested:                   {Name: "file.mode_requested", Type: Long, Many: false, Custom: true, Example: "493", Text: "the mode argument of chmod, mkdir, open"},
	FileUID:                             {Name: "file.uid", Type: Keyword, Many: false, Custom: false, Example: "0", Text: ""},
	FileGID:                             {Name: "file.gid", Type: Keyword, Many: false, Custom: false, Example: "0", Text: ""},
	FileOwner:                           {Name: "file.owner", Type: Keyword, Many: false, Custom: false, Example: "root", Text: ""},
	FileGroup:                           {Name: "file.group", Type: Keyword, Many: false, Custom: false, Example: "root", Text: ""},
	FileHashSHA256:                      {Name: "file.hash.sha256", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	SourceAddress:                       {Name: "source.address", Type: Keyword, Many: false, Custom: false, Example: "10.0.0.8", Text: "Raw form"},
	SourceIP:                            {Name: "source.ip", Type: IP, Many: false, Custom: false, Example: "10.0.0.8", Text: ""},
	SourcePort:                          {Name: "source.port", Type: Long, Many: false, Custom: false, Example: "51422", Text: ""},
	SourceDomain:                        {Name: "source.domain", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	SourceBytes:                         {Name: "source.bytes", Type: Long, Many: false, Custom: false, Example: "", Text: ""},
	DestinationAddress:                  {Name: "destination.address", Type: Keyword, Many: false, Custom: false, Example: "/run/docker.sock", Text: "IP, name or unix socket path"},
	DestinationIP:                       {Name: "destination.ip", Type: IP, Many: false, Custom: false, Example: "203.0.113.9", Text: ""},
	DestinationPort:                     {Name: "destination.port", Type: Long, Many: false, Custom: false, Example: "443", Text: ""},
	DestinationDomain:                   {Name: "destination.domain", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	DestinationBytes:                    {Name: "destination.bytes", Type: Long, Many: false, Custom: false, Example: "", Text: ""},
	ServerAddress:                       {Name: "server.address", Type: Keyword, Many: false, Custom: false, Example: "0.0.0.0", Text: "Local side of bind and listen"},
	ServerIP:                            {Name: "server.ip", Type: IP, Many: false, Custom: false, Example: "0.0.0.0", Text: ""},
	ServerPort:                          {Name: "server.port", Type: Long, Many: false, Custom: false, Example: "8080", Text: ""},
	NetworkType:                         {Name: "network.type", Type: Keyword, Many: false, Custom: false, Example: "ipv4", Text: "ipv4, ipv6, unix, netlink, packet"},
	NetworkTransport:                    {Name: "network.transport", Type: Keyword, Many: false, Custom: false, Example: "tcp", Text: "Only when known from socket()"},
	NetworkDirection:                    {Name: "network.direction", Type: Keyword, Many: false, Custom: false, Example: "egress", Text: "egress, ingress, internal, unknown"},
	NetworkProtocol:                     {Name: "network.protocol", Type: Keyword, Many: false, Custom: false, Example: "ssh", Text: ""},
	NetworkCommunityID:                  {Name: "network.community_id", Type: Keyword, Many: false, Custom: false, Example: "", Text: "Optional"},
	ContainerID:                         {Name: "container.id", Type: Keyword, Many: false, Custom: false, Example: "64 hex", Text: "Full id"},
	ContainerName:                       {Name: "container.name", Type: Keyword, Many: false, Custom: false, Example: "shop-api-1", Text: ""},
	ContainerRuntime:                    {Name: "container.runtime", Type: Keyword, Many: false, Custom: false, Example: "docker", Text: "docker, containerd, cri-o, podman"},
	ContainerImageName:                  {Name: "container.image.name", Type: Keyword, Many: false, Custom: false, Example: "registry.corp.example/shop/api", Text: "Without tag or digest"},
	ContainerImageTag:                   {Name: "container.image.tag", Type: Keyword, Many: true, Custom: false, Example: "[\"1.4.2\"]", Text: ""},
	ContainerImageHashAll:               {Name: "container.image.hash.all", Type: Keyword, Many: true, Custom: false, Example: "[\"sha256:...\"]", Text: "Repository digest, then image id"},
	ContainerImageRegistry:              {Name: "container.image.registry", Type: Keyword, Many: false, Custom: true, Example: "registry.corp.example", Text: ""},
	ContainerLabels:                     {Name: "container.labels", Type: Object, Many: false, Custom: false, Example: "", Text: ""},
	ContainerSecurityContextPrivileged:  {Name: "container.security_context.privileged", Type: Boolean, Many: false, Custom: false, Example: "false", Text: ""},
	OrchestratorType:                    {Name: "orchestrator.type", Type: Keyword, Many: false, Custom: false, Example: "kubernetes", Text: "kubernetes, swarm, compose"},
	OrchestratorClusterName:             {Name: "orchestrator.cluster.name", Type: Keyword, Many: false, Custom: false, Example: "prod-eu", Text: ""},
	OrchestratorClusterID:               {Name: "orchestrator.cluster.id", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	OrchestratorNamespace:               {Name: "orchestrator.namespace", Type: Keyword, Many: false, Custom: false, Example: "shop", Text: ""},
	OrchestratorAPIVersion:              {Name: "orchestrator.api_version", Type: Keyword, Many: false, Custom: false, Example: "v1", Text: ""},
	OrchestratorResourceType:            {Name: "orchestrator.resource.type", Type: Keyword, Many: false, Custom: false, Example: "pod", Text: ""},
	OrchestratorResourceName:            {Name: "orchestrator.resource.name", Type: Keyword, Many: false, Custom: false, Example: "api-7d9f-x2", Text: ""},
	OrchestratorResourceID:              {Name: "orchestrator.resource.id", Type: Keyword, Many: false, Custom: false, Example: "pod uid", Text: ""},
	OrchestratorResourceIP:              {Name: "orchestrator.resource.ip", Type: IP, Many: true, Custom: false, Example: "", Text: ""},
	OrchestratorResourceParentType:      {Name: "orchestrator.resource.parent.type", Type: Keyword, Many: false, Custom: false, Example: "deployment", Text: ""},
	KubernetesNamespace:                 {Name: "kubernetes.namespace", Type: Keyword, Many: false, Custom: true, Example: "shop", Text: "as Elastic Agent"},
	KubernetesPodName:                   {Name: "kubernetes.pod.name", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesPodUID:                    {Name: "kubernetes.pod.uid", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesContainerName:             {Name: "kubernetes.container.name", Type: Keyword, Many: false, Custom: true, Example: "api", Text: ""},
	KubernetesNodeName:                  {Name: "kubernetes.node.name", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesDeploymentName:            {Name: "kubernetes.deployment.name", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesServiceAccount:            {Name: "kubernetes.service_account", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesLabels:                    {Name: "kubernetes.labels", Type: Object, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditAuditID:              {Name: "kubernetes.audit.auditID", Type: Keyword, Many: false, Custom: true, Example: "", Text: "source names kept"},
	KubernetesAuditLevel:                {Name: "kubernetes.audit.level", Type: Keyword, Many: false, Custom: true, Example: "RequestResponse", Text: ""},
	KubernetesAuditStage:                {Name: "kubernetes.audit.stage", Type: Keyword, Many: false, Custom: true, Example: "ResponseComplete", Text: ""},
	KubernetesAuditVerb:                 {Name: "kubernetes.audit.verb", Type: Keyword, Many: false, Custom: true, Example: "create", Text: ""},
	KubernetesAuditRequestURI:           {Name: "kubernetes.audit.requestURI", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditUserUsername:         {Name: "kubernetes.audit.user.username", Type: Keyword, Many: false, Custom: true, Example: "ana", Text: ""},
	KubernetesAuditUserGroups:           {Name: "kubernetes.audit.user.groups", Type: Keyword, Many: true, Custom: true, Example: "", Text: ""},
	KubernetesAuditImpersonatedUser:     {Name: "kubernetes.audit.impersonated_user", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditObjectRefResource:    {Name: "kubernetes.audit.objectRef.resource", Type: Keyword, Many: false, Custom: true, Example: "pods", Text: ""},
	KubernetesAuditObjectRefSubresource: {Name: "kubernetes.audit.objectRef.subresource", Type: Keyword, Many: false, Custom: true, Example: "exec", Text: ""},
	KubernetesAuditObjectRefNamespace:   {Name: "kubernetes.audit.objectRef.namespace", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditObjectRefName:        {Name: "kubernetes.audit.objectRef.name", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditObjectRefAPIGroup:    {Name: "kubernetes.audit.objectRef.apiGroup", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditResponseStatusCode:   {Name: "kubernetes.audit.responseStatus.code", Type: Long, Many: false, Custom: true, Example: "201", Text: ""},
	KubernetesAuditAnnotations:          {Name: "kubernetes.audit.annotations", Type: Flattened, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditRoleRef:              {Name: "kubernetes.audit.role_ref", Type: Keyword, Many: false, Custom: true, Example: "cluster-admin", Text: "from a binding's request object"},
	KubernetesAuditPodPrivileged:        {Name: "kubernetes.audit.pod.privileged", Type: Boolean, Many: false, Custom: true, Example: "", Text: "computed from the pod template of the request"},
	KubernetesAuditPodHostNetwork:       {Name: "kubernetes.audit.pod.host_network", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditPodHostPID:           {Name: "kubernetes.audit.pod.host_pid", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditPodHostIPC:           {Name: "kubernetes.audit.pod.host_ipc", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	KubernetesAuditPodHostPaths:         {Name: "kubernetes.audit.pod.host_paths", Type: Keyword, Many: true, Custom: true, Example: "", Text: ""},
	KubernetesAuditPodImages:            {Name: "kubernetes.audit.pod.images", Type: Keyword, Many: true, Custom: true, Example: "", Text: ""},
	DockerEventType:                     {Name: "docker.event.type", Type: Keyword, Many: false, Custom: true, Example: "container", Text: ""},
	DockerEventAction:                   {Name: "docker.event.action", Type: Keyword, Many: false, Custom: true, Example: "exec_start", Text: "part before the colon"},
	DockerEventScope:                    {Name: "docker.event.scope", Type: Keyword, Many: false, Custom: true, Example: "local", Text: ""},
	DockerAttributes:                    {Name: "docker.attributes", Type: Flattened, Many: false, Custom: true, Example: "", Text: ""},
	DockerExecID:                        {Name: "docker.exec.id", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	DockerExecCommand:                   {Name: "docker.exec.command", Type: Keyword, Many: false, Custom: true, Example: "sh -c id", Text: "part after the colon"},
	DockerExecHealthcheck:               {Name: "docker.exec.healthcheck", Type: Boolean, Many: false, Custom: true, Example: "false", Text: "command equals the image's health check"},
	DockerContainerMounts:               {Name: "docker.container.mounts", Type: Object, Many: true, Custom: true, Example: "[{\"source\":\"/srv\",\"destination\":\"/data\",\"rw\":true}]", Text: "from inspect"},
	DockerContainerCapabilitiesAdded:    {Name: "docker.container.capabilities_added", Type: Keyword, Many: true, Custom: true, Example: "", Text: "normalised to the CAP_ form"},
	DockerContainerSecurityOpt:          {Name: "docker.container.security_opt", Type: Keyword, Many: true, Custom: true, Example: "", Text: ""},
	DockerContainerNetworkMode:          {Name: "docker.container.network_mode", Type: Keyword, Many: false, Custom: true, Example: "bridge", Text: ""},
	DockerContainerPIDMode:              {Name: "docker.container.pid_mode", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	DockerContainerIPCMode:              {Name: "docker.container.ipc_mode", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	DockerContainerUTSMode:              {Name: "docker.container.uts_mode", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	DockerContainerUsernsMode:           {Name: "docker.container.userns_mode", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	AuditdMessageType:                   {Name: "auditd.message_type", Type: Keyword, Many: false, Custom: true, Example: "syscall", Text: "as Auditbeat; lower case"},
	AuditdSession:                       {Name: "auditd.session", Type: Keyword, Many: false, Custom: true, Example: "3", Text: "as Auditbeat"},
	AuditdResult:                        {Name: "auditd.result", Type: Keyword, Many: false, Custom: true, Example: "success", Text: "as Auditbeat"},
	AuditdKey:                           {Name: "auditd.key", Type: Keyword, Many: true, Custom: true, Example: "[\"tm_exec\"]", Text: ""},
	AuditdData:                          {Name: "auditd.data", Type: Flattened, Many: false, Custom: true, Example: "", Text: "as Auditbeat; remaining record fields: syscall, arch, exit, a0 to a3, op, ..."},
	AuditdPaths:                         {Name: "auditd.paths", Type: Object, Many: true, Custom: true, Example: "", Text: "as Auditbeat; all PATH records"},
	AuditdOpenFlags:                     {Name: "auditd.open_flags", Type: Keyword, Many: true, Custom: true, Example: "[\"O_WRONLY\",\"O_CREAT\"]", Text: "decoded flags of the open family"},
	AuditdSummaryActorPrimary:           {Name: "auditd.summary.actor.primary", Type: Keyword, Many: false, Custom: true, Example: "ana", Text: "as Auditbeat"},
	AuditdSummaryActorSecondary:         {Name: "auditd.summary.actor.secondary", Type: Keyword, Many: false, Custom: true, Example: "root", Text: ""},
	AuditdSummaryObjectType:             {Name: "auditd.summary.object.type", Type: Keyword, Many: false, Custom: true, Example: "file", Text: ""},
	AuditdSummaryObjectPrimary:          {Name: "auditd.summary.object.primary", Type: Keyword, Many: false, Custom: true, Example: "/etc/passwd", Text: ""},
	AuditdSummaryObjectSecondary:        {Name: "auditd.summary.object.secondary", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	AuditdSummaryHow:                    {Name: "auditd.summary.how", Type: Keyword, Many: false, Custom: true, Example: "/usr/bin/vim", Text: ""},
	JenkinsKind:                         {Name: "jenkins.kind", Type: Keyword, Many: false, Custom: true, Example: "http_request", Text: "http_request, run_started, run_completed, credential_usage, script"},
	JenkinsRequestURI:                   {Name: "jenkins.request.uri", Type: Keyword, Many: false, Custom: true, Example: "/job/a/configSubmit", Text: ""},
	JenkinsJobName:                      {Name: "jenkins.job.name", Type: Keyword, Many: false, Custom: true, Example: "folder/a", Text: ""},
	JenkinsJobURL:                       {Name: "jenkins.job.url", Type: Keyword, Many: false, Custom: true, Example: "job/folder/job/a/", Text: ""},
	JenkinsBuildNumber:                  {Name: "jenkins.build.number", Type: Long, Many: false, Custom: true, Example: "12", Text: ""},
	JenkinsBuildResult:                  {Name: "jenkins.build.result", Type: Keyword, Many: false, Custom: true, Example: "SUCCESS", Text: ""},
	JenkinsBuildCause:                   {Name: "jenkins.build.cause", Type: Keyword, Many: false, Custom: true, Example: "Started by user Ana", Text: ""},
	JenkinsBuildNode:                    {Name: "jenkins.build.node", Type: Keyword, Many: false, Custom: true, Example: "built-in", Text: ""},
	JenkinsBuildParameters:              {Name: "jenkins.build.parameters", Type: Flattened, Many: false, Custom: true, Example: "", Text: ""},
	JenkinsCredentialID:                 {Name: "jenkins.credential.id", Type: Keyword, Many: false, Custom: true, Example: "prod-deploy", Text: ""},
	JenkinsCredentialType:               {Name: "jenkins.credential.type", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	JenkinsScript:                       {Name: "jenkins.script", Type: Text, Many: false, Custom: true, Example: "", Text: "truncated at 8 KiB"},
	GitRepository:                       {Name: "git.repository", Type: Keyword, Many: false, Custom: true, Example: "shop/api", Text: ""},
	GitRef:                              {Name: "git.ref", Type: Keyword, Many: false, Custom: true, Example: "refs/heads/main", Text: ""},
	GitBefore:                           {Name: "git.before", Type: Keyword, Many: false, Custom: true, Example: "40 hex", Text: ""},
	GitAfter:                            {Name: "git.after", Type: Keyword, Many: false, Custom: true, Example: "40 hex", Text: ""},
	GitForced:                           {Name: "git.forced", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	GitCreated:                          {Name: "git.created", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	GitDeleted:                          {Name: "git.deleted", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	GitProtected:                        {Name: "git.protected", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	GitCommits:                          {Name: "git.commits", Type: Long, Many: false, Custom: true, Example: "3", Text: ""},
	GitTransport:                        {Name: "git.transport", Type: Keyword, Many: false, Custom: true, Example: "ssh", Text: ""},
	GitServer:                           {Name: "git.server", Type: Keyword, Many: false, Custom: true, Example: "gitea", Text: ""},
	OCIRepository:                       {Name: "oci.repository", Type: Keyword, Many: false, Custom: true, Example: "shop/api", Text: "ECS reserves registry.* for Windows"},
	OCITag:                              {Name: "oci.tag", Type: Keyword, Many: false, Custom: true, Example: "1.4.2", Text: ""},
	OCIDigest:                           {Name: "oci.digest", Type: Keyword, Many: false, Custom: true, Example: "sha256:...", Text: ""},
	OCIPreviousDigest:                   {Name: "oci.previous_digest", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	OCITagOverwritten:                   {Name: "oci.tag_overwritten", Type: Boolean, Many: false, Custom: true, Example: "", Text: ""},
	OCIMediaType:                        {Name: "oci.media_type", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	OCISize:                             {Name: "oci.size", Type: Long, Many: false, Custom: true, Example: "708", Text: ""},
	OCIInstance:                         {Name: "oci.instance", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	FalcoRule:                           {Name: "falco.rule", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	FalcoPriority:                       {Name: "falco.priority", Type: Keyword, Many: false, Custom: true, Example: "Warning", Text: ""},
	FalcoSource:                         {Name: "falco.source", Type: Keyword, Many: false, Custom: true, Example: "syscall", Text: ""},
	FalcoOutput:                         {Name: "falco.output", Type: Text, Many: false, Custom: true, Example: "", Text: ""},
	FalcoOutputFields:                   {Name: "falco.output_fields", Type: Flattened, Many: false, Custom: true, Example: "", Text: ""},
	FalcoUUID:                           {Name: "falco.uuid", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	HTTPRequestMethod:                   {Name: "http.request.method", Type: Keyword, Many: false, Custom: false, Example: "PUT", Text: ""},
	HTTPRequestID:                       {Name: "http.request.id", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	HTTPResponseStatusCode:              {Name: "http.response.status_code", Type: Long, Many: false, Custom: false, Example: "201", Text: ""},
	URLOriginal:                         {Name: "url.original", Type: Wildcard, Many: false, Custom: false, Example: "", Text: ""},
	URLPath:                             {Name: "url.path", Type: Wildcard, Many: false, Custom: false, Example: "/v2/shop/api/manifests/1.4.2", Text: ""},
	URLDomain:                           {Name: "url.domain", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	UserAgentOriginal:                   {Name: "user_agent.original", Type: Keyword, Many: false, Custom: false, Example: "docker/28.5", Text: ""},
	ServiceName:                         {Name: "service.name", Type: Keyword, Many: false, Custom: false, Example: "registry", Text: ""},
	ServiceType:                         {Name: "service.type", Type: Keyword, Many: false, Custom: false, Example: "auditd", Text: ""},
	RuleID:                              {Name: "rule.id", Type: Keyword, Many: false, Custom: false, Example: "TM-CT-001", Text: "Alerts only"},
	RuleName:                            {Name: "rule.name", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	RuleDescription:                     {Name: "rule.description", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	RuleRuleset:                         {Name: "rule.ruleset", Type: Keyword, Many: false, Custom: false, Example: "container-runtime", Text: "Pack"},
	RuleVersion:                         {Name: "rule.version", Type: Keyword, Many: false, Custom: false, Example: "1", Text: ""},
	RuleCategory:                        {Name: "rule.category", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	RuleReference:                       {Name: "rule.reference", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	ThreatFramework:                     {Name: "threat.framework", Type: Keyword, Many: false, Custom: false, Example: "MITRE ATT&CK", Text: ""},
	ThreatTacticID:                      {Name: "threat.tactic.id", Type: Keyword, Many: true, Custom: false, Example: "[\"TA0004\"]", Text: ""},
	ThreatTacticName:                    {Name: "threat.tactic.name", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	ThreatTechniqueID:                   {Name: "threat.technique.id", Type: Keyword, Many: true, Custom: false, Example: "[\"T1611\"]", Text: ""},
	ThreatTechniqueName:                 {Name: "threat.technique.name", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	ThreatTechniqueSubtechniqueID:       {Name: "threat.technique.subtechnique.id", Type: Keyword, Many: true, Custom: false, Example: "[\"T1059.004\"]", Text: ""},
	ThreatTechniqueSubtechniqueName:     {Name: "threat.technique.subtechnique.name", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	RelatedUser:                         {Name: "related.user", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	RelatedIP:                           {Name: "related.ip", Type: IP, Many: true, Custom: false, Example: "", Text: ""},
	RelatedHosts:                        {Name: "related.hosts", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	RelatedHash:                         {Name: "related.hash", Type: Keyword, Many: true, Custom: false, Example: "", Text: ""},
	ErrorMessage:                        {Name: "error.message", Type: Text, Many: false, Custom: false, Example: "", Text: "Parse or enrichment failure"},
	ErrorCode:                           {Name: "error.code", Type: Keyword, Many: false, Custom: false, Example: "WB2103", Text: ""},
	TallymanSchemaVersion:               {Name: "tallyman.schema_version", Type: Keyword, Many: false, Custom: true, Example: "1", Text: ""},
	TallymanInput:                       {Name: "tallyman.input", Type: Keyword, Many: false, Custom: true, Example: "audit_file", Text: ""},
	TallymanPipeline:                    {Name: "tallyman.pipeline", Type: Keyword, Many: false, Custom: true, Example: "main", Text: ""},
	TallymanComponent:                   {Name: "tallyman.component", Type: Keyword, Many: false, Custom: true, Example: "splunk", Text: "subject of internal events"},
	TallymanRules:                       {Name: "tallyman.rules", Type: Keyword, Many: true, Custom: true, Example: "[\"TM-CT-001\"]", Text: "rules that matched the original event"},
	TallymanSuppressed:                  {Name: "tallyman.suppressed", Type: Long, Many: false, Custom: true, Example: "12", Text: "alerts folded into this one"},
	TallymanBandValue:                   {Name: "tallyman.band.value", Type: Float, Many: false, Custom: true, Example: "419430400", Text: "of an alert of a band: the number that lies outside"},
	TallymanBandLow:                     {Name: "tallyman.band.low", Type: Float, Many: false, Custom: true, Example: "94371840", Text: "the least that is usual, where too little is told as well"},
	TallymanBandHigh:                    {Name: "tallyman.band.high", Type: Float, Many: false, Custom: true, Example: "134217728", Text: "the most that is usual"},
	TallymanBandLearned:                 {Name: "tallyman.band.learned", Type: Long, Many: false, Custom: true, Example: "288", Text: "how many numbers the band was learned from"},
	TallymanExeUpperLayer:               {Name: "tallyman.exe_upper_layer", Type: Boolean, Many: false, Custom: true, Example: "true", Text: ""},
	TallymanContainerMethod:             {Name: "tallyman.container.method", Type: Keyword, Many: false, Custom: true, Example: "lineage", Text: "how the container was found: connector, tracefs, lineage, proc, parent, inspect, source (the log itself says it), none"},
	TallymanContainerConfidence:         {Name: "tallyman.container.confidence", Type: Keyword, Many: false, Custom: true, Example: "exact", Text: "exact, high, medium, unknown"},
	TallymanContainerHost:               {Name: "tallyman.container.host", Type: Boolean, Many: false, Custom: true, Example: "true", Text: "proven to be outside every container; rules that mean \"on the host\" test this, not an empty container.id"},
	TallymanContainerHops:               {Name: "tallyman.container.hops", Type: Long, Many: false, Custom: true, Example: "2", Text: "ancestors walked to find it"},
	TallymanContainerWaitedMS:           {Name: "tallyman.container.waited_ms", Type: Long, Many: false, Custom: true, Example: "12", Text: ""},
	TallymanContainerAmbiguous:          {Name: "tallyman.container.ambiguous", Type: Boolean, Many: false, Custom: true, Example: "", Text: "more than one life fitted"},
	TallymanSessionUser:                 {Name: "tallyman.session.user", Type: Keyword, Many: false, Custom: true, Example: "ana@example", Text: "the person behind the process tree as another log names them; never written to user.audit"},
	TallymanSessionHow:                  {Name: "tallyman.session.how", Type: Keyword, Many: false, Custom: true, Example: "kubectl-exec", Text: "kubectl-exec, docker-exec, docker-healthcheck, ssh, console, cron, sudo, su"},
	TallymanSessionConfidence:           {Name: "tallyman.session.confidence", Type: Keyword, Many: false, Custom: true, Example: "high", Text: "exact, high, medium, low (several fit)"},
	TallymanSessionID:                   {Name: "tallyman.session.id", Type: Keyword, Many: false, Custom: true, Example: "", Text: "event.id of the event that opened it; of a docker exec, the engine's own id of it"},
	TallymanEscaped:                     {Name: "tallyman.escaped", Type: Keyword, Many: true, Custom: true, Example: "[\"process.args\"]", Text: "fields that use the escape of rule 6"},
	TallymanCompliancePCIDSS:            {Name: "tallyman.compliance.pci_dss", Type: Keyword, Many: true, Custom: true, Example: "[\"10.2.1.2\"]", Text: ""},
	TallymanCompliancePCIContainers:     {Name: "tallyman.compliance.pci_containers", Type: Keyword, Many: true, Custom: true, Example: "[\"8.2\"]", Text: ""},
	TallymanComplianceCISDocker:         {Name: "tallyman.compliance.cis_docker", Type: Keyword, Many: true, Custom: true, Example: "[\"5.5\"]", Text: ""},
	TallymanComplianceNIST800190:        {Name: "tallyman.compliance.nist_800_190", Type: Keyword, Many: true, Custom: true, Example: "[\"3.4.3\"]", Text: ""},
	TallymanIntegritySegment:            {Name: "tallyman.integrity.segment", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	TallymanIntegritySequence:           {Name: "tallyman.integrity.sequence", Type: Long, Many: false, Custom: true, Example: "", Text: ""},
	TallymanIntegrityPrevious:           {Name: "tallyman.integrity.previous", Type: Keyword, Many: false, Custom: true, Example: "", Text: ""},
	VulnerabilityID:                     {Name: "vulnerability.id", Type: Keyword, Many: false, Custom: false, Example: "CVE-2019-1549", Text: ""},
	VulnerabilitySeverity:               {Name: "vulnerability.severity", Type: Keyword, Many: false, Custom: false, Example: "HIGH", Text: "as the scanner writes it"},
	VulnerabilityScoreBase:              {Name: "vulnerability.score.base", Type: Float, Many: false, Custom: false, Example: "7.5", Text: "CVSS"},
	VulnerabilityScoreVersion:           {Name: "vulnerability.score.version", Type: Keyword, Many: false, Custom: false, Example: "3.1", Text: ""},
	VulnerabilityCategory:               {Name: "vulnerability.category", Type: Keyword, Many: true, Custom: false, Example: "[\"os-pkgs\"]", Text: "what kind of thing was looked at"},
	VulnerabilityDescription:            {Name: "vulnerability.description", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	VulnerabilityReference:              {Name: "vulnerability.reference", Type: Keyword, Many: false, Custom: false, Example: "https://avd.aquasec.com/nvd/cve-2019-1549", Text: ""},
	VulnerabilityReportID:               {Name: "vulnerability.report_id", Type: Keyword, Many: false, Custom: false, Example: "", Text: ""},
	VulnerabilityScannerVendor:          {Name: "vulnerability.scanner.vendor", Type: Keyword, Many: false, Custom: false, Example: "Aqua Security", Text: ""},
	PackageName:                         {Name: "package.name", Type: Keyword, Many: false, Custom: false, Example: "libcrypto1.1", Text: ""},
	PackageVersion:                      {Name: "package.version", Type: Keyword, Many: false, Custom: false, Example: "1.1.1c-r0", Text: "the one that is installed"},
	PackageFixedVersion:                 {Name: "package.fixed_version", Type: Keyword, Many: false, Custom: true, Example: "1.1.1d-r0", Text: "the first that is not affected"},
	PackageType:                         {Name: "package.type", Type: Keyword, Many: false, Custom: false, Example: "apk", Text: ""},
	PackagePath:                         {Name: "package.path", Type: Keyword, Many: false, Custom: false, Example: "/usr/lib/libcrypto.so", Text: ""},
	ContainerMemoryUsage:                {Name: "container.memory.usage", Type: Float, Many: false, Custom: false, Example: "0.42", Text: "the share of its limit that the container uses, 0 to 1; of the host's memory where it has none"},
	ContainerCPUUsage:                   {Name: "container.cpu.usage", Type: Float, Many: false, Custom: false, Example: "0.13", Text: "the share of all processors that it used since the last measurement, 0 to 1"},
	ContainerNetworkIngressBytes:        {Name: "container.network.ingress.bytes", Type: Long, Many: false, Custom: false, Example: "81920", Text: "since the last measurement"},
	ContainerNetworkEgressBytes:         {Name: "container.network.egress.bytes", Type: Long, Many: false, Custom: false, Example: "4096", Text: "since the last measurement"},
	ContainerDiskReadBytes:              {Name: "container.disk.read.bytes", Type: Long, Many: false, Custom: false, Example: "4096", Text: "since the last measurement"},
	ContainerDiskWriteBytes:             {Name: "container.disk.write.bytes", Type: Long, Many: false, Custom: false, Example: "4096", Text: "since the last measurement"},
	DockerStatsMemoryBytes:              {Name: "docker.stats.memory_bytes", Type: Long, Many: false, Custom: true, Example: "104857600", Text: "without what the page cache would give back"},
	DockerStatsMemoryLimit:              {Name: "docker.stats.memory_limit", Type: Long, Many: false, Custom: true, Example: "268435456", Text: "what memory may be used, in bytes"},
	DockerStatsPIDs:                     {Name: "docker.stats.pids", Type: Long, Many: false, Custom: true, Example: "17", Text: "processes and threads"},
	DockerStatsPIDsLimit:                {Name: "docker.stats.pids_limit", Type: Long, Many: false, Custom: true, Example: "4096", Text: "absent where there is none"},
	DockerThresholdName:                 {Name: "docker.threshold.name", Type: Keyword, Many: false, Custom: true, Example: "memory", Text: "memory, memory_bytes, pids, cpu, ingress or egress"},
	DockerThresholdLimit:                {Name: "docker.threshold.limit", Type: Float, Many: false, Custom: true, Example: "0.9", Text: "where the threshold lies, in the unit of its setting"},
	DockerThresholdValue:                {Name: "docker.threshold.value", Type: Float, Many: false, Custom: true, Example: "0.94", Text: "what was measured, in the same unit"},
}
