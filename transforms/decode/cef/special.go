package cef

import (
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	words "tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// special adds the keys that are more than the value of one field; false says
// that the value is not what the key asks for.
func (d *decoder) special(k schema.Key, key, value string) bool {
	r := &d.r
	switch k {
	case schema.EventCategory:
		d.category(value)
	case schema.EventOutcome:
		outcome, ok := words.Outcome(value)
		if r.text(k, outcome); !ok || !strings.EqualFold(outcome, value) {
			r.label(key, value)
		}
	case schema.NetworkDirection:
		switch strings.ToLower(value) {
		case "0", "inbound":
			r.text(k, "ingress")
		case "1", "outbound":
			r.text(k, "egress")
		default:
			return false
		}
	case schema.ProcessExecutable:
		if strings.ContainsAny(value, `/\`) || r.ours {
			r.text(k, value)
		} else {
			r.text(schema.ProcessName, value)
		}
	case schema.DestinationDomain:
		if strings.HasPrefix(value, "/") { // a socket of this host
			k = schema.DestinationAddress
			r.text(schema.NetworkType, "unix")
		}
		r.text(k, value)
	case schema.FilePath:
		d.path(key, value)
	case schema.FileHashSHA256:
		if hex, ok := strings.CutPrefix(value, "sha256:"); ok || len(value) == 64 {
			value = hex
			r.text(k, value)
		} else {
			r.label(key, value)
		}
		r.text(schema.RelatedHash, value)
	default:
		return d.runtime(k, value)
	}
	return true
}

// category adds the categories of ECS; another one stays under its name.
func (d *decoder) category(value string) {
	for one := range strings.SplitSeq(value, ",") {
		if one == "" || strings.ContainsRune(one, ' ') || !strings.Contains(categories, " "+one+" ") {
			d.r.label("cat", value)
			return
		}
	}
	for one := range strings.SplitSeq(value, ",") {
		d.r.text(schema.EventCategory, one)
	}
}

// path adds the path of a file. Of a rename, filePath is the new one.
func (d *decoder) path(key, value string) {
	renamed := false
	for i := range d.pairs {
		renamed = renamed || d.pairs[i].key == "oldFilePath" && d.pairs[i].value != ""
	}
	k := schema.FilePath
	if renamed && key == "filePath" {
		k = schema.FileTargetPath
	}
	d.r.text(k, value)
}

// runtime adds what tallyman says of containers in custom keys.
func (d *decoder) runtime(k schema.Key, value string) bool {
	r := &d.r
	switch k {
	case schema.ContainerID:
		r.text(k, value)
		r.text(schema.TallymanContainerMethod, "source")
	case schema.ContainerImageName:
		name, tag := value, ""
		if at := strings.LastIndexByte(value, ':'); at > strings.LastIndexByte(value, '/') {
			name, tag = value[:at], value[at+1:]
		}
		r.text(k, name)
		r.text(schema.ContainerImageTag, tag)
	case schema.OrchestratorResourceName:
		namespace, pod, ok := strings.Cut(value, "/")
		if !ok {
			return false
		}
		r.text(schema.OrchestratorType, "kubernetes")
		r.text(schema.OrchestratorNamespace, namespace)
		r.text(k, pod)
	case schema.ProcessExitCode:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return false
		}
		r.add(k, event.Int(n))
	}
	return true
}

// finish adds what every event has, where the extension did not say it.
func (d *decoder) finish(header *[7]string) {
	r := &d.r
	if !r.has(schema.EventCategory) {
		r.text(schema.EventCategory, "host")
	}
	r.text(schema.EventType, "info")
	if !r.has(schema.EventAction) {
		r.text(schema.EventAction, "cef")
	}
	if !r.has(schema.Message) {
		r.text(schema.Message, header[5])
	} else {
		r.label("cef_name", header[5])
	}
}
