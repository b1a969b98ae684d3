package session

import (
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
	"the same LOGIN read twice": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		0 LOGIN ses=3 auid=ana              => ssh ana exact`,
	"a session that nothing was heard of for a week": `
		0 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		604801 did ses=3`,
	"what happened before the login": `
		60 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		1 did ses=3`,
	"docker exec, and what comes of it": `
		0   exec_create exec=e1 cmd=sh+-c+id box=c0ffee boxname=web
		0   exec_start exec=e1 cmd=sh+-c+id box=c0ffee boxname=web
		0.1 ran box=c0ffee pid=10 ppid=9 pname=runc:[2:INIT] arg=sh arg=-c arg=id => docker-exec ? high
		0.2 ran box=c0ffee pid=11 ppid=10 pname=sh arg=id                         => docker-exec ? high
		0.3 did box=c0ffee pid=12 ppid=11                                         => docker-exec ? high
		0.4 did box=c0ffee pid=12 ppid=1                                          => docker-exec ? high
		0.5 did box=c0ffee pid=13 ppid=1
		0.6 did box=decade pid=14 ppid=10
		0.7 did pid=15 ppid=10`,
	"one exec is one process": `
		0   exec_create exec=e1 cmd=sh box=c0ffee
		0.1 ran box=c0ffee pid=10 pname=runc arg=sh => docker-exec ? high
		0.1 exec_start exec=e1 cmd=sh box=c0ffee
		0.2 did box=c0ffee pid=10                   => docker-exec ? high
		0.3 ran box=c0ffee pid=11 pname=runc arg=sh => docker-exec ? low
		0.4 did box=c0ffee pid=10                   => docker-exec ? low`,
	"not its process": `
		0   exec_start exec=e1 cmd=sh+-c+id box=c0ffee
		0.1 ran box=c0ffee pid=10 pname=bash arg=sh arg=-c arg=id
		0.1 ran box=c0ffee pid=11 arg=sh arg=-c arg=id
		0.1 ran box=decade pid=12 pname=runc arg=sh arg=-c arg=id
		0.1 ran box=c0ffee pid=13 pname=runc arg=sh arg=-c
		0.1 ran box=c0ffee pid=14 pname=runc arg=sh arg=-c arg=id res=failure
		0.1 ran box=c0ffee pid=15 pname=runc arg=sh arg=-c arg=id host=b
		5.1 ran box=c0ffee pid=16 pname=runc arg=sh arg=-c arg=id`,
	"created early, started late": `
		0    exec_create exec=e1 cmd=sh box=c0ffee
		60   exec_start exec=e1 cmd=sh box=c0ffee
		60.1 ran box=c0ffee pid=10 pname=containerd-shim arg=sh => docker-exec ? high`,
	"the engine is heard late": `
		0.1 ran box=c0ffee pid=10 pname=runc arg=sh
		0   exec_start exec=e1 cmd=sh box=c0ffee
		0.2 ran box=c0ffee pid=11 ppid=10 arg=id => docker-exec ? high`,
	"heard late, and two programs fit": `
		0.1 ran box=c0ffee pid=10 pname=runc arg=sh
		0.2 ran box=c0ffee pid=20 pname=runc arg=sh
		0   exec_start exec=e1 cmd=sh box=c0ffee
		0.3 did box=c0ffee pid=10 => docker-exec ? low
		0.3 did box=c0ffee pid=20 => docker-exec ? low`,
	"the one client says who": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                                           => ssh ana exact
		1   ran ses=3 pid=5 name=docker arg=docker arg=exec arg=-it arg=web arg=sh      => ssh ana exact
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh                                     => docker-exec ana medium
		1.3 did box=c0ffee pid=11 ppid=10                                               => docker-exec ana medium`,
	"a client by the short id": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                                                          => ssh ana exact
		1   ran ses=3 pid=5 name=docker arg=/usr/bin/docker arg=container arg=exec arg=c0ffee arg=sh   => ssh ana exact
		1.1 exec_start exec=e1 cmd=sh box=c0ffee00aa boxname=web
		1.2 ran box=c0ffee00aa pid=10 pname=runc arg=sh                                                => docker-exec ana medium`,
	"two clients": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                                 => ssh ana exact
		0   USER_LOGIN by=sshd ses=4 auid=bob                                 => ssh bob exact
		1   ran ses=3 pid=5 name=docker arg=docker arg=exec arg=web arg=sh    => ssh ana exact
		1   ran ses=4 pid=6 name=docker arg=docker arg=exec arg=web arg=sh    => ssh bob exact
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh                           => docker-exec ? high`,
	"a client that nobody is known of": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                                 => ssh ana exact
		1   ran ses=3 pid=5 name=docker arg=docker arg=exec arg=web arg=sh    => ssh ana exact
		1   ran pid=6 name=docker arg=docker arg=exec arg=web arg=sh
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh                           => docker-exec ? high`,
	"a client asks for one exec": `
		0   USER_LOGIN by=sshd ses=3 auid=ana from=10.0.0.8                    => ssh ana exact
		1   ran ses=3 pid=5 name=docker arg=docker arg=exec arg=web arg=sh    => ssh ana exact
		1.1 exec_start exec=#1 cmd=sh box=c0ffee boxname=web
		1.1 ran pid=8 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#1.pid arg=#c
		1.2 ran box=c0ffee pid=10 ppid=8 pname=runc arg=sh                     => docker-exec ana medium
		2.1 exec_start exec=#2 cmd=sh box=c0ffee boxname=web
		2.1 ran pid=9 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#2.pid arg=#c
		2.2 ran box=c0ffee pid=20 ppid=9 pname=runc arg=sh                     => docker-exec ? exact`,
	"a client whose login was not seen is whom the kernel names": `
		1   ran ses=3 auid=ana pid=5 name=docker arg=docker arg=exec arg=web arg=sh
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh => docker-exec ana medium`,
	"a client that came after the exec did not ask for it": `
		1   exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.1 ran ses=3 auid=ana pid=5 name=docker arg=docker arg=exec arg=web arg=sh
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh => docker-exec ? high`,
	"clients that ask for something else": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                                 => ssh ana exact
		1   ran ses=3 pid=5 name=docker arg=docker arg=exec arg=db arg=sh     => ssh ana exact
		1   ran ses=3 pid=6 name=docker arg=docker arg=exec arg=web arg=id    => ssh ana exact
		1   ran ses=3 pid=7 name=docker arg=docker arg=logs arg=web arg=sh    => ssh ana exact
		1   ran ses=3 pid=8 name=vi arg=vi arg=exec arg=web arg=sh            => ssh ana exact
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh                           => docker-exec ? high
		9.1 exec_start exec=e2 cmd=id box=c0ffee boxname=web
		9.2 ran box=c0ffee pid=20 pname=runc arg=id                           => docker-exec ? high`,
	"kubectl exec": `
		0   kube user=ana@example audit=a1 ns=shop pod=web-0 ctr=api arg=sh arg=-c arg=id
		0.9 kube user=ana@example audit=a1 ns=shop pod=web-0 ctr=api arg=sh arg=-c arg=id
		0.5 ran box=c0ffee ns=shop pod=web-0 ctr=api pid=10 pname=runc arg=sh arg=-c arg=id host=n1 => kubectl-exec ana@example high
		0.6 did box=c0ffee ns=shop pod=web-0 ctr=api pid=11 ppid=10 host=n1                         => kubectl-exec ana@example high
		0.7 did box=c0ffee ns=shop pod=web-0 ctr=api pid=12 ppid=1 host=n1
		9.9 ran box=c0ffee ns=shop pod=web-0 ctr=api pid=13 pname=runc arg=sh arg=-c arg=id host=n1`,
	"one exec, two programs": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.5 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => kubectl-exec ana high
		0.5 did box=c0ffee ns=shop pod=web-0 pid=11 ppid=10           => kubectl-exec ana high
		0.7 ran box=c0ffee ns=shop pod=web-0 pid=20 pname=runc arg=sh => kubectl-exec ? low
		0.8 did box=c0ffee ns=shop pod=web-0 pid=11 ppid=10           => kubectl-exec ? low`,
	"an exec that is heard of late may be whose it was": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.5 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => kubectl-exec ana high
		0.3 kube user=bob audit=a2 ns=shop pod=web-0 arg=sh
		0.6 did box=c0ffee ns=shop pod=web-0 pid=10                   => kubectl-exec ? low`,
	"a probe runs the same": `
		0    ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=cat
		10   ran box=c0ffee ns=shop pod=web-0 pid=20 pname=runc arg=cat
		20   kube user=ana audit=a1 ns=shop pod=web-0 arg=cat
		20.1 ran box=c0ffee ns=shop pod=web-0 pid=30 pname=runc arg=cat => kubectl-exec ? low`,
	"the clock of a node may be a second behind": `
		1   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => kubectl-exec ana high
		9   kube user=ana audit=a2 ns=shop pod=web-0 arg=id
		7.9 ran box=c0ffee ns=shop pod=web-0 pid=20 pname=runc arg=id`,
	"a health check is nobody's": `
		0   exec_start exec=#1 cmd=true+ check=yes box=c0ffee
		0.1 ran box=c0ffee pid=10 pname=runc arg=true => docker-healthcheck ? high`,
	"a command without arguments": `
		0   exec_start exec=#1 cmd=sh+ check=no box=c0ffee
		0.1 ran box=c0ffee pid=10 pname=runc arg=sh => docker-exec ? high`,
	"the runtime's command line says which exec": `
		0   exec_start exec=#1 cmd=sh box=c0ffee
		0   exec_start exec=#2 cmd=sh box=c0ffee
		0.1 ran pid=8 name=runc arg=runc arg=--root arg=/r arg=exec arg=--process arg=/tmp/p arg=--pid-file arg=/b/#c/#2.pid arg=#c
		0.1 ran pid=9 name=runc arg=runc arg=exec arg=--pid-file=/b/#c/#1/exec_pid arg=#c
		0.2 ran box=c0ffee pid=10 ppid=8 pname=runc arg=sh => docker-exec ? exact
		0.2 ran box=c0ffee pid=20 ppid=9 pname=runc arg=sh => docker-exec ? exact
		0.3 did box=c0ffee pid=21 ppid=20                  => docker-exec ? exact`,
	"the runtime's id is of another exec": `
		0   exec_start exec=#1 cmd=sh box=c0ffee
		0.1 ran pid=8 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#2.pid arg=#c
		0.2 ran box=c0ffee pid=10 ppid=8 pname=runc arg=sh
		0.3 exec_start exec=#2 cmd=sh box=c0ffee
		0.4 did box=c0ffee pid=10 => docker-exec ? exact`,
	"a runtime in a container is what somebody there calls so": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-0 pid=8 ppid=7 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#2.pid arg=#c
		0.2 ran box=c0ffee ns=shop pod=web-0 pid=10 ppid=8 pname=runc arg=sh`,

	"not that pod": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 ctr=api cluster=x arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-1 ctr=api pid=10 pname=runc arg=sh
		0.1 ran box=c0ffee ns=mail pod=web-0 ctr=api pid=11 pname=runc arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-0 ctr=proxy pid=12 pname=runc arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-0 ctr=api cluster=y pid=13 pname=runc arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-0 ctr=api cluster=x pid=14 pname=runc arg=sh+
		0.1 ran box=c0ffee ns=shop pod=web-0 pid=15 pname=runc arg=sh                    => kubectl-exec ana high`,
	"what the API server refused, nobody ran": `
		0   kube user=eve audit=a1 ns=shop pod=web-0 arg=sh res=failure
		0   kube user=eve audit=a2 ns=shop pod=web-0 arg=sh res=unknown
		0.1 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh`,
	"an attach is no exec": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh sub=attach
		0.1 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=top`,
	"two people, one command": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.1 kube user=bob audit=a2 ns=shop pod=web-0 arg=sh
		0.2 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => kubectl-exec ? low
		0.3 ran box=c0ffee ns=shop pod=web-0 pid=20 pname=runc arg=sh => kubectl-exec ? low
		0.4 did box=c0ffee ns=shop pod=web-0 pid=21 ppid=20           => kubectl-exec ? low`,
	"one person twice": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.1 kube user=ana audit=a2 ns=shop pod=web-0 arg=sh
		0.2 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => kubectl-exec ana low`,
	"two ways fit": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0   exec_start exec=e1 cmd=sh box=c0ffee
		0.2 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => ? ? low`,
	"a pid that was given again, where there are ids": `
		0   exec_start exec=e1 cmd=sh box=c0ffee
		0.1 ran box=c0ffee pid=10 ent=A pname=runc arg=sh      => docker-exec ? high
		0.2 did box=c0ffee pid=11 ppid=10 ent=B pent=A         => docker-exec ? high
		0.3 did box=c0ffee pid=12 ppid=10 ent=D pent=C
		0.4 did box=c0ffee pid=10 ppid=1 ent=E pent=F`,
	"a number alone is known for ten minutes": `
		0    exec_start exec=e1 cmd=sh box=c0ffee
		0.1  ran box=c0ffee pid=10 pname=runc arg=sh => docker-exec ? high
		500  did box=c0ffee pid=10                   => docker-exec ? high
		1000 did box=c0ffee pid=10                   => docker-exec ? high
		1601 did box=c0ffee pid=10`,
	"a pid that another exec has now": `
		0   kube user=ana audit=a1 ns=shop pod=web-0 arg=sh
		0.1 ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=sh => kubectl-exec ana high
		60  kube user=bob audit=a2 ns=shop pod=web-0 arg=id
		60  ran box=c0ffee ns=shop pod=web-0 pid=10 pname=runc arg=id => kubectl-exec bob high`,
	"an exec says more than the session that the engine was started in": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                => ssh ana exact
		1   exec_start exec=e1 cmd=sh box=c0ffee
		1.1 ran box=c0ffee pid=10 ses=3 pname=runc arg=sh    => docker-exec ? high`,
	"what another tallyman said stays, and an alert teaches nothing": `
		0 USER_LOGIN by=sshd ses=3 auid=eve kind=alert
		1 did ses=3
		2 USER_LOGIN by=sshd ses=3 auid=ana => ssh ana exact
		3 did ses=3 said=high               => ? ? high`,
}

// TestStories tells each story in one go, and with a stop before each event.
func TestStories(t *testing.T) {
	for name, story := range stories {
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
	judge(t, tr.Lane("a"), tell(t, "0 USER_LOGIN by=sshd ses=3 auid=ana"))
	e := tell(t, "1 did ses=3 auid=bob")
	if got := judge(t, tr.Lane("a"), e); got != "ssh ana exact" || e.Fields.Get(schema.UserAuditName).Str() != "bob" {
		t.Errorf("told %q, and user.audit.name is %q", got, e.Fields.Get(schema.UserAuditName).Str())
	}
}
