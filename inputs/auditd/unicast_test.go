package auditd

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	libaudit "github.com/elastic/go-libaudit/v2"
	"golang.org/x/sys/unix"

	"tallyman/pipeline/plugin"
)

// controlFake is the kernel's audit as it is set.
type controlFake struct {
	st   libaudit.AuditStatus
	err  error
	sets []string
}

func (c *controlFake) GetStatus() (*libaudit.AuditStatus, error) { return &c.st, c.err }

func (c *controlFake) SetEnabled(bool, libaudit.WaitMode) error { return nil }

func (c *controlFake) SetBacklogLimit(n uint32, _ libaudit.WaitMode) error {
	c.sets = append(c.sets, "limit "+strconv.Itoa(int(n)))
	return nil
}

func (c *controlFake) SetBacklogWaitTime(n int32, _ libaudit.WaitMode) error {
	c.sets = append(c.sets, "wait "+strconv.Itoa(int(n)))
	return nil
}

func TestPrepare(t *testing.T) {
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	feature := uint32(libaudit.AuditFeatureBitmapBacklogWaitTime)
	for name, c := range map[string]struct {
		st     libaudit.AuditStatus
		err    error
		limit  int
		wait   int
		sets   []string
		locked bool
		fails  []string
		kind   plugin.ErrorKind
	}{
		"free":            {st: libaudit.AuditStatus{BacklogLimit: 64, BacklogWaitTime: 15000, FeatureBitmap: feature}, limit: 8192, sets: []string{"wait 0", "limit 8192"}},
		"as wanted":       {st: libaudit.AuditStatus{BacklogLimit: 8192, FeatureBitmap: feature}, limit: 8192},
		"left as it is":   {st: libaudit.AuditStatus{BacklogLimit: 64, BacklogWaitTime: 9, FeatureBitmap: feature}, wait: -1},
		"an old kernel":   {st: libaudit.AuditStatus{BacklogLimit: 64, BacklogWaitTime: 9}},
		"auditd has them": {st: libaudit.AuditStatus{PID: uint32(other.Process.Pid)}, fails: []string{"sleep, process " + strconv.Itoa(other.Process.Pid), "systemctl disable --now auditd", "netlink: multicast"}},
		"it died":         {st: libaudit.AuditStatus{PID: uint32(gone.Process.Pid)}},
		"another of ours": {st: libaudit.AuditStatus{PID: uint32(os.Getpid())}, fails: []string{"another input of this tallyman"}},
		"locked":          {st: libaudit.AuditStatus{Enabled: 2, BacklogLimit: 64}, limit: 8192, locked: true},
		"not allowed":     {err: unix.EPERM, fails: []string{"CAP_AUDIT_CONTROL"}, kind: plugin.KindPermanent},
		"it says nothing": {err: errors.New("no reply received"), fails: []string{"no reply received"}},
	} {
		k := &controlFake{st: c.st, err: c.err}
		u := &unicast{backlogLimit: c.limit, backlogWait: c.wait}
		locked, err := u.prepare(k)
		if locked != c.locked || (err != nil) != (len(c.fails) > 0) || !slices.Equal(k.sets, c.sets) {
			t.Errorf("%s: locked %v, %v, sets %q", name, locked, err, k.sets)
			continue
		}
		if kind, _ := plugin.KindOf(err); kind != c.kind {
			t.Errorf("%s: an error of kind %d: %v", name, kind, err)
		}
		for _, want := range c.fails {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
}

func TestLockedRules(t *testing.T) {
	if err := (*ruleSet)(nil).locked(); err != nil {
		t.Errorf("no rules: %v", err)
	}
	if err := (&ruleSet{rules: []kernelRule{{}}}).locked(); err == nil || !strings.Contains(err.Error(), "-e 2") {
		t.Errorf("rules: %v", err)
	}
}
