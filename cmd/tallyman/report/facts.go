package report

import (
	"strconv"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// What tables say of an event, in the words of its fields.

func get(e *event.Event, k schema.Key) string { return e.Get(k).Str() }

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func host(e *event.Event) string {
	return first(get(e, schema.HostName), get(e, schema.HostHostname), get(e, schema.HostID), "(no host)")
}

// who is the person, as far as the event knows.
func who(e *event.Event) string {
	return first(get(e, schema.TallymanSessionUser), named(e, schema.UserAuditName, schema.UserAuditID), named(e, schema.UserName, schema.UserID),
		get(e, schema.KubernetesAuditUserUsername), "(not said)")
}

func effective(e *event.Event) string {
	return named(e, schema.UserEffectiveName, schema.UserEffectiveID)
}

func named(e *event.Event, name, id schema.Key) string {
	if n := get(e, name); n != "" {
		return n
	}
	if n := get(e, id); n != "" {
		return "uid " + n
	}
	return ""
}

// container is the name of it, else of the pod, else the first digits of the id.
func container(e *event.Event) string {
	id := get(e, schema.ContainerID)
	pod := first(get(e, schema.KubernetesPodName), podOf(e))
	if ns := first(get(e, schema.KubernetesNamespace), get(e, schema.KubernetesAuditObjectRefNamespace)); pod != "" && ns != "" {
		pod = ns + "/" + pod
	}
	return first(get(e, schema.ContainerName), pod, id[:min(len(id), 12)])
}

func podOf(e *event.Event) string {
	if get(e, schema.KubernetesAuditObjectRefResource) != "pods" {
		return ""
	}
	return get(e, schema.KubernetesAuditObjectRefName)
}

// place is the container, else the host.
func place(e *event.Event) string {
	if c := container(e); c != "" {
		return c + " on " + host(e)
	}
	return host(e)
}

func image(e *event.Event) string {
	return first(get(e, schema.ContainerImageName), get(e, schema.OCIRepository), get(e, schema.KubernetesAuditPodImages))
}

// registry is where an image is from: what the event says, else what its name begins
// with, by the rule that a registry's name has a dot or a port.
func registry(e *event.Event) string {
	if r := first(get(e, schema.ContainerImageRegistry), get(e, schema.OCIInstance)); r != "" {
		return r
	}
	name := image(e)
	for i := range len(name) {
		if name[i] == '/' {
			for j := range i {
				if name[j] == '.' || name[j] == ':' {
					return name[:i]
				}
			}
			break
		}
	}
	return "(not said)"
}

// granted is what an event of identities is about: a role, a group, a resource.
func granted(e *event.Event) string {
	resource := get(e, schema.KubernetesAuditObjectRefResource)
	if sub := get(e, schema.KubernetesAuditObjectRefSubresource); sub != "" {
		resource += "/" + sub
	}
	if name := get(e, schema.KubernetesAuditObjectRefName); name != "" {
		resource += " " + name
	}
	if role := get(e, schema.KubernetesAuditRoleRef); role != "" {
		resource += " to " + role
	}
	return first(resource, get(e, schema.UserTargetGroupName), get(e, schema.GroupName), get(e, schema.UserRoles), get(e, schema.FilePath))
}

func outcome(e *event.Event) string { return first(get(e, schema.EventOutcome), "unknown") }

func failed(e *event.Event) bool { return get(e, schema.EventOutcome) == "failure" }

func severity(e *event.Event) int64 {
	n, _ := e.Get(schema.EventSeverity).Int64()
	return n
}

func status(e *event.Event) int64 {
	n, _ := e.Get(schema.KubernetesAuditResponseStatusCode).Int64()
	return n
}

// categories are those that tables ask for.
type categories struct{ access, iam bool }

func category(e *event.Event) (c categories) {
	for v := range e.Fields.All(schema.EventCategory) {
		switch v.Str() {
		case "authentication", "session":
			c.access = true
		case "iam":
			c.iam = true
		}
	}
	return c
}
