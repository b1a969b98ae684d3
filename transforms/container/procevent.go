package container

// The messages of the process connector (linux/cn_proc.h).

import "encoding/binary"

// A datagram is
//
//	0   struct nlmsghdr: length u32, type u16, flags u16, seq u32, pid u32
//	16  struct cn_msg: idx u32, val u32, seq u32, ack u32, len u16, flags u16
//	36  struct proc_event: what u32, cpu u32, timestamp u64 (ns, monotonic)
//	52  of a fork: parent pid, parent tgid, child pid, child tgid, each u32;
//	    of the others: process pid, process tgid
//
// all in the byte order of the host.
const (
	nlHeader   = 16
	cnHeader   = 20
	eventAt    = nlHeader + cnHeader
	dataAt     = eventAt + 16
	cnIdxProc  = 1
	cnValProc  = 1
	listen     = 1 // PROC_CN_MCAST_LISTEN
	messageMax = 256
	perCall    = 64
)

// What a proc_event is about.
const (
	procFork   = 0x00000001
	procExec   = 0x00000002
	procUID    = 0x00000004
	procGID    = 0x00000040
	procSID    = 0x00000080
	procPtrace = 0x00000100
	procComm   = 0x00000200
	procExit   = 0x80000000
)

// parseProcEvent reads one datagram; the time is the kernel's monotonic clock. It
// is false for what is no change of a process: answers, threads, other kinds.
func parseProcEvent(b []byte) (change, bool) {
	if len(b) < dataAt+8 {
		return change{}, false
	}
	ne := binary.NativeEndian
	if ne.Uint32(b[nlHeader:]) != cnIdxProc || ne.Uint32(b[nlHeader+4:]) != cnValProc {
		return change{}, false
	}
	c := change{t: int64(ne.Uint64(b[eventAt+8:])), pid: int32(ne.Uint32(b[dataAt+4:]))}
	thread := int32(ne.Uint32(b[dataAt:])) != c.pid
	switch ne.Uint32(b[eventAt:]) {
	case procFork:
		if len(b) < dataAt+16 {
			return change{}, false
		}
		c.kind, c.ppid = changeFork, c.pid
		c.pid = int32(ne.Uint32(b[dataAt+12:]))
		thread = int32(ne.Uint32(b[dataAt+8:])) != c.pid
	case procExec:
		c.kind, thread = changeExec, false
	case procExit:
		c.kind = changeExit
	case procUID, procGID, procSID:
		c.kind, thread = changeLook, false
	case procComm:
		c.kind = changeLook
	default:
		return change{}, false
	}
	return c, !thread && c.pid > 0
}
