package session

// execStories are stories of commands that somebody ran in a container.
var execStories = map[string]string{
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
		0.1 ran box=c0ffee pid=11 pent=P arg=sh arg=-c arg=id
		0.1 ran box=decade pid=12 pname=runc arg=sh arg=-c arg=id
		0.1 ran box=c0ffee pid=13 pname=runc arg=sh arg=-c
		0.1 ran box=c0ffee pid=14 pname=runc arg=sh arg=-c arg=id res=failure
		0.1 ran box=c0ffee pid=15 pname=runc arg=sh arg=-c arg=id host=b
		5.1 ran box=c0ffee pid=16 pname=runc arg=sh arg=-c arg=id`,
	"nothing is known of the parent": `
		0   exec_start exec=#1 cmd=sh box=c0ffee
		0.1 ran box=c0ffee pid=10 arg=sh => docker-exec ? medium`,
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
	"two users at once, each with a command of their own": `
		0   USER_LOGIN by=sshd ses=3 auid=ana                                         => ssh ana exact
		0   USER_LOGIN by=sshd ses=4 auid=bob                                         => ssh bob exact
		1   ran ses=3 auid=ana pid=5 name=docker arg=docker arg=exec arg=web arg=sh   => ssh ana exact
		1   ran ses=4 auid=bob pid=6 name=docker arg=docker arg=exec arg=web arg=id   => ssh bob exact
		1.1 exec_start exec=e2 cmd=id box=c0ffee boxname=web
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh                                   => docker-exec ana medium
		1.2 ran box=c0ffee pid=20 pname=runc arg=id                                   => docker-exec bob medium
		1.3 did box=c0ffee pid=11 ppid=10                                             => docker-exec ana medium
		1.3 did box=c0ffee pid=21 ppid=20                                             => docker-exec bob medium`,
	"two users at once, one command: the ids tell the execs apart, and nothing tells whose each is": `
		1   ran ses=3 auid=ana pid=5 name=docker arg=docker arg=exec arg=web arg=sh
		1   ran ses=4 auid=bob pid=6 name=docker arg=docker arg=exec arg=web arg=sh
		1.1 exec_start exec=#1 cmd=sh box=#c boxname=web
		1.1 exec_start exec=#2 cmd=sh box=#c boxname=web
		1.1 ran pid=8 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#2.pid arg=#c
		1.1 ran pid=9 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#1.pid arg=#c
		1.2 ran box=#c pid=10 ppid=8 pname=runc arg=sh => docker-exec ? exact
		1.2 ran box=#c pid=20 ppid=9 pname=runc arg=sh => docker-exec ? exact`,
	"a client below sudo": `
		0   USER_LOGIN by=sshd ses=3 auid=ana from=10.0.0.1                                     => ssh ana exact
		1   USER_CMD by=sudo ses=3 auid=ana                                                     => ssh ana exact
		1   ran ses=3 auid=ana pid=5 name=sudo arg=sudo arg=docker arg=exec arg=web arg=sh      => ssh ana exact
		1   ran ses=3 auid=ana pid=6 ppid=5 name=docker arg=docker arg=exec arg=web arg=sh      => ssh ana exact
		1.1 exec_start exec=e1 cmd=sh box=c0ffee boxname=web
		1.2 ran box=c0ffee pid=10 pname=runc arg=sh                                             => docker-exec ana medium`,
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
	"an id shows that it was another exec": `
		0   exec_start exec=#2 cmd=sh box=c0ffee
		0.1 ran box=c0ffee pid=10 pname=runc arg=sh        => docker-exec ? high
		0.1 ran pid=8 name=runc arg=runc arg=exec arg=--pid-file arg=/b/#c/#2.pid arg=#c
		0.2 ran box=c0ffee pid=20 ppid=8 pname=runc arg=sh => docker-exec ? exact
		0   exec_start exec=#1 cmd=sh box=c0ffee
		0.3 did box=c0ffee pid=10                          => docker-exec ? high`,
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
