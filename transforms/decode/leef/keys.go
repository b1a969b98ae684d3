package leef

import (
	"strconv"
	"strings"

	"tallyman/pipeline/event"
	words "tallyman/pipeline/record"
	"tallyman/pipeline/schema"
)

// how says how the value of a key becomes that of a field.
type how uint8

const (
	text      how = iota // as it is
	transport            // the name or the number of a transport protocol
	integer              // a whole number that is not negative
	port                 // one up to 65535
	address              // an address, or else a name: key is that of the IP, also that of the text
	replace              // text that stands in place of what a relay said
	list                 // several values, parted by commas
	weight               // 1 to 10
	special              // as function special says
	silent               // read with another key
)

// target is the field that a key becomes.
type target struct {
	how  how
	key  schema.Key
	also schema.Key // a second field of the same value
	ours bool       // only where tallyman wrote the record
}

// keys are the keys of SCHEMA.md, section 7, and the predefined ones of LEEF that
// the schema has a field for.
func keys() map[string]target {
	return map[string]target{
		"devTime":         {how: special, key: schema.Timestamp},
		"devTimeFormat":   {how: silent},
		"cat":             {how: special, key: schema.EventAction},
		"sev":             {how: weight, key: schema.EventSeverity},
		"usrName":         {key: schema.UserName, also: schema.RelatedUser},
		"accountName":     {key: schema.UserTargetName, also: schema.RelatedUser},
		"domain":          {key: schema.UserDomain},
		"src":             {how: address, key: schema.SourceIP, also: schema.SourceAddress},
		"srcPort":         {how: port, key: schema.SourcePort},
		"srcBytes":        {how: integer, key: schema.SourceBytes},
		"dst":             {how: address, key: schema.DestinationIP, also: schema.DestinationAddress},
		"dstPort":         {how: port, key: schema.DestinationPort},
		"dstBytes":        {how: integer, key: schema.DestinationBytes},
		"proto":           {how: transport, key: schema.NetworkTransport},
		"identSrc":        {how: address, key: schema.SourceIP, also: schema.SourceAddress},
		"identHostName":   {key: schema.SourceDomain},
		"resource":        {how: replace, key: schema.HostName},
		"groupID":         {key: schema.GroupName},
		"role":            {how: list, key: schema.UserRoles},
		"url":             {key: schema.URLOriginal},
		"eventId":         {key: schema.EventReference, ours: true},
		"outcome":         {how: special, key: schema.EventOutcome},
		"reason":          {key: schema.EventReason},
		"process":         {key: schema.ProcessExecutable},
		"processId":       {how: integer, key: schema.ProcessPID},
		"parentProcess":   {key: schema.ProcessParentName},
		"parentProcessId": {how: integer, key: schema.ProcessParentPID},
		"commandLine":     {key: schema.ProcessCommandLine},
		"filePath":        {key: schema.FilePath},
		"containerId":     {how: special, key: schema.ContainerID},
		"containerName":   {key: schema.ContainerName},
		"containerImage":  {how: special, key: schema.ContainerImageName},
		"k8sNamespace":    {key: schema.OrchestratorNamespace},
		"k8sPod":          {how: special, key: schema.OrchestratorResourceName},
		"auditKey":        {how: list, key: schema.AuditdKey},
		"auditSession":    {key: schema.AuditdSession},
		"mitreTechnique":  {how: list, key: schema.ThreatTechniqueID},
		"pciRequirement":  {how: list, key: schema.TallymanCompliancePCIDSS, ours: true},
		"message":         {key: schema.Message},
		"msg":             {key: schema.Message},
	}
}

// header adds what the header says.
func (d *decoder) header(header *[5]string) {
	r := &d.r
	r.text(schema.EventKind, "event")
	r.text(schema.EventModule, Module)
	r.text(schema.EventProvider, header[2])
	r.text(schema.EventCode, header[4])
	r.label("device_vendor", header[1])
	r.label("device_product", header[2])
	r.label("device_version", header[3])
}

// attributes adds every key.
func (d *decoder) attributes() {
	for i := range d.pairs {
		p := &d.pairs[i]
		if p.value == "" {
			continue
		}
		t, ok := d.keys[p.key]
		if !ok || t.ours && !d.r.ours {
			d.r.label(p.key, p.value)
			continue
		}
		d.apply(t, p.key, p.value)
	}
}

// finish adds what every event has, where the attributes did not say it.
func (d *decoder) finish(header *[5]string) {
	r := &d.r
	r.text(schema.EventCategory, "host")
	r.text(schema.EventType, "info")
	if !r.has(schema.EventAction) {
		r.text(schema.EventAction, "leef")
	}
	if !r.has(schema.Message) {
		name := r.fields.GetNamed(schema.Labels, "name").Str()
		if name == "" {
			name = header[4]
		}
		r.text(schema.Message, name)
	}
}

// label adds what the schema has no field for.
func (r *record) label(name, value string) {
	if value == "" {
		return
	}
	if old := r.fields.GetNamed(schema.Labels, name); !old.IsZero() {
		if old.Str() != value {
			r.wrong("the key " + name + " stands twice")
		}
		return
	}
	r.fields.AddNamed(schema.Labels, name, event.String(value))
}

// has reports whether the record gave a field already.
func (r *record) has(k schema.Key) bool {
	if int(k) >= len(r.set)*64 {
		return !r.fields.Get(k).IsZero()
	}
	return r.set[k/64]&(1<<(k%64)) != 0
}

func (r *record) text(k schema.Key, s string) {
	if s != "" && k != schema.None {
		r.add(k, event.String(s))
	}
}

// add adds a value, unless the field has one already and can have no other: then it
// is noted in r.clash, and apply says so.
func (r *record) add(k schema.Key, v event.Value) {
	if r.has(k) && !k.Info().Many {
		r.clash = k
		return
	}
	if int(k) < len(r.set)*64 {
		r.set[k/64] |= 1 << (k % 64)
	}
	r.fields.Add(k, v)
}

// apply adds the value of a key as the field that it is. What cannot be that
// field stays under the name of the key and is flagged.
func (d *decoder) apply(t target, key, value string) {
	r := &d.r
	r.clash = schema.None
	switch {
	case t.how != special && t.how != silent && r.has(t.key):
		r.clash = t.key
	case !d.typed(t, value):
		r.label(key, value)
		r.wrong("the value of " + key + " is not of its type")
		return
	}
	if r.clash != schema.None && r.fields.Get(r.clash).Str() != value {
		r.label(key, value)
		if !strings.HasPrefix(key, "ident") { // may be another one, as the guide has it
			r.wrong("two attributes say " + r.clash.String())
		}
	}
}

// typed adds the value by the type of its field and reports whether it is of that
// type.
func (d *decoder) typed(t target, value string) bool {
	r := &d.r
	switch t.how {
	case text:
		r.text(t.key, value)
		r.text(t.also, value)
	case transport:
		r.text(t.key, words.Transport(strings.TrimSpace(value)))
	case replace:
		r.fields.Set(t.key, event.String(value))
	case integer, port, weight:
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || n < 0 || t.how == port && n > 65535 || t.how == weight && n > 10 {
			return false
		}
		r.add(t.key, event.Int(n))
	case address:
		value = strings.TrimSpace(value)
		r.text(t.also, value)
		if ip, ok := event.IP(value); ok {
			r.add(t.key, ip)
			r.fields.Add(schema.RelatedIP, ip)
		}
	case list:
		for one := range strings.SplitSeq(value, ",") {
			r.text(t.key, one)
		}
	case special:
		return d.special(t.key, value)
	}
	return true
}

// special adds the keys that are more than the value of one field.
func (d *decoder) special(k schema.Key, value string) bool {
	r := &d.r
	switch k {
	case schema.Timestamp:
		at, ok := d.when(value)
		if ok {
			r.at = at
		}
		return ok
	case schema.EventAction: // event.action-event.outcome, where tallyman wrote it
		at := strings.LastIndexByte(value, '-')
		if outcome := value[at+1:]; r.ours && at > 0 && (outcome == "success" || outcome == "failure" || outcome == "unknown") {
			r.text(k, value[:at])
			if !r.has(schema.EventOutcome) {
				r.text(schema.EventOutcome, outcome)
			}
			return true
		}
		r.label("cat", value)
	case schema.EventOutcome:
		outcome, ok := words.Outcome(value)
		if ok && !r.has(k) {
			r.text(k, outcome)
		}
		if !ok || !strings.EqualFold(outcome, value) {
			r.label("outcome", value)
		}
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
		r.text(schema.OrchestratorType, "kubernetes")
		r.text(k, value)
	}
	return true
}
