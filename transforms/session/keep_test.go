package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/schema"
)

// line draws one thing that happens in a small world: two hosts, three sessions,
// two containers of one pod each, few pids, two commands.
func line(t *rapid.T, second float64) string {
	pick := func(words ...string) string { return rapid.SampledFrom(words).Draw(t, "word") }
	host := " host=" + pick("h1", "h2")
	user := pick("ana", "bob", "eve")
	ses := " ses=" + pick("1", "2", "3", "4294967295")
	cmd := pick("sh", "id")
	n := pick("1", "2")
	box := " box=c0ffee" + n + " boxname=web" + n + " ns=shop pod=web-" + n
	at := fmt.Sprintf("%.2f ", second+rapid.Float64Range(-3, 3).Draw(t, "late"))
	pid := func() string { return pick("10", "11", "12", "13") }
	ids := ""
	if rapid.Bool().Draw(t, "ids") {
		ids = " ent=" + pick("A", "B", "C") + " pent=" + pick("A", "B", "C")
	}
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		return at + pick("USER_LOGIN", "USER_START", "CRED_ACQ", "LOGIN") + " by=" + pick("sshd", "login", "cron") + ses + host + " auid=" + user + " res=" + pick("success", "failure")
	case 1:
		return at + pick("USER_CMD", "USER_AUTH") + " by=" + pick("sudo", "su") + ses + host + " auid=" + user + " acct=root"
	case 2:
		return at + "ran name=docker arg=docker arg=exec arg=web" + n + " arg=" + cmd + ses + host + " pid=" + pid()
	case 3:
		return at + pick("exec_create", "exec_start") + " exec=#" + pick("1", "2", "3") + " cmd=" + cmd + box + host
	case 4:
		return at + "kube audit=k" + pick("1", "2", "3") + user + " user=" + user + box + " arg=" + cmd + " res=" + pick("success", "failure")
	case 8:
		return at + "ran name=runc arg=runc arg=exec arg=--pid-file arg=/b/#" + pick("1", "2", "3") + ".pid arg=c0ffee" + n + host + pick("", box) + " pid=" + pid()
	case 5:
		return at + "ran pname=" + pick("runc", "sh", "") + box + ses + host + " arg=" + cmd + " pid=" + pid() + " ppid=" + pid() + ids
	}
	return at + "did" + box + ses + host + " pid=" + pid() + " ppid=" + pid() + ids
}

func world(t *rapid.T, tb testing.TB) (list []event.Event) {
	for i := range rapid.IntRange(1, 60).Draw(t, "events") {
		list = append(list, tell(tb, line(t, float64(i))))
	}
	return list
}

// named returns the users that the records up to an event name for a way in,
// for the place of the event.
func named(before []event.Event, how string, e *event.Event) (users []string) {
	same := func(o *event.Event, keys ...schema.Key) bool {
		for _, k := range keys {
			if !o.Fields.Get(k).Equal(e.Fields.Get(k)) {
				return false
			}
		}
		return true
	}
	for i := range before {
		o := &before[i]
		get := func(k schema.Key) string { return o.Fields.Get(k).Str() }
		code, good := get(schema.EventCode), get(schema.EventOutcome) == "success"
		switch {
		case how == howKube && good && same(o, schema.KubernetesPodName):
			users = append(users, get(schema.KubernetesAuditUserUsername))
		case how == howDocker && same(o, schema.HostID) && strings.HasPrefix(code, "USER_"), how == howDocker && code == "CRED_ACQ" && same(o, schema.HostID):
			users = append(users, get(schema.UserAuditName))
		case weak(how) && get(schema.EventProvider) == how && same(o, schema.HostID, schema.AuditdSession),
			(how == howSSH || how == howConsole || how == howCron) && good && code != "LOGIN" && get(schema.EventProvider) != "" && same(o, schema.HostID, schema.AuditdSession):
			users = append(users, get(schema.UserAuditName))
		}
	}
	return users
}

// TestNobodyIsNamedWithoutEvidence: whatever happens in whatever order, a user
// was named by an earlier record for just this session, pod or host.
func TestNobodyIsNamedWithoutEvidence(t *testing.T) {
	var told int
	rapid.Check(t, func(r *rapid.T) {
		tr := build(t, nil)
		list := world(r, t)
		for i := range list {
			m, _ := tr.known.see(&list[i])
			if m.user == "" {
				continue
			}
			told++
			if m.how == howDocker && m.confidence != medium || m.confidence == "" {
				r.Fatalf("%+v", m)
			}
			if how := m.how; how != "" && !slices.Contains(named(list[:i+1], how, &list[i]), m.user) {
				r.Fatalf("event %d is told %+v, and no record names that user", i, m)
			}
			if m.user == "root" {
				r.Fatalf("whom somebody became is taken for who they are: %+v", m)
			}
		}
	})
	if told == 0 {
		t.Error("nothing was told at all: the world is too poor to show anything")
	}
}

// TestAStopChangesNothing: a snapshot and what is learned after it make the
// answers of a process that never stopped.
func TestAStopChangesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		list := world(r, t)
		first := rapid.IntRange(0, len(list)).Draw(r, "snapshot")
		second := rapid.IntRange(first, len(list)).Draw(r, "stop")
		whole, again := build(t, nil), build(t, nil)
		whole.Learn(list[:first])
		saved, err := whole.Snapshot([]byte("before"))
		if err != nil {
			r.Fatal(err)
		}
		saved = saved[len("before"):]
		if err := again.Restore(saved); err != nil {
			r.Fatal(err)
		}
		if twice, _ := again.Snapshot(nil); !bytes.Equal(saved, twice) {
			r.Fatal("what was restored is saved as something else")
		}
		whole.Learn(list[first:second])
		again.Learn(list[first:second])
		for i := second; i < len(list); i++ {
			if a, b := judge(t, whole.Lane("a"), list[i]), judge(t, again.Lane("a"), list[i]); a != b {
				r.Fatalf("event %d is told %q, after a stop %q", i, a, b)
			}
		}
	})
}

// TestDamageMakesNobodyKnown: after an error nothing is known.
func TestDamageMakesNobodyKnown(t *testing.T) {
	full := func() *Transform {
		tr := build(t, nil)
		for _, l := range []string{"0 USER_LOGIN by=sshd ses=3 auid=ana", "0 exec_start exec=e1 cmd=sh box=c0ffee", "0 ran box=c0ffee pid=1 pname=runc arg=sh arg=x",
			"0 ran box=c0ffee pid=1 ent=A pname=runc arg=sh", "0 ran ses=3 name=docker arg=docker arg=exec arg=web arg=sh", "0 ran pid=9 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#e.pid arg=c0ffee"} {
			tr.Learn([]event.Event{tell(t, l)})
		}
		return tr
	}
	saved, err := full().Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := keep.NewWriter(nil, keepMark, keepVersion) // a sound sum over what is no memory
	w.Uint(1 << 40)
	other := keep.NewWriter(nil, keepMark, keepVersion+1)
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"short": {saved[:len(saved)-1], keep.ErrDamaged}, "empty": {nil, keep.ErrDamaged}, "no memory": {w.End(), keep.ErrDamaged}, "another version": {other.End(), keep.ErrVersion},
	} {
		tr := full()
		if err := tr.Restore(c.bytes); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if k := tr.known; k.sessions.len()+k.processes.len()+len(k.execs.list)+len(k.starts.list)+len(k.clients.list)+k.runs.len() > 0 {
			t.Errorf("%s: something is known", name)
		}
	}
	tr := build(t, nil)
	if err := tr.Restore(saved); err != nil {
		t.Fatal(err)
	}
	if k := tr.known; k.sessions.len() != 1 || k.processes.len() != 2 || len(k.execs.list) != 1 || len(k.starts.list) != 2 || len(k.clients.list) != 1 || k.runs.len() != 1 {
		t.Errorf("what came back is %d %d %d %d %d %d", k.sessions.len(), k.processes.len(), len(k.execs.list), len(k.starts.list), len(k.clients.list), k.runs.len())
	}
}

// TestBounds: nothing grows over its bound, and what was forgotten is counted.
func TestBounds(t *testing.T) {
	tr := build(t, func(s *Settings) { s.Sessions, s.Processes, s.Execs = 3, 4, 5 })
	stage := tr.Lane("a")
	for i := range 50 {
		for _, l := range []string{
			fmt.Sprintf("0 USER_LOGIN by=sshd ses=%d auid=ana", i),
			fmt.Sprintf("0 exec_start exec=e%d cmd=sh box=b%d", i, i),
			fmt.Sprintf("0 ran box=b%d pid=%d pname=runc arg=sh", i, i+1),
			fmt.Sprintf("0 exec_start exec=lost%d cmd=sh box=none", i),
			fmt.Sprintf("0 ran box=b%d pid=%d pname=runc arg=other", i, i+1),
			fmt.Sprintf("0 ran pid=%d name=runc arg=runc arg=exec arg=--pid-file arg=/b/#e.pid arg=c0ffee", i+1000),
			fmt.Sprintf("0 ran pid=%d name=docker arg=docker arg=exec arg=web arg=sh", i+1),
		} {
			judge(t, stage, tell(t, l))
		}
	}
	k := tr.known
	for _, c := range []struct {
		what      string
		len, want int
		lost      uint64
		forgotten uint64
	}{
		{"sessions", k.sessions.len(), 3, 47, k.sessions.forgotten.Value()},
		{"processes", k.processes.len(), 4, 46, k.processes.forgotten.Value()},
		{"execs", len(k.execs.list), 5, 47, k.execs.forgotten.Value()}, // 95 made room, and 48 of these had found their process; so with the starts
		{"starts", len(k.starts.list), 5, 47, k.starts.forgotten.Value()},
		{"clients", len(k.clients.list), 5, 45, k.clients.forgotten.Value()},
		{"runs", k.runs.len(), 5, 45, k.runs.forgotten.Value()},
	} {
		if c.len != c.want || c.lost != c.forgotten {
			t.Errorf("%s: %d are remembered, want %d; %d were forgotten, want %d", c.what, c.len, c.want, c.forgotten, c.lost)
		}
	}
	if got := judge(t, stage, tell(t, "1 did ses=0")); got != "-" {
		t.Errorf("the oldest session is still told: %q", got)
	}
	if got := judge(t, stage, tell(t, "1 did ses=49")); got != "ssh ana exact" {
		t.Errorf("the newest session is told %q", got)
	}
}
