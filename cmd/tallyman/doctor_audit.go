package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	libaudit "github.com/elastic/go-libaudit/v2"

	"tallyman/configs"
	"tallyman/inputs/auditd"
	"tallyman/transforms/container"
)

// audit asks the kernel how its audit is, and which rules it has.
func (d *checkup) audit() []container.Finding {
	st, err := auditStatus()
	if err != nil {
		return []container.Finding{auditRefused(err)}
	}
	return append(judgeAudit(st), d.auditRules())
}

func auditStatus() (st *libaudit.AuditStatus, err error) {
	c, err := libaudit.NewAuditClient(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.GetStatus()
}

// auditRefused says why the kernel does not answer.
func auditRefused(err error) container.Finding {
	f := container.Finding{Name: "kernel", Text: fmt.Sprintf("its audit cannot be asked: %v", err), Hint: "run doctor as root (CAP_AUDIT_CONTROL)"}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "connection refused"):
		f.Hint = "it answers only in the host's pid namespace: run doctor on the host, or with hostPID: true, --pid=host"
	case errors.Is(err, syscall.EPROTONOSUPPORT):
		f.Hint = "this kernel is built without audit (CONFIG_AUDIT), or was booted with audit=0"
	}
	return f
}

// judgeAudit judges the state of the kernel's audit.
func judgeAudit(st *libaudit.AuditStatus) []container.Finding {
	enabled := container.Finding{Name: "enabled", Good: true, Text: "auditing is on"}
	switch st.Enabled {
	case 0:
		enabled = container.Finding{Name: "enabled", Text: "auditing is off: no audit event is made", Hint: "auditctl -e 1; where the kernel was booted with audit=0, boot with audit=1"}
	case 2:
		enabled.Text = "auditing is on and locked: rules change with the next boot"
	}
	daemon := container.Finding{Name: "daemon", Good: true, Text: fmt.Sprintf("pid %d takes the records", st.PID)}
	if st.PID == 0 {
		daemon = container.Finding{Name: "daemon", Text: "nobody takes the records: they go to the kernel's own log", Hint: "start auditd (`systemctl start auditd`), or read with netlink: unicast; an input with netlink: multicast hears them all the same"}
	}
	lost := container.Finding{Name: "lost", Good: true, Text: "no record since the boot"}
	if st.Lost > 0 {
		lost = container.Finding{Name: "lost", Text: fmt.Sprintf("%s since the boot never reached anybody", many(uint64(st.Lost), "record")),
			Hint: fmt.Sprintf("raise the backlog (`-b %d` in /etc/audit/rules.d, and auditctl -b), and leave out what nobody needs; `auditctl --reset-lost` starts the count anew", max(8192, 2*st.BacklogLimit))}
	}
	backlog := container.Finding{Name: "backlog", Good: true, Text: fmt.Sprintf("%d of %d records wait", st.Backlog, st.BacklogLimit)}
	if st.BacklogLimit > 0 && st.Backlog > st.BacklogLimit/2 || st.BacklogLimit < 1024 {
		backlog.Good, backlog.Hint = false, fmt.Sprintf("a burst of short processes fills it: `-b %d` in /etc/audit/rules.d, and now auditctl -b", max(8192, 2*st.BacklogLimit))
	}
	list := []container.Finding{enabled, daemon, lost, backlog}
	if st.RateLimit > 0 {
		list = append(list, container.Finding{Name: "rate limit", Text: fmt.Sprintf("more than %d records a second are dropped", st.RateLimit), Hint: "auditctl -r 0, and no -r in /etc/audit/rules.d"})
	}
	return list
}

// auditRules compares what the kernel has with what the rules that are on need.
func (d *checkup) auditRules() container.Finding {
	f := container.Finding{Name: "audit rules"}
	check := auditCheck{}
	book, err := check.book(d.cmd, streams{in: d.s.in, out: d.s.out, err: discard{}})
	if err != nil {
		book, err = shippedBook()
	}
	if err != nil {
		f.Text = err.Error()
		return f
	}
	want, err := auditd.ReadRules(strings.NewReader(configs.AuditRules))
	if err != nil {
		f.Text = err.Error()
		return f
	}
	loaded, err := auditd.LoadedRules()
	if err != nil {
		f.Text, f.Hint = err.Error(), "ask the kernel as root"
		if !errors.Is(err, fs.ErrPermission) {
			f.Hint = "auditctl -l says what is loaded"
		}
		return f
	}
	return judgeAuditRules(compareAudit(book.Rules(), want, loaded), len(loaded))
}

// judgeAuditRules says how many rules see nothing, or not everything.
func judgeAuditRules(keys []auditKey, loaded int) container.Finding {
	var blind, part []string
	lines := 0
	for i := range keys {
		lines += len(keys[i].Missing)
		switch {
		case keys[i].Blind:
			blind = append(blind, keys[i].Key)
		case len(keys[i].Missing) > 0:
			part = append(part, keys[i].Key)
		}
	}
	f := container.Finding{Name: "audit rules", Good: len(blind)+len(part) == 0, Text: many(uint64(loaded), "audit rule") + " loaded, all that the rules need"}
	if !f.Good {
		f.Text = many(uint64(loaded), "audit rule") + " loaded"
		if len(blind) > 0 {
			f.Text += "; rules see nothing of what the keys say: " + someOf(blind)
		}
		if len(part) > 0 {
			f.Text += "; they see a part of what these say: " + someOf(part)
		}
		f.Hint = fmt.Sprintf("`tallyman audit-rules check` shows the %d lines; `tallyman audit-rules print > /etc/audit/rules.d/60-tallyman.rules && augenrules --load` loads all", lines)
	}
	return f
}

// someOf names some of many.
func someOf(names []string) string {
	const most = 4
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// discard is nobody who listens.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
