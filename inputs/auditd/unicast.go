package auditd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	libaudit "github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// unicast makes this process the one that the kernel gives its audit records to,
// in place of auditd.
type unicast struct {
	backlogLimit int // 0 leaves it as it is
	backlogWait  int // in the kernel's ticks, -1 leaves it as it is
	rules        *ruleSet
}

// buildUnicast returns the input in place of auditd.
func buildUnicast(s *Settings, env plugin.Env, lines *tail.Lines, rules string) (plugin.Input, error) {
	u := &unicast{backlogLimit: s.BacklogLimit, backlogWait: s.BacklogWait}
	if s.Rules.Value != "" {
		f, err := os.Open(rules)
		if err != nil {
			return nil, plugin.Problems{{Pos: s.Rules.Pos, Text: fmt.Sprintf("the audit rules: %v", err)}}
		}
		u.rules, err = readRules(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, plugin.Problems{{Pos: s.Rules.Pos, Text: fmt.Sprintf("the audit rules in %s: %v", rules, err)}}
		}
		u.rules.log = env.Log
	}
	n := newNetlink(s, env, lines, u.open, true)
	n.leave = u.leave
	w := watched(s, env, n).numbered(s, event.SerialsOurs)
	w.unicast = u
	n.gone = w.gone
	return w, nil
}

// errTaken says that another process has the records.
var errTaken = errors.New("the kernel gives its audit records to another process")

// control is what is asked of the kernel besides its records; an AuditClient of
// go-libaudit, in a test something else.
type control interface {
	GetStatus() (*libaudit.AuditStatus, error)
	SetEnabled(enabled bool, wm libaudit.WaitMode) error
	SetBacklogLimit(limit uint32, wm libaudit.WaitMode) error
	SetBacklogWaitTime(waitTime int32, wm libaudit.WaitMode) error
}

// open implements opener. Everything but the process id is asked for through a
// socket of its own: on the one that gets the records an answer may stand
// behind thousands of them.
func (u *unicast) open(_ context.Context, take func(typ uint16, text []byte)) (link, error) {
	c, err := libaudit.NewAuditClient(nil)
	if err != nil {
		return nil, plugin.Retry(err)
	}
	defer func() { _ = c.Close() }()
	locked, err := u.prepare(c)
	if err != nil {
		return nil, err
	}
	s, err := openSocket(0)
	if err != nil {
		return nil, plugin.Retry(err)
	}
	w := &wire{socket: s, take: take}
	pid := &libaudit.AuditClient{Netlink: w}
	if err := pid.SetPID(libaudit.WaitForReply); err != nil {
		return nil, plugin.Retry(errors.Join(fmt.Errorf("ask the kernel for its audit records: %w", err), s.close()))
	}
	w.over = true
	s.quit = pid.Close
	if err := u.enable(c, locked); err != nil {
		return nil, plugin.Retry(errors.Join(err, s.quit(), s.close()))
	}
	return s, nil
}

// prepare looks whether the records are free to be had, and sets how many the
// kernel keeps waiting; locked says that nothing can be set until the next boot.
func (u *unicast) prepare(c control) (locked bool, err error) {
	st, err := c.GetStatus()
	switch {
	case errors.Is(err, unix.EPERM):
		return false, plugin.Permanent(fmt.Errorf("ask the kernel's audit for its state: %w (reading in place of auditd takes CAP_AUDIT_CONTROL and CAP_AUDIT_READ, in the host's pid namespace)", err))
	case err != nil:
		return false, plugin.Retry(fmt.Errorf("ask the kernel's audit for its state: %w", err))
	case int(st.PID) == os.Getpid():
		return false, plugin.Retry(fmt.Errorf("%w: another input of this tallyman (keep one with netlink: unicast)", errTaken))
	case st.PID != 0 && alive(int(st.PID)):
		return false, plugin.Retry(fmt.Errorf("%w: %s, process %d (stop it and keep it from starting: systemctl disable --now auditd; or set netlink: multicast to read beside it)",
			errTaken, processName(int(st.PID)), st.PID))
	case st.Enabled == 2:
		return true, nil
	}
	// Nobody waits for us: what the kernel has no room for it counts as lost.
	if u.backlogWait >= 0 && st.BacklogWaitTime != uint32(u.backlogWait) && st.FeatureBitmap&libaudit.AuditFeatureBitmapBacklogWaitTime != 0 {
		if err := c.SetBacklogWaitTime(int32(u.backlogWait), libaudit.WaitForReply); err != nil {
			return false, plugin.Retry(fmt.Errorf("set the kernel's backlog_wait_time to %d: %w", u.backlogWait, err))
		}
	}
	if u.backlogLimit > 0 && st.BacklogLimit != uint32(u.backlogLimit) {
		if err := c.SetBacklogLimit(uint32(u.backlogLimit), libaudit.WaitForReply); err != nil {
			return false, plugin.Retry(fmt.Errorf("set the kernel's backlog_limit to %d: %w", u.backlogLimit, err))
		}
	}
	return false, nil
}

// enable loads the rules and switches auditing on.
func (u *unicast) enable(c *libaudit.AuditClient, locked bool) error {
	if locked {
		return u.rules.locked()
	}
	if err := u.rules.load(c.Netlink); err != nil {
		return err
	}
	st, err := c.GetStatus()
	if err != nil {
		return fmt.Errorf("ask the kernel's audit for its state: %w", err)
	}
	if st.Enabled != 0 {
		return nil
	}
	if err := c.SetEnabled(true, libaudit.WaitForReply); err != nil {
		return fmt.Errorf("switch the kernel's audit on: %w", err)
	}
	return nil
}

// leave removes the rules that were loaded.
func (u *unicast) leave() error {
	if u.rules.loaded() == 0 {
		return nil
	}
	c, err := libaudit.NewAuditClient(nil)
	if err != nil {
		return fmt.Errorf("remove the audit rules that were loaded: %w", err)
	}
	return errors.Join(u.rules.remove(c.Netlink), c.Close())
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func processName(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// wire lets go-libaudit ask for the records on the socket that is to get them.
// What comes before the answer is handed on.
type wire struct {
	*socket
	take func(typ uint16, text []byte)
	over bool // another goroutine reads the socket
	all  bool // what the kernel had no room for is an error
}

// Send implements libaudit.NetlinkSender. It does not wait: a full socket keeps
// the kernel from answering, and only we can empty it.
func (w *wire) Send(msg syscall.NetlinkMessage) (uint32, error) { return w.SendNoWait(msg) }

// SendNoWait implements libaudit.NetlinkSender.
func (w *wire) SendNoWait(msg syscall.NetlinkMessage) (uint32, error) {
	seq := w.seq.Add(1)
	b := make([]byte, nlHeader+len(msg.Data))
	ne := binary.NativeEndian
	ne.PutUint32(b, uint32(len(b)))
	ne.PutUint16(b[4:], msg.Header.Type)
	ne.PutUint16(b[6:], msg.Header.Flags)
	ne.PutUint32(b[8:], seq)
	copy(b[nlHeader:], msg.Data)
	var fail error
	err := w.raw.Control(func(fd uintptr) {
		fail = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	return seq, errors.Join(err, fail)
}

// Receive implements libaudit.NetlinkReceiver; it never waits.
func (w *wire) Receive(_ bool, parse libaudit.NetlinkParser) ([]syscall.NetlinkMessage, error) {
	if w.over {
		runtime.Gosched()
		return nil, syscall.EAGAIN
	}
	for {
		err := w.raw.Control(func(fd uintptr) { w.one(fd) })
		switch {
		case err != nil:
			return nil, err
		case w.fail == unix.ENOBUFS && !w.all:
		case w.fail != 0:
			return nil, w.fail
		case w.from.Pid != 0 || w.n < nlHeader:
		case isRecord(binary.NativeEndian.Uint16(w.buf[4:])):
			w.hand(w.take)
		default:
			return parse(w.buf[:w.n])
		}
	}
}

// Close implements io.Closer; whoever reads the socket closes it.
func (w *wire) Close() error { return nil }
