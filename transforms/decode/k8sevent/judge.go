package k8sevent

import "strings"

// verdict is what an event means; docs/reference/kubernetes.md is the table.
type verdict struct {
	category, kind, action, outcome string
	severity                        int64
}

// reasons are those of Kubernetes' own components that are more than news. The
// names are those of pkg/kubelet/events and of the controllers.
var reasons = map[string]verdict{
	"Created":                   {"process", "info", "created", "", 0},
	"Started":                   {"process", "start", "started", "", 0},
	"Killing":                   {"process", "end", "killing", "", 3},
	"Preempting":                {"process", "end", "preempting", "", 3},
	"Preempted":                 {"process", "end", "preempted", "", 3},
	"BackOff":                   {"process", "info", "back-off", "failure", 0},
	"Failed":                    {"process", "info", "failed", "failure", 0},
	"FailedKillPod":             {"process", "info", "failed-kill-pod", "failure", 5},
	"ExceededGracePeriod":       {"process", "info", "exceeded-grace-period", "failure", 0},
	"Unhealthy":                 {"process", "info", "unhealthy", "failure", 0},
	"OOMKilling":                {"process", "end", "oom-killing", "", 5},
	"SystemOOM":                 {"process", "end", "system-oom", "", 5},
	"Evicted":                   {"process", "end", "evicted", "", 5},
	"TaintManagerEviction":      {"process", "end", "taint-manager-eviction", "", 4},
	"Pulling":                   {"package", "info", "pulling", "", 0},
	"Pulled":                    {"package", "installation", "pulled", "", 0},
	"ErrImageNeverPull":         {"package", "info", "err-image-never-pull", "failure", 0},
	"InspectFailed":             {"package", "info", "inspect-failed", "failure", 0},
	"Scheduled":                 {"configuration", "info", "scheduled", "", 0},
	"FailedScheduling":          {"configuration", "info", "failed-scheduling", "failure", 0},
	"SuccessfulCreate":          {"configuration", "creation", "successful-create", "", 0},
	"SuccessfulDelete":          {"configuration", "deletion", "successful-delete", "", 0},
	"FailedCreate":              {"configuration", "info", "failed-create", "failure", 0},
	"ScalingReplicaSet":         {"configuration", "change", "scaling-replica-set", "", 0},
	"SuccessfulRescale":         {"configuration", "change", "successful-rescale", "", 0},
	"FailedMount":               {"file", "info", "failed-mount", "failure", 0},
	"FailedAttachVolume":        {"file", "info", "failed-attach-volume", "failure", 0},
	"SuccessfulAttachVolume":    {"file", "access", "successful-attach-volume", "", 0},
	"NodeReady":                 {"host", "info", "node-ready", "", 0},
	"NodeNotReady":              {"host", "info", "node-not-ready", "failure", 5},
	"NodeNotSchedulable":        {"host", "change", "node-not-schedulable", "", 4},
	"NodeSchedulable":           {"host", "change", "node-schedulable", "", 3},
	"RegisteredNode":            {"host", "info", "registered-node", "", 0},
	"RemovingNode":              {"host", "info", "removing-node", "", 4},
	"Rebooted":                  {"host", "change", "rebooted", "", 5},
	"Starting":                  {"host", "info", "starting", "", 0},
	"FailedCreatePodSandBox":    {"process", "info", "failed-create-pod-sand-box", "failure", 0},
	"NetworkNotReady":           {"network", "info", "network-not-ready", "failure", 0},
	"LeaderElection":            {"configuration", "change", "leader-election", "", 0},
	"PolicyViolation":           {"configuration", "info", "policy-violation", "failure", 5},
	"FailedToCreateRoute":       {"network", "info", "failed-to-create-route", "failure", 0},
	"ProvisioningFailed":        {"file", "info", "provisioning-failed", "failure", 0},
	"ProvisioningSucceeded":     {"file", "creation", "provisioning-succeeded", "", 0},
	"FailedBinding":             {"file", "info", "failed-binding", "failure", 0},
	"EvictionThresholdMet":      {"host", "info", "eviction-threshold-met", "failure", 5},
	"NodeHasDiskPressure":       {"host", "info", "node-has-disk-pressure", "failure", 5},
	"NodeHasInsufficientMemory": {"host", "info", "node-has-insufficient-memory", "failure", 5},
}

// judge says what the event means. A watch that deletes an event says nothing of
// what it is about: it is too old, or somebody removed it.
func (r *record) judge() verdict {
	if r.change == "DELETED" {
		return verdict{"configuration", "deletion", "event-deleted", "success", 3}
	}
	v, known := reasons[r.reason]
	if !known {
		v = verdict{category: "host", kind: "info", action: kebab(r.reason)}
	}
	warning := r.level == "Warning"
	switch {
	case v.severity > 0:
	case warning:
		v.severity = 4
	default:
		v.severity = 2
	}
	switch {
	case warning:
		v.outcome = "failure"
	case v.outcome != "":
	case r.level == "Normal":
		v.outcome = "success"
	default:
		v.outcome = "unknown"
	}
	if v.action == "" {
		v.action = "event"
	}
	return v
}

// kebab writes a reason as actions are written: FailedMount is failed-mount,
// OOMKilling oom-killing. What is no letter or digit parts words.
func kebab(s string) string {
	if len(s) > 128 {
		s = s[:128]
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			if i > 0 && (small(s[i-1]) || i+1 < len(s) && small(s[i+1]) && s[i-1] >= 'A' && s[i-1] <= 'Z') {
				b.WriteByte('-')
			}
			b.WriteByte(c | 0x20)
		case small(c):
			b.WriteByte(c)
		case b.Len() > 0 && i+1 < len(s):
			b.WriteByte('-')
		}
	}
	return b.String()
}

func small(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
