package runtimes

import "strings"

// The labels that orchestrators set on their containers.
const (
	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"

	swarmStack   = "com.docker.stack.namespace"
	swarmService = "com.docker.swarm.service.name"
	swarmTask    = "com.docker.swarm.task.id"
	swarmNode    = "com.docker.swarm.node.id"

	ecsTask      = "com.amazonaws.ecs.task-arn"
	ecsCluster   = "com.amazonaws.ecs.cluster"
	ecsContainer = "com.amazonaws.ecs.container-name"
	ecsFamily    = "com.amazonaws.ecs.task-definition-family"
	ecsVersion   = "com.amazonaws.ecs.task-definition-version"

	nomadAlloc     = "com.hashicorp.nomad.alloc_id"
	nomadJob       = "com.hashicorp.nomad.job_name"
	nomadJobID     = "com.hashicorp.nomad.job_id"
	nomadGroup     = "com.hashicorp.nomad.task_group_name"
	nomadTask      = "com.hashicorp.nomad.task_name"
	nomadNamespace = "com.hashicorp.nomad.namespace"
	nomadNode      = "com.hashicorp.nomad.node_name"

	podName      = "io.kubernetes.pod.name"
	podNamespace = "io.kubernetes.pod.namespace"
	podUID       = "io.kubernetes.pod.uid"
	podContainer = "io.kubernetes.container.name"
	podKind      = "io.kubernetes.docker.type"
)

// orchestrating are the beginnings of the labels that workload reads and that
// no image has a reason to bear. Compose also labels the images that it builds.
var orchestrating = []string{"com.docker.swarm.", "com.docker.stack.", "com.amazonaws.ecs.", "com.hashicorp.nomad."}

// workload returns which orchestrator runs a container, by its labels, without
// those that stand in its image too: any image may bear any label. Nomad's
// variables (its docker driver sets labels for all but the id only where it is
// told to) fill what the labels leave open.
func workload(labels, image map[string]string, env map[string]string) *Workload {
	l := func(name string) string {
		v := labels[name]
		if v == "" || image[name] == v && borne(name) {
			return ""
		}
		return v
	}
	or := func(name, variable string) string {
		if v := l(name); v != "" {
			return v
		}
		return env[variable]
	}
	switch {
	case l(ecsTask) != "":
		w := &Workload{Type: "ecs", Cluster: l(ecsCluster), ResourceType: "task", Name: l(ecsContainer), ID: l(ecsTask), Parent: l(ecsFamily)}
		if v := l(ecsVersion); v != "" && w.Parent != "" {
			w.Parent += ":" + v
		}
		return w
	case l(nomadAlloc) != "":
		w := &Workload{Type: "nomad", Namespace: or(nomadNamespace, "NOMAD_NAMESPACE"), ResourceType: "allocation", Name: or(nomadTask, "NOMAD_TASK_NAME"),
			ID: l(nomadAlloc), Node: l(nomadNode)}
		if w.Parent = or(nomadJob, "NOMAD_JOB_NAME"); w.Parent == "" {
			w.Parent = l(nomadJobID)
		}
		if group := or(nomadGroup, "NOMAD_GROUP_NAME"); group != "" && w.Parent != "" {
			w.Parent += "/" + group
		}
		return w
	case l(swarmService) != "":
		return &Workload{Type: "swarm", Namespace: l(swarmStack), ResourceType: "service", Name: l(swarmService), ID: l(swarmTask), Node: l(swarmNode)}
	case l(composeProject) != "":
		return &Workload{Type: "compose", Namespace: l(composeProject), ResourceType: "service", Name: l(composeService)}
	}
	return nil
}

// borne reports whether a label says who runs a container, and is not believed
// where the image has it.
func borne(name string) bool {
	for _, p := range orchestrating {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// orchestrated reports whether some label says who runs a container, so that
// the image's own labels are worth a question.
func orchestrated(labels map[string]string) bool {
	for name := range labels {
		if borne(name) {
			return true
		}
	}
	return false
}

// podOf returns the pod that a kubelet's labels name, nil where there is none.
func podOf(labels map[string]string) *Pod {
	if labels[podUID] == "" {
		return nil
	}
	return &Pod{Namespace: labels[podNamespace], Name: labels[podName], UID: labels[podUID]}
}
