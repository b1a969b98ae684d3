package k8saudit

import (
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/jsonscan"
	"tallyman/pipeline/schema"
)

// GKE makes of an audit event one of Google's own audit log: the same facts under
// other names, without the request's URI, its level and its HTTP status.

// methods is what the names of Kubernetes' methods begin with:
// io.k8s.core.v1.pods.exec.create.
const methods = "io.k8s."

// google makes an event of one of Google's audit log; false says that it is none
// of a cluster's.
func (d *decoder) google(e *event.Event, out *event.Batch) bool {
	r := &d.rec
	r.reset()
	g := gke{first: true, last: true}
	s := jsonscan.New(e.Raw)
	s.Object(func(name string) { r.entry(&s, name, &g) })
	method, ok := strings.CutPrefix(g.method, methods)
	if !ok || !s.Done() {
		r.reset()
		return false
	}
	r.ok, r.kept, r.unknown = true, g.more, false
	r.verb = method[strings.LastIndexByte(method, '.')+1:]
	r.googleRef(g.resource)
	if r.auditID == "" {
		r.auditID = g.insert
	}
	switch {
	case g.last:
		r.stage = "ResponseComplete"
	case g.first:
		r.stage = "ResponseStarted"
	}
	if r.status = "Success"; g.status != 0 {
		r.status, r.reason = "Failure", rpcCode(g.status)
	}
	if r.decision == "" && g.denied {
		r.decision = "forbid"
	}
	r.cloud = true
	r.objects()
	if !r.shipped() {
		out.Filtered += e.Records
		return true
	}
	e.Fields = out.Take(e.Fields, spare)
	e.Fields.AddString(schema.OrchestratorClusterName, g.cluster)
	d.emit(e, r, out)
	return true
}

// gke is what has no place in record.
type gke struct {
	method, resource, insert, cluster string
	status                            int64
	denied, first, last, more         bool
}

// entry takes a member of the entry of the log.
func (r *record) entry(s *jsonscan.Scanner, name string, g *gke) {
	switch name {
	case "protoPayload":
		r.object(s, name, func(name string) { r.payload(s, name, g) })
	case "insertId":
		r.text(s, &g.insert, name)
	case "timestamp":
		r.text(s, &r.staged, name)
	case "labels":
		r.annotations(s)
	case "operation":
		g.first, g.last = false, false
		r.object(s, name, func(name string) {
			switch name {
			case "id":
				r.text(s, &r.auditID, name)
			case "first":
				g.first, _ = s.Bool()
			case "last":
				g.last, _ = s.Bool()
			default:
				s.Skip()
			}
		})
	case "resource":
		r.object(s, name, func(name string) {
			if name != "labels" {
				s.Skip()
				return
			}
			r.object(s, name, func(name string) {
				if v, _ := s.Str(); name == "cluster_name" {
					g.cluster = v
				}
			})
		})
	case "logName", "receiveTimestamp", "severity":
		s.Skip()
	default:
		g.more = true
		s.Skip()
	}
}

// payload takes a member of google.cloud.audit.AuditLog.
func (r *record) payload(s *jsonscan.Scanner, name string, g *gke) {
	switch name {
	case "methodName":
		r.text(s, &g.method, name)
	case "resourceName":
		r.text(s, &g.resource, name)
	case "request":
		r.request = objectOf(s)
	case "response":
		r.response = objectOf(s)
	case "authenticationInfo":
		r.object(s, name, func(name string) {
			if name != "principalEmail" {
				g.more = true
				s.Skip()
				return
			}
			r.text(s, &r.user.name, name)
		})
	case "requestMetadata":
		r.object(s, name, func(name string) {
			switch name {
			case "callerIp":
				var ip string
				if r.text(s, &ip, name); ip != "" {
					r.ips = append(r.ips, ip)
				}
			case "callerSuppliedUserAgent":
				r.text(s, &r.agent, name)
			default:
				s.Skip()
			}
		})
	case "authorizationInfo":
		s.Items(func() {
			s.Members(func(name string) {
				if v, ok := s.Bool(); name == "granted" && ok && !v {
					g.denied = true
				}
			})
		})
	case "status":
		r.object(s, name, func(name string) {
			switch name {
			case "code":
				g.status, _ = s.Int()
			case "message":
				r.text(s, &r.message, name)
			default:
				g.more = true
				s.Skip()
			}
		})
	case "@type", "serviceName":
		s.Skip()
	default:
		g.more = true
		s.Skip()
	}
}

// googleRef reads what the request is about of
// core/v1/namespaces/NS/pods/NAME/exec, and of a path that is no resource: readyz.
func (r *record) googleRef(name string) {
	parts := strings.Split(strings.Trim(name, "/"), "/")
	if len(parts) < 3 {
		if name != "" {
			r.uri = "/" + strings.TrimPrefix(name, "/")
		}
		return
	}
	if r.ref.group = parts[0]; r.ref.group == "core" {
		r.ref.group = ""
	}
	r.ref.version = parts[1]
	r.parts(parts[2:])
}

// rpcCode is the name of a code of google.rpc.Code.
func rpcCode(code int64) string {
	names := [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}
	if code < 0 || code >= int64(len(names)) {
		return ""
	}
	return names[code]
}
