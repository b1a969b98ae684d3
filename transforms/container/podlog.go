package container

// The lines of pods' logs, whose paths name no container but the pod and the name
// that a container has there.

import (
	"path/filepath"
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// logOf is what …/NAMESPACE_POD_UID/CONTAINER/N.log tells.
type logOf struct{ uid, container, number string }

// logged is what the runtimes told of it.
type logged struct {
	id    string // "" for nothing
	heard uint64 // the state of their word
}

// ofPod adds to a line of a pod's log the id of its container, as far as the
// runtimes told of it, and reports whether it did.
func (t *Transform) ofPod(e *event.Event, out *event.Batch) bool {
	uid, name := e.Fields.Get(schema.KubernetesPodUID).Str(), e.Fields.Get(schema.KubernetesContainerName).Str()
	if t.lore.store == nil || uid == "" || name == "" || !e.Fields.Get(schema.TallymanContainerMethod).IsZero() {
		return false
	}
	dir, file := filepath.Split(e.Get(schema.LogFilePath).Str())
	number, ok := strings.CutSuffix(file, ".log")
	if !ok || filepath.Base(dir) != name {
		return false
	}
	id := t.ofLog(logOf{uid, name, number})
	if id == "" {
		return false
	}
	adds := adder{fields: e.Fields, out: out}
	adds.next(schema.ContainerID).SetValue(event.String(id))
	e.Fields = adds.fields
	return true
}

// ofLog returns the container that writes a log. What is not known is looked for
// again once the runtimes told something.
func (t *Transform) ofLog(l logOf) string {
	at := t.lore.store.Generation()
	if known, ok := t.lore.logs[l]; ok && (known.id != "" || known.heard == at) {
		return known.id
	}
	n, err := strconv.Atoi(l.number)
	if err != nil || n < 0 {
		return ""
	}
	now := logged{heard: at}
	if c := t.lore.store.InPod(l.uid, l.container, n+1); c != nil {
		now.id = c.ID
	}
	if len(t.lore.logs) >= maxContainers || t.lore.logs == nil {
		t.lore.logs = map[logOf]logged{}
	}
	t.lore.logs[logOf{strings.Clone(l.uid), strings.Clone(l.container), strings.Clone(l.number)}] = now
	return now.id
}
