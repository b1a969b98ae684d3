package auditd

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/elastic/go-libaudit/v2/rule"
)

// The rules that are loaded in place of auditctl: a file in its form, one rule a
// line. go-libaudit makes them what the kernel takes; its own reading of the
// flags brings a shell's with it, and knows no list of file systems.

// ruleSet is what a file of rules asks for, and what of it was loaded.
type ruleSet struct {
	rules   []kernelRule
	skipped []string // lines that are settings of auditd's or of ours
	digest  string   // tells files apart
	ours    bool     // an earlier run loaded these and did not come to remove them
	log     *slog.Logger
	mine    []kernelRule // loaded, in their order
	count   atomic.Int32 // how many they are, for others to read
}

// kernelRule is one rule in the kernel's form.
type kernelRule struct {
	line int
	text string
	wire rule.WireFormat
}

// readRules reads a file of rules. Every problem has the number of its line.
func readRules(r io.Reader) (*ruleSet, error) {
	set := &ruleSet{}
	sum := sha256.New()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 64<<10)
	var bad []error
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(s.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		args, err := splitArgs(text)
		if err == nil && isSetting(args[0]) {
			set.skipped = append(set.skipped, text)
			continue
		}
		var wire rule.WireFormat
		if err == nil {
			wire, err = buildRule(args)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		sum.Write(wire)
		set.rules = append(set.rules, kernelRule{line: n, text: text, wire: wire})
	}
	set.digest = hex.EncodeToString(sum.Sum(nil)[:8])
	return set, errors.Join(append(bad, s.Err())...)
}

// isSetting reports whether a line is no rule: -D would take rules of others, and
// the rest are settings of the kernel that are ours or nobody's to change.
func isSetting(flag string) bool {
	switch flag {
	case "-D", "-b", "-f", "-e", "-r", "-c", "-i", "--backlog_wait_time", "--loginuid-immutable", "--reset-lost":
		return true
	}
	return false
}

// splitArgs cuts a line at its blanks; quotes keep them.
func splitArgs(text string) ([]string, error) {
	var args []string
	var word strings.Builder
	var quote rune
	in := false
	for _, c := range text {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if in {
				args = append(args, word.String())
				word.Reset()
			}
			in = false
		default:
			word.WriteRune(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if in {
		args = append(args, word.String())
	}
	return args, nil
}

// buildRule makes a rule of its flags, as auditctl has them.
func buildRule(args []string) (rule.WireFormat, error) {
	sys := rule.SyscallRule{}
	watch := rule.FileWatchRule{Type: rule.FileWatchRuleType}
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return nil, fmt.Errorf("%s has no value", args[i])
		}
		if err := addFlag(&sys, &watch, args[i], args[i+1]); err != nil {
			return nil, err
		}
	}
	switch {
	case watch.Path != "" && sys.List != "":
		return nil, errors.New("-w and -a do not go together")
	case watch.Path != "":
		watch.Keys = sys.Keys
		return rule.Build(&watch)
	case sys.List == "filesystem":
		return fileSystemRule(&sys)
	case sys.List == "":
		return nil, errors.New("neither -a nor -A nor -w")
	}
	w, err := rule.Build(&sys)
	if err == nil && sys.Type == rule.PrependSyscallRuleType {
		// go-libaudit knows the flag of a rule that goes first, and does not set it.
		binary.NativeEndian.PutUint32(w, binary.NativeEndian.Uint32(w)|filterPrepend)
	}
	return w, err
}

func addFlag(sys *rule.SyscallRule, watch *rule.FileWatchRule, flag, value string) error {
	switch flag {
	case "-a", "-A":
		list, action, _ := strings.Cut(value, ",")
		if list == "always" || list == "never" {
			list, action = action, list
		}
		if action != "always" && action != "never" || list == "" {
			return fmt.Errorf("%s %s: not a list and an action", flag, value)
		}
		sys.Type, sys.List, sys.Action = rule.AppendSyscallRuleType, list, action
		if flag == "-A" {
			sys.Type = rule.PrependSyscallRuleType
		}
	case "-S":
		sys.Syscalls = append(sys.Syscalls, strings.Split(value, ",")...)
	case "-F", "-C":
		f, err := filter(value)
		if err != nil {
			return err
		}
		if flag == "-C" {
			f.Type = rule.InterFieldFilterType
		}
		sys.Filters = append(sys.Filters, f)
	case "-k":
		sys.Keys = append(sys.Keys, value)
	case "-w":
		watch.Path = value
	case "-p":
		for _, c := range value {
			at := strings.IndexRune("rwxa", c)
			if at < 0 {
				return fmt.Errorf("-p %s: %q is no permission", value, c)
			}
			watch.Permissions = append(watch.Permissions, rule.AccessType(at+1))
		}
	default:
		return fmt.Errorf("%s is not a flag of a rule that can be loaded", flag)
	}
	return nil
}

// filter reads field, operator and value.
func filter(text string) (rule.FilterSpec, error) {
	at := strings.IndexAny(text, "!=<>&")
	if at <= 0 {
		return rule.FilterSpec{}, fmt.Errorf("-F %s: no field, operator and value", text)
	}
	f := rule.FilterSpec{Type: rule.ValueFilterType, LHS: strings.TrimSpace(text[:at])}
	for _, op := range []string{"!=", "<=", ">=", "&=", "=", "<", ">", "&"} {
		if rest, ok := strings.CutPrefix(text[at:], op); ok {
			f.Comparator, f.RHS = op, strings.TrimSpace(rest)
			return f, nil
		}
	}
	return rule.FilterSpec{}, fmt.Errorf("-F %s: no operator", text)
}

// struct audit_rule_data (linux/audit.h): flags, action and number of fields, a
// mask of 64 words, then fields, values and operators of 64 words each, and the
// length of the texts that follow.
const (
	ruleWords     = 3 + 4*64 + 1
	filterPrepend = 0x10
	filterFS      = 6
	fieldFSType   = 26
	opEqual       = 0x40000000
	opNotEqual    = 0x30000000
)

// fileSystemRule is a rule of the list filesystem, which go-libaudit has not.
func fileSystemRule(r *rule.SyscallRule) (rule.WireFormat, error) {
	if len(r.Filters) != 1 || r.Filters[0].LHS != "fstype" || len(r.Syscalls) > 0 {
		return nil, errors.New("a rule of the list filesystem has one -F fstype=NAME and no more")
	}
	f := r.Filters[0]
	magic, op := map[string]uint32{"debugfs": 0x64626720, "tracefs": 0x74726163}[f.RHS], uint32(opEqual)
	if n, err := strconv.ParseUint(f.RHS, 0, 32); err == nil {
		magic = uint32(n)
	}
	if magic == 0 {
		return nil, fmt.Errorf("fstype=%s: neither debugfs nor tracefs nor a number", f.RHS)
	}
	switch f.Comparator {
	case "=":
	case "!=":
		op = opNotEqual
	default:
		return nil, errors.New("fstype is compared with = or !=")
	}
	w := make([]byte, 4*ruleWords)
	put := func(word int, v uint32) { binary.NativeEndian.PutUint32(w[4*word:], v) }
	put(0, filterFS)
	if r.Type == rule.PrependSyscallRuleType {
		put(0, filterFS|filterPrepend)
	}
	if r.Action == "always" {
		put(1, 2)
	}
	put(2, 1)
	for i := range 64 {
		put(3+i, 0xffffffff)
	}
	put(3+64, fieldFSType)
	put(3+128, magic)
	put(3+192, op)
	return w, nil
}
