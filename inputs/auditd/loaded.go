package auditd

import (
	"errors"
	"fmt"
	"io"
	"strings"

	libaudit "github.com/elastic/go-libaudit/v2"
	"github.com/elastic/go-libaudit/v2/rule"
)

// Rule is one audit rule, of a file or of the kernel.
type Rule struct {
	Line int    // in its file; 0 for one of the kernel
	Text string // as its file has it, or as auditctl(8) would list it
	Key  string // "" for none
	wire string // the kernel's form
}

// Same reports whether two rules ask the kernel for the same.
func (r *Rule) Same(other *Rule) bool { return r.wire == other.wire }

// ReadRules reads rules in the form of auditctl(8). Settings of the audit system
// (-b, -f, -e …) are passed over. Every problem has the number of its line.
func ReadRules(r io.Reader) ([]Rule, error) {
	set, err := readRules(r)
	if err != nil {
		return nil, err
	}
	out := make([]Rule, 0, len(set.rules))
	for _, one := range set.rules {
		out = append(out, Rule{Line: one.line, Text: one.text, Key: keyOf(one.text), wire: string(one.wire)})
	}
	return out, nil
}

// LoadedRules asks the kernel which rules are loaded, which takes CAP_AUDIT_CONTROL.
func LoadedRules() ([]Rule, error) {
	list, err := listRules()
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for its audit rules: %w", err)
	}
	return wireRules(list), nil
}

// listRules asks on a socket that has room for all rules at once: on that of
// go-libaudit the answer to some two hundred of them ends in ENOBUFS.
func listRules() ([][]byte, error) {
	s, err := openSocket(0)
	if err != nil {
		return nil, err
	}
	client := libaudit.AuditClient{Netlink: &wire{socket: s, take: func(uint16, []byte) {}, all: true}}
	list, err := client.GetRules()
	return list, errors.Join(err, s.close())
}

// wireRules are rules as the kernel gives them. One that has no text keeps its form
// for comparison.
func wireRules(list [][]byte) []Rule {
	out := make([]Rule, 0, len(list))
	for _, w := range list {
		text, err := rule.ToCommandLine(rule.WireFormat(w), false)
		if err != nil {
			text = "(a rule that has no text: " + err.Error() + ")"
		}
		out = append(out, Rule{Text: text, Key: keyOf(text), wire: string(w)})
	}
	return out
}

// keyOf returns the key of a rule's text, its keys where it has several, "" for none.
func keyOf(text string) string {
	args, err := splitArgs(text)
	if err != nil {
		return ""
	}
	var keys []string
	for i := 0; i+1 < len(args); i++ {
		switch args[i] {
		case "-k":
			keys = append(keys, args[i+1])
		case "-F":
			if k, ok := strings.CutPrefix(args[i+1], "key="); ok {
				keys = append(keys, k)
			}
		}
	}
	return strings.Join(keys, " ")
}
