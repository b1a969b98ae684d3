package k8saudit

// verdict is what SCHEMA 3.2 says of a request. Empty places are no value.
type verdict struct {
	categories [2]string
	types      [3]string
	severity   int64
	outcome    string
}

// judge reads the tables of SCHEMA 3.2; docs/reference/kubernetes.md has what
// it leaves open.
func (r *record) judge() verdict {
	v := verdict{categories: [2]string{"api"}, types: [3]string{kindOf(r.verb)}, severity: 2}
	write := v.types[0] != "access" && v.types[0] != "info"
	if write {
		v.severity = 3
	}
	res, sub := r.ref.resource, r.ref.subresource
	switch {
	case r.session():
		v.categories[1], v.types[0], v.severity = "session", "start", 5
	case rbac(res):
		v.severity = 5
		if write {
			v.categories[1], v.types, v.severity = "iam", [3]string{"admin", v.types[0]}, 6
		}
	case res == "secrets":
		v.severity = 5
	case res == "tokenreviews":
		v.categories[1], v.types[0], v.severity = "authentication", "info", 2
	case res == "subjectaccessreviews", res == "selfsubjectaccessreviews", res == "localsubjectaccessreviews", res == "selfsubjectrulesreviews", res == "selfsubjectreviews":
		v.categories[1], v.types[0], v.severity = "iam", "info", 2
	case res == "serviceaccounts" && write:
		v.categories[1], v.types = "iam", [3]string{"user", v.types[0]}
	case res == "certificatesigningrequests" && sub == "approval":
		v.categories[1], v.types, v.severity = "iam", [3]string{"admin", v.types[0]}, 6
	}
	v.decide(r)
	return v
}

// decide adds how the request ended.
func (v *verdict) decide(r *record) {
	at := 1
	if v.types[1] != "" {
		at = 2
	}
	switch r.decision {
	case "allow":
		v.types[at] = "allowed"
	case "forbid":
		v.types[at] = "denied"
	}
	v.outcome = "unknown"
	switch {
	case r.code == 401 || r.code == 403:
		v.outcome, v.severity = "failure", max(v.severity, 5)
	case r.code >= 400 || r.stage == "Panic" || r.code == 0 && (r.status == "Failure" || r.decision == "forbid"):
		v.outcome = "failure"
		if v.severity < 4 {
			v.severity++
		}
	case r.code > 0 || r.status == "Success":
		v.outcome = "success"
	}
}

// kindOf is the event.type of a verb. Requests that are about no resource have
// the HTTP method as verb.
func kindOf(verb string) string {
	switch verb {
	case "create", "post":
		return "creation"
	case "get", "list", "watch", "head", "options":
		return "access"
	case "update", "patch", "put":
		return "change"
	case "delete", "deletecollection":
		return "deletion"
	}
	return "info"
}

// singular is the name of a resource in its singular, as orchestrator.resource.type
// has it.
func singular(resource string) string {
	n := len(resource)
	switch {
	case resource == "endpoints", n < 2 || resource[n-1] != 's':
		return resource
	case n > 3 && resource[n-3:] == "ies":
		return resource[:n-3] + "y"
	case n > 4 && (resource[n-4:] == "sses" || resource[n-3:] == "xes" || resource[n-4:] == "ches"):
		return resource[:n-2]
	}
	return resource[:n-1]
}
