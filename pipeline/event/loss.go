package event

// Loss is a part of a source that was gone before it could be read. It is no
// source record and stands in no output's book: losses before us are a family of
// their own. Whoever notices one adds it to Batch.Losses, once; the lane keeps
// the sum with the position and raises an event of our own, whose dataset no
// source can write.
type Loss struct {
	Reason LossReason
	Count  uint64 // in the unit of the reason, 0 where it is not known
	Text   string // what happened, as one sentence without a full stop
	Said   bool   // an event of the batch says so already
}

// LossReason is why something was lost before us: a closed list. Its name ends in
// its unit where that is not source records.
type LossReason uint8

// The reasons of a loss before us.
const (
	KernelLost  LossReason = iota // the kernel's own count of audit records that it dropped
	SerialGap                     // audit events whose serial never came; a part of them may be in KernelLost too
	Dispatched                    // what auditd's dispatcher said that it dropped
	ReceiveDrop                   // datagrams that did not fit the socket's buffer
	Overrun                       // records of an input that cannot wait, while the journal took none
	RotatedAway                   // bytes of files that were rotated away unread
	Truncated                     // bytes of files that were truncated before they were read
	Misplaced                     // bytes that a position which is no longer known may have passed over
	NumLossReasons
)

var lossNames = [NumLossReasons]string{"kernel_audit_lost", "audit_serial_gap", "audit_dispatcher_lost", "udp_rx_drop",
	"input_overrun", "rotated_away_bytes", "source_truncated_bytes", "position_lost_bytes"}

// String returns the name of the reason as metrics and books write it.
func (r LossReason) String() string {
	if r >= NumLossReasons {
		return ""
	}
	return lossNames[r]
}

// Action is the event.action of the event that says so.
func (r LossReason) Action() string {
	switch r {
	case KernelLost, Dispatched:
		return "lost-audit-records"
	case SerialGap:
		return "audit-sequence-gap"
	case RotatedAway, Truncated, Misplaced:
		return "input-truncated"
	}
	return "buffer-dropped"
}

// Serials is what an input knows of the serials of the audit records that it
// gives. A kernel numbers its events without a hole.
type Serials uint8

// What may be known of serials.
const (
	SerialsUnknown Serials = iota // several hosts may share the source, or something on the way leaves records out
	SerialsWhole                  // every event of one kernel, as long as the source is read: what is missing was lost
	SerialsOurs                   // and nobody else has what comes while it is not read: what is missing over a restart was lost too
)
