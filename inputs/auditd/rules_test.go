package auditd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	libaudit "github.com/elastic/go-libaudit/v2"
	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/elastic/go-libaudit/v2/rule"
	"golang.org/x/sys/unix"
)

// TestOurOwnRules: the file that is shipped can be loaded, line by line, and the
// kernel's form of each says the same.
func TestOurOwnRules(t *testing.T) {
	b, err := os.ReadFile("../../configs/audit.rules")
	if err != nil {
		t.Fatal(err)
	}
	set, err := readRules(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "-a") || strings.HasPrefix(line, "-A") || strings.HasPrefix(line, "-w") {
			want++
		}
	}
	if len(set.rules) != want || want == 0 {
		t.Errorf("%d rules of %d", len(set.rules), want)
	}
	if want := []string{"-b 16384", "--backlog_wait_time 0", "-f 1", "-c"}; !slices.Equal(set.skipped, want) {
		t.Errorf("passed over %q, want %q", set.skipped, want)
	}
	for _, r := range set.rules {
		if strings.Contains(r.text, "filesystem") {
			continue // go-libaudit cannot say it
		}
		text, err := rule.ToCommandLine(r.wire, false)
		if err != nil {
			t.Errorf("line %d: %v", r.line, err)
		}
		if _, key, ok := strings.Cut(r.text, "key="); ok && !strings.Contains(text, key) {
			t.Errorf("line %d: %s became %s", r.line, r.text, text)
		}
	}
}

func TestRuleForms(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"-a always,exit -F arch=b64 -S execve,execveat -F uid=1000 -k a", "-a always,exit -F arch=b64 -S execve,execveat -F uid=1000 -F key=a"},
		{"-a exit,always -F arch=b64 -S open -F exit=-EACCES -F auid!=unset", "-a always,exit -F arch=b64 -S open -F exit=-EACCES -F auid!=-1"},
		{"-w /etc/passwd -p wa -k files", "-w /etc/passwd -p wa -k files"},
		{`-w "/etc/a b" -p r`, "-w /etc/a b -p r"},
		{"-a never,exclude -F msgtype=CWD", "-a never,exclude -F msgtype=CWD"},
		{"-a always,exit -F arch=b64 -S openat -F a2&0100", "-a always,exit -F arch=b64 -S openat -F a2&64"},
		{"-a always,exit -F arch=b64 -S kill -C uid!=euid", "-a always,exit -F arch=b64 -S kill -C uid!=euid"},
	} {
		args, err := splitArgs(c.text)
		if err != nil {
			t.Fatal(err)
		}
		w, err := buildRule(args)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, err := rule.ToCommandLine(w, false); err != nil || got != c.want {
			t.Errorf("%s became %s (%v), want %s", c.text, got, err, c.want)
		}
	}
}

// TestFileSystemRule holds the kernel's form of the one rule that go-libaudit
// does not make against linux/audit.h.
func TestFileSystemRule(t *testing.T) {
	words := func(text string) map[int]uint32 {
		args, err := splitArgs(text)
		if err != nil {
			t.Fatal(err)
		}
		w, err := buildRule(args)
		if err != nil || len(w) != 1040 {
			t.Fatalf("%s: %d bytes, %v", text, len(w), err)
		}
		got := map[int]uint32{}
		for i := range len(w) / 4 {
			if v := binary.NativeEndian.Uint32(w[4*i:]); v != 0 && (i < 3 || i >= 67) {
				got[i] = v
			}
		}
		return got
	}
	for text, want := range map[string]map[int]uint32{
		"-a never,filesystem -F fstype=tracefs":     {0: 6, 2: 1, 67: 26, 131: 0x74726163, 195: 0x40000000},
		"-a never,filesystem -F fstype!=0x1234":     {0: 6, 2: 1, 67: 26, 131: 0x1234, 195: 0x30000000},
		"-A always,filesystem -F fstype=debugfs":    {0: 0x16, 1: 2, 2: 1, 67: 26, 131: 0x64626720, 195: 0x40000000},
		"-A never,exclude -F msgtype=CONFIG_CHANGE": {0: 0x15, 2: 1, 67: 12, 131: 1305, 195: 0x40000000},
	} {
		got := words(text)
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		for i, v := range want {
			if got[i] != v {
				t.Errorf("%s: word %d is %#x, want %#x", text, i, got[i], v)
			}
		}
	}
}

func TestBadRules(t *testing.T) {
	for text, want := range map[string]string{
		"-a always,exit -S nosuchcall":              "line 1: ",
		"# fine\n\n-a always":                       "line 3: -a always: not a list and an action",
		"-a always,exit -S":                         "-S has no value",
		"-a often,exit -S open":                     "not a list and an action",
		"-S open":                                   "neither -a nor -A nor -w",
		"-w /etc -p q":                              "no permission",
		"-w /etc -a always,exit":                    "do not go together",
		"-a always,exit -F uid":                     "no field, operator and value",
		"-a always,exit -F uid!5":                   "no operator",
		"-a always,filesystem -F fstype=ext4":       "neither debugfs nor tracefs",
		"-a always,filesystem -F fstype>1":          "compared with = or !=",
		"-a always,filesystem -S open":              "no more",
		"-a always,exit -F path='/a":                "not closed",
		"-x y":                                      "-x is not a flag",
		"-a always,exit -F arch=b64 -S open junk x": "junk is not a flag",
		"-w relative -p r":                          "absolute",
	} {
		if _, err := readRules(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzReadRules(f *testing.F) {
	f.Add("-a always,exit -F arch=b64 -S execve -F uid=1 -k k\n-w /x -p rwxa\n-D\n")
	f.Add("-a never,filesystem -F fstype=0x1\n'\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "id") {
			t.Skip() // looks up the names of users
		}
		set, _ := readRules(strings.NewReader(text))
		for _, r := range set.rules {
			if len(r.wire) < 1040 || len(r.wire)%4 != 0 {
				t.Fatalf("%q is %d bytes", r.text, len(r.wire))
			}
		}
	})
}

// TestRulesSetting: a bad file is refused before anything starts, at its place.
func TestRulesSetting(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad"), []byte("-a always,exit -S nosuchcall\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"bad": "line 1: ", "none": "no such file"} {
		s := defaults()
		s.Netlink, s.Rules.Value = "unicast", name
		if in, err := build(&s, env(dir)); err == nil || in != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", name, in, err)
		}
	}
}

// wireFake answers commands as the kernel does.
type wireFake struct {
	answer func(typ uint16, data []byte) syscall.Errno
	sent   []string
	queue  [][]byte
	seq    uint32
}

func (w *wireFake) Send(m syscall.NetlinkMessage) (uint32, error) {
	w.seq++
	name := map[uint16]string{uint16(auparse.AUDIT_ADD_RULE): "add ", uint16(auparse.AUDIT_DEL_RULE): "del "}[m.Header.Type]
	w.sent = append(w.sent, name+string(m.Data))
	b := make([]byte, 36)
	binary.NativeEndian.PutUint16(b[4:], syscall.NLMSG_ERROR)
	binary.NativeEndian.PutUint32(b[8:], w.seq)
	binary.NativeEndian.PutUint32(b[16:], uint32(-int32(w.answer(m.Header.Type, m.Data))))
	stray := make([]byte, 20) // an answer to something else stands before it
	w.queue = append(w.queue, stray, b)
	return w.seq, nil
}

func (w *wireFake) SendNoWait(m syscall.NetlinkMessage) (uint32, error) { return w.Send(m) }

func (w *wireFake) Receive(_ bool, p libaudit.NetlinkParser) ([]syscall.NetlinkMessage, error) {
	if len(w.queue) == 0 {
		return nil, syscall.EAGAIN
	}
	b := w.queue[0]
	w.queue = w.queue[1:]
	return p(b)
}

func (w *wireFake) Close() error { return nil }

func TestLoadAndRemove(t *testing.T) {
	set := func(ours bool) *ruleSet {
		s := &ruleSet{log: slog.New(slog.DiscardHandler), ours: ours}
		for i, text := range []string{"a", "b", "c"} {
			s.rules = append(s.rules, kernelRule{line: i + 1, text: text, wire: []byte(text)})
		}
		return s
	}
	for name, c := range map[string]struct {
		ours   bool
		answer map[string]syscall.Errno
		loaded int
		sent   []string
		fails  string
	}{
		"all":                {loaded: 3, sent: []string{"add a", "add b", "add c", "del c", "del b", "del a"}},
		"one was there":      {answer: map[string]syscall.Errno{"add b": unix.EEXIST}, loaded: 2, sent: []string{"add a", "add b", "add c", "del c", "del a"}},
		"one was ours":       {ours: true, answer: map[string]syscall.Errno{"add b": unix.EEXIST}, loaded: 3, sent: []string{"add a", "add b", "add c", "del c", "del b", "del a"}},
		"one cannot be":      {answer: map[string]syscall.Errno{"add c": unix.EINVAL}, sent: []string{"add a", "add b", "add c", "del b", "del a"}, fails: "line 3, c: invalid argument"},
		"one is gone at end": {answer: map[string]syscall.Errno{"del b": unix.ENOENT}, loaded: 3, sent: []string{"add a", "add b", "add c", "del c", "del b", "del a"}},
		"one stays":          {answer: map[string]syscall.Errno{"del b": unix.EPERM}, loaded: 3, sent: []string{"add a", "add b", "add c", "del c", "del b", "del a"}, fails: "remove the audit rule of line 2"},
	} {
		s := set(c.ours)
		w := &wireFake{}
		w.answer = func(uint16, []byte) syscall.Errno { return c.answer[w.sent[len(w.sent)-1]] }
		err := s.load(w)
		if s.loaded() != c.loaded {
			t.Errorf("%s: %d loaded, want %d", name, s.loaded(), c.loaded)
		}
		if err == nil {
			if again := s.load(w); again != nil {
				t.Errorf("%s: %v", name, again)
			}
			err = s.remove(w)
		}
		if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v, want %q", name, err, c.fails)
		}
		if !slices.Equal(w.sent, c.sent) || s.loaded() != 0 {
			t.Errorf("%s: sent %q, want %q; %d are left", name, w.sent, c.sent, s.loaded())
		}
	}
}

func TestNoAnswer(t *testing.T) {
	w := &wireFake{answer: func(uint16, []byte) syscall.Errno { return 0 }}
	if _, err := w.Send(syscall.NetlinkMessage{}); err != nil {
		t.Fatal(err)
	}
	w.queue = w.queue[:1]
	w.seq = 0
	if err := request(noSend{w}, 1011, nil); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("no answer: %v", err)
	}
}

// noSend sends into nothing.
type noSend struct{ *wireFake }

func (noSend) Send(syscall.NetlinkMessage) (uint32, error) { return 1, nil }
