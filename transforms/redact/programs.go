package redact

import "strings"

// program says how a program takes its secrets, beside what names tell.
type program struct {
	names    []string
	begins   bool     // the names are how its name may begin
	but      string   // except this, and this with a word behind it
	sub      string   // only with this word before
	attached []string // the secret follows in the same argument
	next     []string // in the same or the next
	pairs    []string // as next, of user:secret; with a percent sign, a comma or an equals sign at the end for that instead
	words    []string // the secret follows this word
	flag     bool     // a long option takes its secret only behind an equals sign
	special  special
}

// special is what a program does that no list says.
type special uint8

const (
	plain    special = iota
	wrapper          // another program stands behind it
	shell            // as wrapper; what follows -c is a text of its own
	chpasswd         // user:secret is written to it
	batch            // htpasswd -b: the last argument
)

type programs struct {
	byName map[string]*program
	begins []*program
}

func (p *programs) add(one program) {
	if p.byName == nil {
		p.byName = map[string]*program{}
	}
	if one.begins {
		p.begins = append(p.begins, &one)
		return
	}
	for _, n := range one.names {
		p.byName[n] = &one
	}
}

// list returns the names that tell that a text may hold a secret.
func (p *programs) list() (names []string) {
	for n := range p.byName {
		if p.takes(n) {
			names = append(names, n)
		}
	}
	for _, one := range p.begins {
		names = append(names, one.names...)
	}
	return names
}

// takes reports whether the program of that name takes a secret in a way of its
// own.
func (p *programs) takes(name string) bool {
	one := p.byName[name]
	return one != nil && (len(one.attached)+len(one.next)+len(one.pairs)+len(one.words) > 0 || one.special > shell)
}

// told returns the texts that tell the program of that name. One too short for a
// literal is told by the command line, not by its argument alone.
func (p *programs) told(name string) (texts []string) {
	switch one := p.byName[name]; {
	case len(name) >= leastLiteral:
		return []string{name}
	case len(name)+1 >= leastLiteral:
		return []string{name + " "}
	case one != nil && one.sub != "":
		return []string{name + " " + one.sub}
	}
	// What follows is a word or an option. Such texts cost a hundredth of a run, so that no
	// program of two bytes is built in.
	for c := byte('a'); c <= 'z'; c++ {
		texts = append(texts, name+" "+string(c))
	}
	return append(texts, name+" -")
}

// find returns the program of a word, nil for none.
func (p *programs) find(word string) *program {
	if i := strings.LastIndexByte(word, '/'); i >= 0 {
		word = word[i+1:]
	}
	if one := p.byName[word]; one != nil {
		return one
	}
	for _, one := range p.begins {
		for _, n := range one.names {
			if strings.HasPrefix(word, n) && !one.not(word) {
				return one
			}
		}
	}
	return nil
}

// not reports whether a name that begins right is another program's.
func (p *program) not(word string) bool {
	rest, ok := strings.CutPrefix(word, p.but)
	return p.but != "" && ok && (rest == "" || rest[0] == '_' || rest[0] == '-')
}

func builtin() (p programs) {
	for _, one := range []program{
		{names: []string{"mysqladmin", "mariadb-admin"}, attached: []string{"-p"}, words: []string{"password"}, flag: true},
		{names: []string{"mysql", "mariadb"}, begins: true, but: "mysqld", attached: []string{"-p"}, flag: true},
		{names: []string{"ldap"}, begins: true, next: []string{"-w"}},
		{names: []string{"mongo"}, begins: true, but: "mongod", next: []string{"-p"}},
		{names: []string{"psql", "pg_dump", "pg_dumpall", "pg_restore", "createdb", "dropdb", "createuser", "dropuser", "vacuumdb", "pgbench"}, flag: true},
		{names: []string{"sshpass"}, next: []string{"-p"}, special: wrapper},
		{names: []string{"docker", "podman", "nerdctl", "buildah", "skopeo", "crane", "oras", "helm", "az", "oc"}, sub: "login", next: []string{"-p"},
			pairs: []string{"--creds", "--src-creds", "--dest-creds"}, special: wrapper},
		{names: []string{"curl"}, next: []string{"--oauth2-bearer"},
			pairs: []string{"-u", "--user", "-U", "--proxy-user", "-E", "--cert", "--proxy-cert", "-b=", "--cookie="}},
		{names: []string{"etcdctl"}, pairs: []string{"--user"}},
		{names: []string{"plink", "pscp", "psftp", "putty"}, next: []string{"-pw"}},
		{names: []string{"cqlsh", "twine"}, next: []string{"-p"}},
		{names: []string{"kadmin"}, next: []string{"-w"}},
		{names: []string{"doctl", "flyctl"}, next: []string{"-t"}},
		{names: []string{"nmcli"}, words: []string{"password", "wifi-sec.psk", "802-11-wireless-security.psk"}},
		{names: []string{"wget2", "http", "https", "httpie"}, pairs: []string{"-a", "--auth"}},
		{names: []string{"redis-cli", "valkey-cli", "keydb-cli"}, next: []string{"-a"}, words: []string{"auth", "AUTH", "requirepass", "masterauth"}},
		{names: []string{"smbclient", "smbget", "rpcclient", "smbmap", "winexe"}, pairs: []string{"-U%", "--user%"}},
		{names: []string{"openssl"}, next: []string{"-k", "-K"}},
		{names: []string{"ssh-keygen"}, next: []string{"-N", "-P"}},
		{names: []string{"zip", "unzip", "sqlcmd", "bcp", "ipmitool"}, next: []string{"-P"}},
		{names: []string{"7za", "7zr", "7zz", "rar"}, attached: []string{"-p", "-hp"}},
		{names: []string{"useradd", "usermod", "groupadd", "groupmod"}, next: []string{"-p"}},
		{names: []string{"mosquitto_pub", "mosquitto_sub"}, next: []string{"-P"}}, //nolint:misspell // that is its name
		{names: []string{"snmpwalk", "snmpget", "snmpset", "snmpbulkwalk"}, next: []string{"-A", "-X", "-c"}},
		{names: []string{"xfreerdp", "xfreerdp3", "wlfreerdp"}, attached: []string{"/p:"}},
		{names: []string{"rdesktop", "vncviewer", "lftp"}, next: []string{"-p"}, pairs: []string{"-u,"}},
		{names: []string{"chpasswd"}, special: chpasswd},
		{names: []string{"htpasswd"}, special: batch},
		{names: []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "su", "runuser", "script", "fish"}, special: shell},
		{names: []string{"sudo", "doas", "env", "nohup", "nice", "ionice", "time", "timeout", "xargs", "kubectl", "crictl", "ctr", "runc", "crun",
			"chroot", "nsenter", "unshare", "setsid", "strace", "ltrace", "watch", "ssh", "exec", "command", "stdbuf", "flock", "parallel",
			"systemd-run", "gosu", "su-exec", "tini", "dumb-init", "busybox", "find", "lxc", "docker-compose", "eval", "setpriv", "capsh",
			"then", "do", "else", "if", "while", "until", "!", "{"}, special: wrapper},
	} {
		p.add(one)
	}
	return p
}
