package session

import "tallyman/pipeline/schema"

// slots says of each field that matters which text of seen it is, and 255 where
// it is no text. An event has forty fields, and a dozen of them matter: a table
// is read in a tenth of the time that a search among cases takes.
var slots = [...]uint8{
	schema.ProcessPID: 255, schema.ProcessParentPID: 255, schema.DockerExecHealthcheck: 255,

	schema.EventKind:                           1,
	schema.EventModule:                         2,
	schema.EventAction:                         3,
	schema.EventCode:                           4,
	schema.EventOutcome:                        5,
	schema.EventProvider:                       6,
	schema.AuditdSession:                       7,
	schema.UserAuditName:                       8,
	schema.UserEffectiveName:                   9,
	schema.ProcessName:                         10,
	schema.ProcessParentName:                   11,
	schema.ProcessEntityID:                     12,
	schema.ProcessParentEntityID:               13,
	schema.ContainerID:                         14,
	schema.ContainerName:                       15,
	schema.OrchestratorClusterName:             16,
	schema.KubernetesNamespace:                 17,
	schema.KubernetesPodName:                   18,
	schema.KubernetesContainerName:             19,
	schema.DockerExecID:                        20,
	schema.DockerExecCommand:                   21,
	schema.KubernetesAuditAuditID:              22,
	schema.KubernetesAuditObjectRefSubresource: 23,
	schema.KubernetesAuditUserUsername:         24,
	schema.HostID:                              25,
	schema.HostBootID:                          26,
	schema.HostName:                            27,
	schema.SourceAddress:                       28,
	schema.SourceIP:                            28,
}

// text returns the text of a slot; the two lists have one order.
func (s *seen) text(slot uint8) *string {
	switch slot {
	case 1:
		return &s.kind
	case 2:
		return &s.module
	case 3:
		return &s.action
	case 4:
		return &s.code
	case 5:
		return &s.outcome
	case 6:
		return &s.provider
	case 7:
		return &s.ses
	case 8:
		return &s.auditName
	case 9:
		return &s.effectiveName
	case 10:
		return &s.name
	case 11:
		return &s.parentName
	case 12:
		return &s.entity
	case 13:
		return &s.parentEntity
	case 14:
		return &s.box.id
	case 15:
		return &s.box.name
	case 16:
		return &s.box.cluster
	case 17:
		return &s.box.namespace
	case 18:
		return &s.box.pod
	case 19:
		return &s.box.container
	case 20:
		return &s.execID
	case 21:
		return &s.command
	case 22:
		return &s.auditID
	case 23:
		return &s.subresource
	case 24:
		return &s.kubeUser
	case 25:
		return &s.place.host
	case 26:
		return &s.place.boot
	case 27:
		return &s.hostName
	}
	return &s.from
}
