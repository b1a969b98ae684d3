package jenkins

import (
	"net/url"
	"strings"
)

// request is what the path of a request says.
type request struct{ action, job, node string }

// judge reads a path below the controller's root: which job or node it is about,
// and what it does (SCHEMA 3.2). Extra is what the audit trail writes beside it,
// the name of a new item.
func judge(uri, extra string) request {
	path, _, _ := strings.Cut(uri, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i := range parts {
		if p, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = p
		}
	}
	var r request
	var job []string
	rest := parts[:0:0]
	for i := 0; i < len(parts); i++ {
		switch {
		case parts[i] == "job" && i+1 < len(parts) && parts[i+1] != "":
			job = append(job, parts[i+1])
			i++
		case parts[i] == "view" && i+1 < len(parts) && len(rest) == 0:
			i++ // a way to look at jobs, and no part of their names
		case parts[i] == "manage" && len(rest) == 0 && len(job) == 0:
		case parts[i] == "computer" && i+1 < len(parts) && len(rest) == 0 && len(job) == 0:
			rest = append(rest, parts[i])
			if i+2 < len(parts) {
				r.node = parts[i+1]
				i++
			}
		default:
			rest = append(rest, parts[i])
		}
	}
	r.job = strings.Join(job, "/")
	r.action = "http-request"
	if len(rest) > 0 {
		r.action = r.does(rest, extra)
	}
	return r
}

// does names what a request does by the segments that name no job.
func (r *request) does(rest []string, extra string) string {
	last, first := rest[len(rest)-1], rest[0]
	for _, p := range rest {
		if p == "credentials" || p == "credential-store" || p == "credentialsStore" {
			return "credential-changed"
		}
	}
	switch last {
	case "script", "scriptText":
		if r.job == "" {
			return "script-executed"
		}
	case "createItem":
		if extra != "" {
			r.job = strings.Trim(r.job+"/"+extra, "/")
		}
		return "job-created"
	case "generateNewToken", "addFixedToken":
		return "access-token-created"
	}
	switch {
	case r.job != "":
		return r.toJob(last)
	case first == "computer":
		return toNode(last)
	case first == "pluginManager" || first == "updateCenter":
		return "plugin-changed"
	case first == "configureSecurity" || first == "configureTools" || first == "securityRealm" || first == "configSubmit":
		return "security-config-changed"
	}
	switch last {
	case "restart", "safeRestart", "exit", "safeExit":
		return "controller-restarted"
	case "quietDown", "cancelQuietDown":
		return "controller-quieted"
	}
	return "http-request"
}

func (r *request) toJob(last string) string {
	switch last {
	case "configSubmit", "config.xml", "confirmRename", "doRename", "submitDescription", "move":
		return "job-config-changed"
	case "doDelete", "delete":
		return "job-deleted"
	case "enable":
		return "job-enabled"
	case "disable":
		return "job-disabled"
	}
	return "http-request"
}

func toNode(last string) string {
	switch last {
	case "configSubmit", "config.xml", "toggleOffline", "changeOfflineCause":
		return "node-config-changed"
	case "doCreateItem", "createItem":
		return "node-created"
	case "doDelete":
		return "node-deleted"
	}
	return "http-request"
}

// jobOf reads the name of a job from its URL, "job/team/job/web/".
func jobOf(jobURL string) string { return judge(jobURL, "").job }
