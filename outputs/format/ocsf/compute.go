package ocsf

import (
	"strconv"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// computations returns how the attribute at a path of the table is made.
func computations(path string) computation {
	switch path {
	case "event.time", "finding_info.created_time":
		return func(c *Encoder, dst []byte, _ *node) []byte { return c.time(dst) }
	case "event.status_id":
		return status
	case "event.status_detail":
		return detail
	case "event.duration":
		return duration
	case "event.metadata.version":
		return constant(`"` + Version + `"`)
	case "event.metadata.is_truncated":
		return func(c *Encoder, dst []byte, _ *node) []byte { return c.truncated(dst, "true") }
	case "event.metadata.untruncated_size":
		return func(c *Encoder, dst []byte, _ *node) []byte { return c.truncated(dst, "") }
	case "event.metadata.uid", "finding_info.uid":
		return identity
	case "event.metadata.original_event_uid":
		return original
	case "event.metadata.log_name":
		return logName
	case "event.metadata.processed_time":
		return processed
	case "event.metadata.profiles":
		return profiles
	case "event.metadata.product.name", "event.metadata.product.vendor_name":
		return constant(`"Tallyman"`)
	case "event.observables":
		return observables
	case "event.raw_data":
		return raw
	case "device.name":
		return nameless
	case "device.type_id", "process.file.type_id", "parent.file.type_id", "result.type_id", "driver.file.type_id", "finding_info.analytic.type_id":
		return constant("1")
	case "device.os.type_id":
		return constant("200") // Linux
	case "kernel.type_id":
		return constant("2") // a system call
	case "script.type_id":
		return constant("99") // type says which
	case "script.type":
		return constant(`"Groovy"`) // what Jenkins runs
	case "process.file.name", "parent.file.name", "file.name", "result.name":
		return base
	case "driver.file.name":
		return driverName
	case "file.type_id":
		return fileType
	case "process.file.hashes", "file.hashes":
		return hashes
	case "actor.user.type_id", "process.user.type_id", "account.type_id":
		return userType
	case "actor.user.groups":
		return groups
	case "actor.app_name":
		return appName
	case "target.pid":
		return func(c *Encoder, dst []byte, _ *node) []byte { return c.integer(dst, schema.None, c.OPID()) }
	case "target.name":
		return func(c *Encoder, dst []byte, _ *node) []byte {
			return c.some(dst, schema.AuditdData, c.OPIDComm().Str())
		}
	case "src_endpoint.name", "dst_endpoint.name":
		return endpointName
	case "connection_info.direction_id":
		return direction
	case "connection_info.protocol_ver_id":
		return ipVersion
	case "api.operation":
		return operation
	case "kernel.name", "kernel.system_call":
		return systemCall
	case "job.run_state_id":
		return runState
	case "finding_info.attacks":
		return attacks
	case "finding_info.data_sources":
		return dataSources
	}
	return nil // as text; a test holds the table against this
}

// some appends s unless it is empty.
func (c *Encoder) some(dst []byte, k schema.Key, s string) []byte {
	if s == "" {
		return dst
	}
	return c.text(dst, k, s)
}

// time appends the event's time, where it has none when it was read.
func (c *Encoder) time(dst []byte) []byte {
	c.mark(schema.Timestamp, firstTaken)
	t := c.Time()
	if t.IsZero() {
		t = c.Event.Seen
	}
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return appendMillis(dst, t)
}

func status(c *Encoder, dst []byte, _ *node) []byte {
	c.mark(schema.EventOutcome, firstTaken)
	switch c.Str(schema.EventOutcome) {
	case "success":
		return append(dst, '1')
	case "failure":
		return append(dst, '2')
	}
	return append(dst, '0')
}

// detail appends the reason where the code is that of HTTP, else what could not be
// understood.
func detail(c *Encoder, dst []byte, n *node) []byte {
	k, v := c.First(n.from)
	if k == schema.EventReason && c.Get(schema.HTTPResponseStatusCode).IsZero() && c.Get(schema.KubernetesAuditResponseStatusCode).IsZero() {
		k, v = c.First(n.from[1:]) // the reason is the code
	}
	if v.Str() == "" {
		return dst
	}
	c.mark(k, firstTaken)
	return c.text(dst, k, v.Str())
}

// truncated appends, of an event that is too long, s or how long it is.
func (c *Encoder) truncated(dst []byte, s string) []byte {
	switch {
	case c.level == full:
		return dst
	case s == "":
		return strconv.AppendInt(dst, int64(c.whole), 10)
	}
	return append(dst, s...)
}

// duration appends milliseconds; event.duration is in nanoseconds.
func duration(c *Encoder, dst []byte, _ *node) []byte {
	n, ok := c.Get(schema.EventDuration).Int64()
	if !ok || n < 0 {
		return dst
	}
	if n%int64(time.Millisecond) == 0 { // else the exact one stays under unmapped
		c.mark(schema.EventDuration, firstTaken)
	}
	return strconv.AppendInt(dst, n/int64(time.Millisecond), 10)
}

// identity appends event.id; a finding needs an id, and has that of its rule
// where there is none.
func identity(c *Encoder, dst []byte, n *node) []byte {
	if v := c.Get(schema.EventID); !v.IsZero() {
		c.mark(schema.EventID, firstTaken)
		return c.valueText(dst, schema.EventID, v)
	}
	if !c.Event.ID.IsZero() {
		return append(c.Event.ID.Append(append(dst, '"')), '"')
	}
	if len(n.from) == 1 {
		return dst
	}
	k, v := c.First(n.from[1:])
	return c.some(dst, k, v.Str())
}

// original appends the id that the source gave: of an audit event the time and
// the serial, as the kernel writes them.
func original(c *Encoder, dst []byte, n *node) []byte {
	if k, v := c.First(n.from[:3]); v.Str() != "" {
		c.mark(k, firstTaken)
		return c.text(dst, k, v.Str())
	}
	serial, ok := c.Get(schema.EventSequence).Int64()
	t := c.Time()
	if !ok || t.IsZero() || t.Unix() < 0 {
		return dst
	}
	dst = strconv.AppendInt(append(dst, '"'), t.Unix(), 10)
	ms := t.Nanosecond() / int(time.Millisecond)
	dst = append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), ':')
	return append(strconv.AppendInt(dst, serial, 10), '"')
}

func logName(c *Encoder, dst []byte, _ *node) []byte {
	c.mark(schema.EventDataset, firstTaken)
	return c.some(dst, schema.EventDataset, c.Dataset())
}

func dataSources(c *Encoder, dst []byte, _ *node) []byte {
	if c.Dataset() == "" {
		return dst
	}
	return append(c.text(append(dst, '['), schema.EventDataset, c.Dataset()), ']')
}

func processed(c *Encoder, dst []byte, _ *node) []byte {
	t := c.Event.Seen
	if v := c.Get(schema.EventCreated); v.Kind() == event.KindTime {
		t = v.Instant()
	}
	c.mark(schema.EventCreated, firstTaken)
	if t.IsZero() {
		return dst
	}
	return appendMillis(dst, t)
}

func raw(c *Encoder, dst []byte, _ *node) []byte {
	if c.level >= noRaw {
		c.mark(schema.EventOriginal, allTaken)
		return dst
	}
	s := c.Str(schema.EventOriginal)
	if s == "" {
		s = c.Event.Raw
	}
	c.mark(schema.EventOriginal, firstTaken)
	return c.some(dst, schema.EventOriginal, s)
}

// profiles lists what the event has beside its class (SCHEMA.md section 9).
func profiles(c *Encoder, dst []byte, _ *node) []byte {
	if c.at.uid == 0 {
		return dst
	}
	dst = append(dst, `["host"`...)
	if !c.Get(schema.ContainerID).IsZero() {
		dst = append(dst, `,"container"`...)
	}
	if !c.Get(schema.UserAuditID).IsZero() || !c.Get(schema.UserEffectiveID).IsZero() {
		dst = append(dst, `,"linux/linux_users"`...)
	}
	if c.at.uid == 2004 || denies(c.Str(schema.EventAction)) {
		dst = append(dst, `,"security_control"`...)
	}
	return append(dst, ']')
}

func denies(action string) bool {
	switch action {
	case "violated-selinux-policy", "violated-apparmor-policy", "violated-seccomp-policy":
		return true
	}
	return false
}
