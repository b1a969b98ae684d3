package session

import (
	"maps"
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// A story is lines of `event => what it is told`; a line without an arrow is told
// nothing.
var stories = map[string]string{
	"a login over ssh": `
		0 USER_START by=sshd ses=3 auid=ana acct=ana   => ssh ana exact
		1 USER_LOGIN by=sshd ses=3 auid=ana            => ssh ana exact
		9 ran ses=3 pid=7 name=cat                     => ssh ana exact
		9 ran ses=4 pid=8 name=cat
		9 did pid=9`,
	"the account where the login id has no name": `
		0 CRED_ACQ by=sshd-session ses=3 acct=ana => ssh ana exact
		1 did ses=3                               => ssh ana exact`,
	"a name that comes later": `
		0 USER_LOGIN by=sshd ses=3          => ssh ? exact
		1 USER_START by=sshd ses=3 acct=ana => ssh ana exact
		2 did ses=3                         => ssh ana exact`,
	"a login that failed": `
		0 USER_LOGIN by=sshd ses=3 auid=ana res=failure
		1 did ses=3`,
	"no session": `
		0 USER_LOGIN by=sshd ses=4294967295 auid=ana
		1 did ses=4294967295
		2 USER_LOGIN by=sshd ses=unset auid=ana
		3 did ses=unset`,
	"at the console": `
		0 USER_LOGIN by=login ses=1 auid=root => console root exact
		1 did ses=1                           => console root exact`,
	"a job of cron is whose table it stands in": `
		0 USER_START by=cron ses=5 auid=ana  => cron ana exact
		1 ran ses=5 pid=4                    => cron ana exact
		0 USER_START by=crond ses=6 acct=bob => cron bob exact
		1 did ses=6                          => cron bob exact`,
	"a manager of services is nobody": `
		0 USER_START by=systemd ses=5 auid=ana
		1 ran ses=5 pid=4`,
	"sudo names who was logged in, never whom they became": `
		0 USER_AUTH by=sudo ses=3 auid=ana acct=root => sudo ana exact
		1 did ses=3                                  => sudo ana exact`,
	"sudo without a name": `
		0 USER_AUTH by=sudo ses=3 acct=root
		1 did ses=3`,
	"the login says more than sudo does": `
		0 USER_CMD by=sudo ses=3 auid=ana   => sudo ana exact
		1 USER_START by=sshd ses=3 auid=ana => ssh ana exact
		2 USER_CMD by=su ses=3 auid=ana     => ssh ana exact`,
	"another host, another boot": `
		0 USER_LOGIN by=sshd ses=3 auid=ana host=a boot=1 => ssh ana exact
		1 did ses=3 host=b boot=1
		1 did ses=3 host=a boot=2
		1 did ses=3 host=a boot=1                         => ssh ana exact`,
	"a number that the kernel gave anew": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		5 LOGIN ses=3 auid=bob
		6 did ses=3`,
	"a number that was given anew, and no LOGIN was heard": `
		0 USER_LOGIN by=sshd ses=3 auid=ana from=10.0.0.1 => ssh ana exact
		5 USER_START by=sshd ses=3 auid=bob               => ssh bob exact
		6 did ses=3 auid=bob                              => ssh bob exact
		4 did ses=3 auid=ana
		7 USER_START by=cron ses=3 auid=eve               => cron eve exact
		8 did ses=3                                       => cron eve exact`,
	"a number that was given anew, and no login was heard": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		5 did ses=3 auid=bob
		6 did ses=3`,
	"a number of sudo's that was given anew": `
		0 USER_CMD by=sudo ses=3 auid=ana => sudo ana exact
		5 USER_CMD by=sudo ses=3 auid=bob => sudo bob exact
		6 did ses=3 auid=bob              => sudo bob exact`,
	"what lives on after the login ended": `
		0 USER_LOGIN by=sshd ses=3 auid=ana       => ssh ana exact
		1 ran ses=3 auid=ana pid=7 name=nohup     => ssh ana exact
		2 USER_END by=sshd ses=3 auid=ana         => ssh ana exact
		2 CRED_DISP by=sshd ses=3 auid=ana        => ssh ana exact
		86402 did ses=3 auid=ana pid=7 ppid=1     => ssh ana exact`,
	"a process that gives itself a login id has a number of its own": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		1 LOGIN ses=4 auid=bob
		2 ran ses=4 auid=bob pid=7
		3 did ses=3 auid=ana                => ssh ana exact`,
	"sudo, su in it and sudo again": `
		0 USER_LOGIN by=sshd ses=3 auid=ana                    => ssh ana exact
		1 USER_CMD by=sudo ses=3 auid=ana                      => ssh ana exact
		1 USER_START by=sudo ses=3 auid=ana acct=root          => ssh ana exact
		2 USER_AUTH by=su ses=3 auid=ana acct=bob              => ssh ana exact
		2 USER_START by=su ses=3 auid=ana acct=bob             => ssh ana exact
		3 USER_CMD by=sudo ses=3 auid=ana acct=eve res=failure => ssh ana exact
		4 ran ses=3 auid=ana pid=7                             => ssh ana exact`,
	"the same LOGIN read twice": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		0 LOGIN ses=3 auid=ana              => ssh ana exact`,
	"a session that nothing was heard of for a week": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		604801 did ses=3`,
	"what happened before the login": `
		60 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		1 did ses=3`,
}

// TestStories tells each story in one go, and with a stop before each event.
func TestStories(t *testing.T) {
	all := maps.Clone(stories)
	maps.Copy(all, execStories)
	if len(all) != len(stories)+len(execStories) {
		t.Fatal("two stories have one name")
	}
	for name, story := range all {
		t.Run(name, func(t *testing.T) {
			through, stopping := build(t, nil), build(t, nil)
			for line := range strings.Lines(strings.TrimSpace(story)) {
				what, want, told := strings.Cut(strings.TrimSpace(line), "=>")
				if !told {
					want = "-"
				}
				if got := judge(t, through.Lane("a"), tell(t, what)); got != strings.TrimSpace(want) {
					t.Errorf("%s\n is told %q, want %q", what, got, strings.TrimSpace(want))
				}
				saved, err := stopping.Snapshot(nil)
				if err != nil {
					t.Fatal(err)
				}
				stopping = build(t, nil)
				if err := stopping.Restore(saved); err != nil {
					t.Fatal(err)
				}
				if got := judge(t, stopping.Lane("a"), tell(t, what)); got != strings.TrimSpace(want) {
					t.Errorf("%s\n is told %q after a stop, want %q", what, got, strings.TrimSpace(want))
				}
			}
		})
	}
}

// TestLanesKnowTheSame: the engine is read by one input, audit by another.
func TestLanesKnowTheSame(t *testing.T) {
	tr := build(t, nil)
	a, b := tr.Lane("docker"), tr.Lane("audit")
	judge(t, a, tell(t, "0 exec_start exec=e1 cmd=sh box=c0ffee"))
	if got := judge(t, b, tell(t, "0.1 ran box=c0ffee pid=1 pname=runc arg=sh")); got != "docker-exec ? high" {
		t.Errorf("the other lane says %q", got)
	}
}

// TestTheIDLeadsToTheEvidence: the exec's for docker, the event's for others.
func TestTheIDLeadsToTheEvidence(t *testing.T) {
	tr := build(t, nil)
	id := func(line string) string {
		e := tell(t, line)
		m, _ := tr.known.see(&e)
		return m.id
	}
	login := "0 USER_LOGIN by=sshd ses=3 auid=ana"
	kube := tell(t, "0 kube user=ana audit=a1 ns=shop pod=web-0 arg=id")
	opened := tell(t, login)
	id("0 exec_start exec=e1 cmd=sh box=c0ffee")
	tr.known.see(&kube)
	for _, c := range []struct{ name, got, want string }{
		{"login", id(login), opened.ID.String()},
		{"later", id("1 did ses=3"), opened.ID.String()},
		{"docker", id("0 ran box=c0ffee pid=1 pname=runc arg=sh"), "e1"},
		{"kube", id("0 ran box=c0ffee ns=shop pod=web-0 pid=2 pname=runc arg=id"), kube.ID.String()},
	} {
		if c.got != c.want || c.want == "" {
			t.Errorf("%s: the id is %q, want %q", c.name, c.got, c.want)
		}
	}
}

// TestFrom: what has no peer of its own is told where somebody came from.
func TestFrom(t *testing.T) {
	tr := build(t, nil)
	stage := tr.Lane("a")
	from := func(line string) string {
		var out event.Batch
		if err := stage.Apply(t.Context(), &event.Batch{Events: []event.Event{tell(t, line)}}, &out); err != nil {
			t.Fatal(err)
		}
		f := out.Events[0].Fields
		return f.Get(schema.SourceAddress).Str() + " " + f.Get(schema.SourceIP).Str()
	}
	for _, c := range []struct{ line, want string }{
		{"0 USER_LOGIN by=sshd ses=3 auid=ana from=2001:db8::1", "2001:db8::1 "}, // it has its own
		{"1 did ses=3", "2001:db8::1 2001:db8::1"},
		{"1 did ses=3 from=10.9.9.9", "10.9.9.9 "},
		{"0 USER_START by=sshd ses=4 auid=ana from=?", "? "},
		{"1 did ses=4", " "},
		{"0 USER_LOGIN by=sshd ses=4 auid=ana from=desk.example", "desk.example "},
		{"1 did ses=4", "desk.example "},
		{"2 kube user=ana audit=a1 ns=shop pod=web-0 arg=id from=192.0.2.7", "192.0.2.7 "},
		{"2 ran box=c0ffee ns=shop pod=web-0 pid=2 pname=runc arg=id", "192.0.2.7 192.0.2.7"},
		{"3 ran ses=3 pid=5 name=docker arg=docker arg=exec arg=web arg=sh", "2001:db8::1 2001:db8::1"},
		{"3 exec_start exec=e1 cmd=sh box=c0ffee boxname=web", " "},
		{"3 ran box=c0ffee pid=1 pname=runc arg=sh", "2001:db8::1 2001:db8::1"},
	} {
		if got := from(c.line); got != c.want {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
}

// TestTheAuditUserStays: the mark never replaces what the kernel says.
func TestTheAuditUserStays(t *testing.T) {
	tr := build(t, nil)
	judge(t, tr.Lane("a"), tell(t, "0 kube user=ana audit=a1 ns=shop pod=web-0 arg=sh"))
	e := tell(t, "0.1 ran auid=bob box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh")
	if got := judge(t, tr.Lane("a"), e); got != "kubectl-exec ana high" || e.Fields.Get(schema.UserAuditName).Str() != "bob" {
		t.Errorf("told %q, and user.audit.name is %q", got, e.Fields.Get(schema.UserAuditName).Str())
	}
}
