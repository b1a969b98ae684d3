package audit

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestEveryFormOfALine gives one record in every dress that is known.
func TestEveryFormOfALine(t *testing.T) {
	const body = `pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success'`
	const stamp = `msg=audit(1795227901.125:9): `
	tr := build(t, func(s *Settings) { s.Passwd = filepath.Join("testdata", "passwd") }) // the names that the enriched line has
	want := oneEvent(t, tr, "type=SERVICE_START "+stamp+body)
	for name, line := range map[string]string{
		"a number, as netlink has it":    "type=1130 " + stamp + body,
		"UNKNOWN with the number":        "type=UNKNOWN[1130] " + stamp + body,
		"the kernel log":                 "audit: type=1130 audit(1795227901.125:9): " + body,
		"the kernel log with its clock":  "[  270.853767] audit: type=1130 audit(1795227901.125:9): " + body,
		"kmsg":                           "6,1234,270853767,-;audit: type=1130 audit(1795227901.125:9): " + body,
		"RFC 3164, kernel":               "Nov 25 10:31:23 node-7 kernel: [  270.853767] audit: type=1130 audit(1795227901.125:9): " + body,
		"RFC 3164, kernel and thread":    "Nov 25 10:31:23 node-7 kernel: [  270.853767][   T12] audit: type=1130 audit(1795227901.125:9): " + body,
		"RFC 3164, journal's kernel":     "Nov 25 10:31:23 node-7 kernel: audit: type=1130 audit(1795227901.125:9): " + body,
		"RFC 3164, audispd":              "<134>Oct 28 09:56:44 node-7 audispd: type=SERVICE_START " + stamp + body,
		"RFC 3164, audisp-syslog":        "Oct 28 09:56:44 node-7 audisp-syslog[12]: type=SERVICE_START " + stamp + body,
		"RFC 3164 with ISO time":         "2026-11-25T10:31:23.123456+00:00 node-7 audispd: type=SERVICE_START " + stamp + body,
		"RFC 5424":                       "<134>1 2026-11-25T10:31:23Z node-7 audispd 712 - - type=SERVICE_START " + stamp + body,
		"RFC 5424 with data":             `<134>1 2026-11-25T10:31:23Z node-7 auditd - ID [a@1 b="x \] y: "][c@1] ` + "\ufefftype=SERVICE_START " + stamp + body,
		"RFC 5424, kernel":               "<6>1 2026-11-25T10:31:23Z node-7 kernel - - - audit: type=1130 audit(1795227901.125:9): " + body,
		"enriched":                       "type=SERVICE_START " + stamp + body + "\x1d" + `UID="root" AUID="unset"`,
		"enriched, the mark was lost":    "type=SERVICE_START " + stamp + body + `UID="root" AUID="unset"`,
		"more blanks before the fields":  "type=SERVICE_START " + stamp + " " + body,
		"enriched, a blank for the mark": "type=SERVICE_START " + stamp + body + ` UID="root" AUID="unset"`,
		"enriched, through rsyslog":      "type=SERVICE_START " + stamp + body + `#035UID="root" AUID="unset"`,
		"enriched, the mark in words":    "type=SERVICE_START " + stamp + body + `\x1dUID="root" AUID="unset"`,
		"enriched, out of JSON":          "type=SERVICE_START " + stamp + body + `\u001dUID="root" AUID="unset"`,
		"lines with CRLF":                "type=SERVICE_START " + stamp + body + "\r",
		"lines with CRLF, enriched":      "type=SERVICE_START " + stamp + body + "\x1d" + `UID="root" AUID="unset"` + "\r",
		"the kernel log before 3.15":     "Nov 25 10:31:23 node-7 kernel: [  270.853767] type=1130 audit(1795227901.125:9): " + body,
		"the same by itself":             "[  270.853767] type=1130 audit(1795227901.125:9): " + body,
		"a tag without a colon":          "2026-11-25T10:31:23+00:00 node-7 auditd type=SERVICE_START " + stamp + body,
		"the same, and a pid":            "Nov 25 10:31:23 node-7 audispd[712] type=SERVICE_START " + stamp + body,
		"a reader of the log":            "Nov 25 10:31:23 node-7 tag_audit_log: type=SERVICE_START " + stamp + body,
		"two blanks":                     "Nov 25 10:31:23 node-7 audispd:  type=SERVICE_START " + stamp + body,
	} {
		e := oneEvent(t, tr, line)
		if diff := sameEvents([]event.Event{e}, []event.Event{want}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	e := oneEvent(t, tr, "node=web-1 type=SERVICE_START "+stamp+body)
	if e.Fields.Get(schema.HostName).Str() != "web-1" || e.ID == want.ID {
		t.Error("node= is no part of the event")
	}
	for _, head := range []string{"Nov 25 10:31:23 node-7 audispd: ", "Nov 25 10:31:23 node-7 audispd ", "Nov 25 10:31:23 node-7 audispd:  "} {
		behind := oneEvent(t, tr, head+"node=web-1 type=SERVICE_START "+stamp+body)
		if diff := sameEvents([]event.Event{behind}, []event.Event{e}); diff != "" {
			t.Errorf("node= behind %q: %s", head, diff)
		}
	}
}

// TestAProgramsTextIsNoRecord: what another program says is not the kernel's.
func TestAProgramsTextIsNoRecord(t *testing.T) {
	for _, line := range []string{
		"Nov 25 10:31:23 node-7 app[1]: type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"<134>1 2026-11-25T10:31:23Z node-7 app - - - type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"<134>1 2026-11-25T10:31:23Z node-7 audispd - - [a type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"<134>1 2026-11-25T10:31:23Z node-7 kernel - - - type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"Nov 25 10:31:23 node-7 app: audit[1]: SERVICE_START pid=1",
		"Nov 25 10:31:23 node-7 app[1] type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"Nov 25 10:31:23 node-7 app: auditd type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"Nov 25 10:31:23 node-7 kernel: [  270.853767] type=x130 audit(1795227901.125:9): pid=1",
		"[app] type=SERVICE_START msg=audit(1795227901.125:9): pid=1",
		"Nov 25 10:31:23 node-7 audit[1]: hello there",
	} {
		e := oneEvent(t, build(t, nil), line)
		if e.Fields.Get(schema.EventKind).Str() != "pipeline_error" || e.Raw != line {
			t.Errorf("%q was taken for a record: %s", line, show(&e))
		}
	}
}

// TestTheJournalsRecords have neither time nor serial: each is an event of its own,
// and a part of a call is flagged.
func TestTheJournalsRecords(t *testing.T) {
	in := records([]string{
		"Nov 25 10:31:23 node-7 audit[1]: SERVICE_START pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron res=success'",
		"Nov 25 10:31:23 node-7 audit[1]: SERVICE_START pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron res=success'",
		"Nov 25 10:31:23 node-7 audit[7]: SYSCALL arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=7 comm=\"ls\" exe=\"/bin/ls\"",
		"Nov 25 10:31:23 node-7 audit: PROCTITLE proctitle=\"ls\"",
		"Nov 25 10:31:23 node-7 audit: UNKNOWN[1498] x=1",
	})
	got := run(t, build(t, nil), in, 2)
	if len(got) != 5 || total(got) != 5 {
		t.Fatalf("%d events", len(got))
	}
	for i, action := range []string{"started-service", "started-service", "executed", "proctitle", "unknown[1498]"} {
		e := &got[i]
		tagged := slices.Contains(ours(e)["tags"], TagIncomplete)
		if a := e.Fields.Get(schema.EventAction).Str(); a != action || tagged != (i > 1) || !e.Time.Equal(start) || !e.Fields.Get(schema.EventSequence).IsZero() {
			t.Errorf("%d is %s: %s", i, a, show(e))
		}
		for j := range i {
			if got[j].ID == e.ID {
				t.Errorf("%d and %d have one id", i, j)
			}
		}
	}
}

// TestTheHostOfAHead: lines of several hosts in one file are told apart by the head that
// syslog wrote. This host may stand there with its domain or without.
func TestTheHostOfAHead(t *testing.T) {
	const record = `type=USER_LOGIN msg=audit(1795227901.125:9): pid=7 uid=0 auid=1001 ses=5 msg='op=login id=1001 exe="/usr/sbin/sshd" hostname=? addr=? terminal=ssh res=success'`
	own := oneEvent(t, build(t, nil), record).Fields.Get(schema.HostName).Str()
	short := build(t, nil)
	short.host = "node-9"
	long := build(t, nil)
	long.host = "node-9.example.org"
	for _, c := range []struct {
		tr         *Transform
		line, want string
	}{
		{short, "Nov 25 10:31:23 web-1 audispd: " + record, "web-1"},
		{short, "<134>Nov  5 10:31:23 web-1 auditd " + record, "web-1"},
		{short, "2026-11-25T10:31:23.123456+00:00 web-1 audispd[7]: " + record, "web-1"},
		{short, "<134>1 2026-11-25T10:31:23Z web-1 audispd 712 - - " + record, "web-1"},
		{short, "Nov 25 10:31:23 web-1 audispd: node=db-1 " + record, "db-1"},
		{short, "Nov 25 10:31:23 web-1 kernel: [  270.8] audit: type=1112 audit(1795227901.125:9): pid=7", "web-1"},
		{short, "Nov 25 10:31:23 web-1 audit[7]: USER_LOGIN pid=7 uid=0", "web-1"},
		{short, "Nov 25 10:31:23 node-9.example.org audispd: " + record, own},
		{long, "Nov 25 10:31:23 node-9 audispd: " + record, own},
		{long, "Nov 25 10:31:23 node-9.example.net audispd: " + record, "node-9.example.net"},
		{short, "<134>1 2026-11-25T10:31:23Z - audispd 712 - - " + record, own},
		{short, "Nov 25 10:31:23 audispd: " + record, own},
		{short, "[  270.8] audit: type=1112 audit(1795227901.125:9): pid=7", own},
	} {
		e := oneEvent(t, c.tr, c.line)
		if got := e.Fields.Get(schema.HostName).Str(); got != c.want {
			t.Errorf("%s: host.name is %q, want %q", c.line, got, c.want)
		}
	}
}

// TestRecordsOfTwoHostsAreTwoEvents: serial and time may be the same on both.
func TestRecordsOfTwoHostsAreTwoEvents(t *testing.T) {
	lines := []string{}
	for _, r := range []string{
		`type=SYSCALL msg=audit(1795227901.125:9): arch=c000003e syscall=87 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=1 pid=%PID auid=1001 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=5 comm="rm" exe="/usr/bin/rm" key=(null)`,
		`type=PATH msg=audit(1795227901.125:9): item=0 name="/srv/%HOST" inode=5 dev=08:01 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=DELETE`,
		`type=PROCTITLE msg=audit(1795227901.125:9): proctitle="rm"`,
	} {
		for host, pid := range map[string]string{"web-1": "71", "web-2": "72"} {
			lines = append(lines, "Nov 25 10:31:23 "+host+" audispd: "+strings.NewReplacer("%PID", pid, "%HOST", host).Replace(r))
		}
	}
	got := map[string]string{}
	for _, e := range run(t, build(t, nil), records(lines), len(lines)) {
		got[e.Fields.Get(schema.HostName).Str()] = e.Fields.Get(schema.FilePath).Str()
	}
	if len(got) != 2 || got["web-1"] != "/srv/web-1" || got["web-2"] != "/srv/web-2" {
		t.Error(got)
	}
}
