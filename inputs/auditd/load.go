package auditd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"

	libaudit "github.com/elastic/go-libaudit/v2"
	"github.com/elastic/go-libaudit/v2/auparse"
	"golang.org/x/sys/unix"
)

// load gives the kernel every rule. One that it has already is left as it is and
// is not ours, unless an earlier run left it behind.
func (s *ruleSet) load(nl libaudit.NetlinkSendReceiver) error {
	if s == nil || len(s.mine) > 0 {
		return nil
	}
	had := 0
	for _, r := range s.rules {
		err := request(nl, uint16(auparse.AUDIT_ADD_RULE), r.wire)
		if errors.Is(err, unix.EEXIST) {
			if had++; !s.ours {
				continue
			}
			err = nil
		}
		if err != nil {
			return errors.Join(fmt.Errorf("load the audit rule of line %d, %s: %w", r.line, r.text, err), s.remove(nl))
		}
		s.mine = append(s.mine, r)
		s.count.Store(int32(len(s.mine)))
	}
	s.log.Info("audit rules loaded", "rules", len(s.mine), "there already", had, "lines that are no rules", strings.Join(s.skipped, "; "))
	return nil
}

// locked says that rules cannot be loaded; without any that is no error.
func (s *ruleSet) locked() error {
	if s == nil || len(s.rules) == 0 {
		return nil
	}
	return errors.New("audit rules cannot be loaded: the kernel's audit is locked until the next boot (auditctl -e 2); leave out the setting rules")
}

// loaded is how many rules are to be removed.
func (s *ruleSet) loaded() int {
	if s == nil {
		return 0
	}
	return int(s.count.Load())
}

// remove takes back what was loaded, the last first. One that is gone already is
// no error.
func (s *ruleSet) remove(nl libaudit.NetlinkSendReceiver) error {
	var bad []error
	for i := len(s.mine) - 1; i >= 0; i-- {
		r := s.mine[i]
		if err := request(nl, uint16(auparse.AUDIT_DEL_RULE), r.wire); err != nil && !errors.Is(err, unix.ENOENT) {
			bad = append(bad, fmt.Errorf("remove the audit rule of line %d: %w", r.line, err))
		}
	}
	s.mine = nil
	s.count.Store(0)
	return errors.Join(bad...)
}

// request sends one command and returns what the kernel says of it. The kernel
// answers before the sending ends, so that nothing is waited for. (AddRule of
// go-libaudit hides the error number, DeleteRule the error.)
func request(nl libaudit.NetlinkSendReceiver, typ uint16, data []byte) error {
	seq, err := nl.Send(syscall.NetlinkMessage{
		Header: syscall.NlMsghdr{Type: typ, Flags: syscall.NLM_F_REQUEST | syscall.NLM_F_ACK}, Data: data})
	if err != nil {
		return fmt.Errorf("send to the kernel's audit: %w", err)
	}
	for {
		msgs, err := nl.Receive(true, oneMessage)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("the answer of the kernel's audit: %w", err)
		}
		if m := msgs[0]; m.Header.Type == syscall.NLMSG_ERROR && m.Header.Seq == seq {
			return libaudit.ParseNetlinkError(m.Data)
		}
	}
}

// oneMessage reads a datagram of one message.
func oneMessage(b []byte) ([]syscall.NetlinkMessage, error) {
	ne := binary.NativeEndian
	return []syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Len: ne.Uint32(b), Type: ne.Uint16(b[4:]),
		Flags: ne.Uint16(b[6:]), Seq: ne.Uint32(b[8:]), Pid: ne.Uint32(b[12:])}, Data: b[nlHeader:]}}, nil
}
