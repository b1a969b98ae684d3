package sigma

import (
	"fmt"
	"strings"

	"tallyman/pipeline/lazy"
)

// source is a log source of Sigma and what its fields are here.
type source struct {
	sources []string
	actions []string
	also    string // what holds for all events of it
	fields  map[string]field
	audit   bool // fields of audit records, a0 to a9 among them
}

// kind is what a field of ours holds.
type kind uint8

const (
	isText kind = iota
	isNumber
	isList
	isTruth // "true" stands for an expression
)

type field struct {
	expr string // the field as an expression
	kind kind
}

var processes = map[string]field{
	"Image": {"process.executable", isText}, "CommandLine": {"process.command_line", isText}, "ProcessId": {"process.pid", isNumber},
	"ParentImage": {"process.parent.executable", isText}, "ParentCommandLine": {"process.parent.command_line", isText}, "ParentProcessId": {"process.parent.pid", isNumber},
	"CurrentDirectory": {"process.working_directory", isText}, "User": {"user.name", isText},
}

var files = map[string]field{
	"TargetFilename": {"file.path", isText}, "Image": {"process.executable", isText}, "CommandLine": {"process.command_line", isText}, "User": {"user.name", isText},
}

var connections = map[string]field{
	"Image": {"process.executable", isText}, "DestinationIp": {"destination.ip", isText}, "DestinationPort": {"destination.port", isNumber},
	"DestinationHostname": {"destination.domain", isText}, "Initiated": {`event.action == "connected-to"`, isTruth}, "User": {"user.name", isText},
}

var cluster = map[string]field{
	"verb": {"kubernetes.audit.verb", isText}, "requestURI": {"kubernetes.audit.requestURI", isText}, "stage": {"kubernetes.audit.stage", isText},
	"user.username": {"kubernetes.audit.user.username", isText}, "user.groups": {"kubernetes.audit.user.groups", isList}, "username": {"kubernetes.audit.user.username", isText},
	"objectRef.resource": {"kubernetes.audit.objectRef.resource", isText}, "objectRef.subresource": {"kubernetes.audit.objectRef.subresource", isText},
	"objectRef.namespace": {"kubernetes.audit.objectRef.namespace", isText}, "objectRef.name": {"kubernetes.audit.objectRef.name", isText},
	"objectRef.apiGroup": {"kubernetes.audit.objectRef.apiGroup", isText}, "apiGroup": {"kubernetes.audit.objectRef.apiGroup", isText},
	"resource": {"kubernetes.audit.objectRef.resource", isText}, "subresource": {"kubernetes.audit.objectRef.subresource", isText}, "namespace": {"kubernetes.audit.objectRef.namespace", isText},
	"responseStatus.code": {"kubernetes.audit.responseStatus.code", isNumber}, "userAgent": {"user_agent.original", isText}, "sourceIPs": {"source.ip", isText},
	"impersonatedUser.username": {"kubernetes.audit.impersonated_user", isText},
}

// audited are fields of audit records that have a field of their own; others are in
// auditd.data.
var audited = map[string]field{
	"exe": {"process.executable", isText}, "comm": {"process.name", isText}, "key": {"auditd.key", isList}, "pid": {"process.pid", isNumber}, "ppid": {"process.parent.pid", isNumber},
	"cwd": {"process.working_directory", isText}, "name": {"file.path", isText}, "proctitle": {"process.command_line", isText},
	"auid": {"user.audit.id", isText}, "uid": {"user.id", isText}, "euid": {"user.effective.id", isText}, "unit": {`auditd.data["unit"]`, isText},
	"success": {`event.outcome == "success"`, isTruth}, "res": {`event.outcome == "success"`, isTruth}, "syscall": {`auditd.data["syscall"]`, isText}, "SYSCALL": {`auditd.data["syscall"]`, isText},
}

// sourceOf finds the source of a rule.
func sourceOf(d *document) (*source, error) {
	product, category, service := strings.ToLower(d.LogSource.Product), strings.ToLower(d.LogSource.Category), strings.ToLower(d.LogSource.Service)
	switch {
	case product == "linux" && category == "process_creation" && service == "":
		return &source{sources: []string{"auditd"}, actions: []string{"executed"}, fields: processes}, nil
	case product == "linux" && category == "file_event" && service == "":
		return &source{sources: []string{"auditd"}, also: `("creation" in event.type || "change" in event.type)`, fields: files}, nil
	case product == "linux" && category == "network_connection" && service == "":
		return &source{sources: []string{"auditd"}, actions: []string{"connected-to", "accepted-connection-from"}, fields: connections}, nil
	case product == "linux" && category == "" && service == "auditd":
		return &source{sources: []string{"auditd"}, fields: audited, audit: true}, nil
	case product == "kubernetes" && (service == "audit" || service == "" && category == "application"):
		return &source{sources: []string{"kubernetes"}, fields: cluster}, nil
	}
	return nil, not("its log source is product %q, category %q, service %q; those that are known are linux (process_creation, file_event, network_connection, service auditd) and kubernetes (service audit)",
		d.LogSource.Product, d.LogSource.Category, d.LogSource.Service)
}

var (
	argument  = lazy.Regexp(`^a[0-9]{1,3}$`)
	auditName = lazy.Regexp(`^[A-Za-z][A-Za-z0-9_-]{0,40}$`)
)

// field finds a field by its name. Calls says that the selection is about system calls,
// whose a0 to a3 are not the words of a command line.
func (s *source) field(name string, calls bool) (field, error) {
	if f, ok := s.fields[name]; ok {
		return f, nil
	}
	switch {
	case s.audit && argument().MatchString(name) && !calls:
		return field{fmt.Sprintf("process.args[%s]", strings.TrimLeft(name[1:len(name)-1], "0")+name[len(name)-1:]), isText}, nil
	case s.audit && auditName().MatchString(name):
		return field{fmt.Sprintf("auditd.data[%q]", name), isText}, nil
	}
	return field{}, not("the field %s has no counterpart here", name)
}
