package redact

import (
	"slices"
	"strings"

	"tallyman/pipeline/schema"
)

// fieldKind says how the values of a field are read.
type fieldKind uint8

const (
	kindNone  fieldKind = iota // it holds no text that somebody chose: ids, times, words of a list
	kindName                   // a name of somebody: only secrets that another text tells are looked for
	kindText                   // words
	kindLine                   // a command line
	kindTitle                  // a command line that the kernel may have cut
	kindArgs                   // an argument each
	kindMap                    // named values
	kindPaths                  // named values, whose names say nothing
)

// passed are the fields, or groups of them, whose text is not read: they are ids,
// names of hosts and people, numbers, or words that tallyman itself chose.
var passed = [...]string{"event.", "host.", "agent.", "ecs.", "user.", "group.", "container.", "orchestrator.", "kubernetes.", "source.", "destination.",
	"server.", "network.", "related.", "threat.", "rule.", "tallyman.", "tags", "log.", "process.hash.", "process.entity_id", "process.parent.entity_id",
	"process.tty.", "process.thread.", "process.ancestors", "file.inode", "file.device", "file.mode", "file.uid", "file.gid", "file.owner", "file.group",
	"file.hash.", "file.type", "auditd.message_type", "auditd.session", "auditd.result", "auditd.key", "auditd.open_flags", "auditd.summary.object.type",
	"service.type", "http.", "oci.digest", "oci.previous_digest", "git.before", "git.after", "docker.exec.id"}

// read are exceptions of passed.
var read = [...]string{"container.labels", "kubernetes.labels", "kubernetes.audit.annotations", "kubernetes.audit.requestURI", "event.url", "event.reason",
	"event.original", "log.syslog.structured_data", "rule.description"}

// kindTable is the kind of every key. Its size is a power of two, and more than
// the keys of the schema, so that a look into it needs no check of bounds.
type kindTable [1 << 10]fieldKind

// fieldKinds returns the kind of every key.
func fieldKinds() (kinds kindTable) {
	for _, k := range schema.Keys() {
		info := k.Info()
		has := func(p string) bool { return strings.HasPrefix(info.Name, p) }
		switch {
		case has("user."), has("related."), strings.Contains(info.Name, ".user."):
			kinds[k] = kindName
		case slices.ContainsFunc(passed[:], has) && !slices.ContainsFunc(read[:], has):
		case k == schema.ProcessArgs:
			kinds[k] = kindArgs
		case k == schema.ProcessCommandLine, k == schema.ProcessParentCommandLine, k == schema.DockerExecCommand:
			kinds[k] = kindLine
		case k == schema.ProcessTitle, k == schema.Message:
			kinds[k] = kindTitle
		case k == schema.AuditdPaths:
			kinds[k] = kindPaths
		case info.Type.IsMap():
			kinds[k] = kindMap
		case info.Type == schema.Keyword, info.Type == schema.Text, info.Type == schema.Wildcard:
			kinds[k] = kindText
		}
	}
	return kinds
}

// least is the length of the shortest text that can hold a name and a secret:
// pwd=x.
const least = 5

// leastName is the length of the shortest name of a secret: pwd.
const leastName = 3

// leastPath is the length of the shortest path that can hold a token.
const leastPath = 16
