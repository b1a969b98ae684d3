package redact

// builtin returns the programs that are known, as they are called on hosts with
// containers and in pipelines.
func builtin() (p programs) {
	for _, list := range [...][]program{wrappers(), databases(), containers(), accounts(), networks(), clouds(), builds(), archives()} {
		for _, one := range list {
			p.add(one)
		}
	}
	return p
}

// wrappers are programs behind which another one stands.
func wrappers() []program {
	return []program{
		{names: []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "fish", "script"}, special: shell},
		{names: []string{"su", "runuser"}, special: shell},
		{names: []string{"sudo"}, stdin: []input{{word: "-S"}, {word: "--stdin"}}, special: wrapper},
		{names: []string{"doas", "env", "nohup", "nice", "ionice", "time", "timeout", "xargs", "runc", "crun",
			"chroot", "nsenter", "unshare", "setsid", "strace", "ltrace", "watch", "ssh", "exec", "command", "stdbuf", "flock", "parallel",
			"systemd-run", "gosu", "su-exec", "tini", "dumb-init", "busybox", "find", "lxc", "docker-compose", "eval", "setpriv", "capsh", "java",
			"then", "do", "else", "if", "while", "until", "!", "{"}, special: wrapper},
		{names: []string{"kubectl"}, stdin: []input{{"create", "secret"}}, special: wrapper},
		{names: []string{"sshpass"}, next: []string{"-p"}, flags: "v", special: wrapper},
	}
}

func databases() []program {
	return []program{
		{names: []string{"mysqladmin", "mariadb-admin"}, attached: []string{"-p"}, words: []string{"password"}, flag: true},
		{names: []string{"mysql", "mariadb"}, begins: true, but: "mysqld", attached: []string{"-p"}, flag: true},
		{names: []string{"mysqlsh"}, attached: []string{"-p"}, pairs: []string{"--uri@"}, places: []place{{form: formHost}}, flag: true},
		{names: []string{"mycli", "mydumper", "myloader", "hdbsql", "beeline", "cypher-shell", "couchbase-cli", "cbq", "rabbitmqadmin", "elasticsearch-users"}, next: []string{"-p"}},
		{names: []string{"pt-query-digest", "pt-table-checksum", "pt-table-sync", "pt-archiver", "pt-online-schema-change", "pt-heartbeat", "pt-kill", "pt-show-grants"}, next: []string{"-p"}, places: []place{{form: formDSN}}},
		{names: []string{"mongo"}, begins: true, but: "mongod", next: []string{"-p"}},
		{names: []string{"psql", "pg_dump", "pg_dumpall", "pg_restore", "createdb", "dropdb", "createuser", "dropuser", "vacuumdb", "pgbench"}, flag: true},
		{names: []string{"sqlplus"}, valued: []string{"-C", "-M", "-R", "-F"}, places: []place{{form: formOracle, at: 1}, {behind: []string{"connect"}, form: formOracle, at: 1}, {behind: []string{"conn"}, form: formOracle, at: 1}}, inner: true},
		{names: []string{"expdp", "impdp", "sqlldr"}, places: []place{{form: formOracle}}},
		{names: []string{"exp", "imp"}, signs: []string{"userid=", "USERID="}, places: []place{{form: formOracle}}},
		{names: []string{"rman"}, places: []place{{form: formOracle}}},
		{names: []string{"redis-cli", "valkey-cli", "keydb-cli"}, next: []string{"-a"}, words: []string{"requirepass", "masterauth"}, valued: []string{"-h", "-p", "-n", "-u", "--user"},
			places: []place{{behind: []string{"auth"}, form: formLast}, {behind: []string{"acl", "setuser"}, form: formACL}}},
		{names: []string{"etcdctl"}, pairs: []string{"--user"}, places: []place{{behind: []string{"user", "add"}, form: formPair, at: 1}}},
		{names: []string{"influx"}, next: []string{"-t"}, under: []under{{words: []string{"setup"}, next: []string{"-p"}}}},
		{names: []string{"nodetool"}, next: []string{"-pw"}},
		{names: []string{"cqlsh"}, next: []string{"-p"}},
		{names: []string{"sqlcmd", "bcp", "tsql", "osql", "mssql-cli"}, next: []string{"-P"}},
		{names: []string{"isql"}, places: []place{{at: 3}}},
		{names: []string{"vsql"}, next: []string{"-w"}},
		{names: []string{"db2"}, signs: []string{"connect", "\"connect", "'connect", "'\\''connect"}, words: []string{"using"}, inner: true},
		{names: []string{"rabbitmqctl"}, valued: []string{"-n", "-p", "-t"}, places: []place{{behind: []string{"add_user"}, at: 2}, {behind: []string{"change_password"}, at: 2}, {behind: []string{"authenticate_user"}, at: 2}}},
		{names: []string{"neo4j-admin"}, words: []string{"set-initial-password"}},
		{names: []string{"mosquitto_pub", "mosquitto_sub"}, next: []string{"-P"}}, //nolint:misspell // that is its name
		{names: []string{"mosquitto_passwd"}, special: batch},                     //nolint:misspell // that is its name
		{names: []string{"grafana-cli", "grafana"}, words: []string{"reset-admin-password"}},
		{names: []string{"splunk", "jenkins-cli", "jenkins-cli.jar"}, pairs: []string{"-auth"}},
	}
}

func containers() []program {
	login := []under{{words: []string{"login"}, next: []string{"-p"}}}
	return []program{
		{names: []string{"docker", "podman", "nerdctl", "buildah", "skopeo"}, under: login, pairs: []string{"--creds", "--src-creds", "--dest-creds"},
			stdin: []input{{"secret", "create"}}, not: []string{"--secret"}, special: wrapper},
		{names: []string{"crane", "oras", "helm", "cosign", "regctl", "ibmcloud", "expo"}, under: login},
		{names: []string{"cf"}, signs: []string{"login", "auth"}, under: login, places: []place{{behind: []string{"auth"}, at: 2, first: true}}},
		{names: []string{"oc"}, signs: []string{"login"}, under: login, stdin: []input{{"create", "secret"}}, special: wrapper},
		{names: []string{"ctr"}, signs: []string{"image", "i ", "-n"}, under: []under{{words: []string{"pull", "push"}, pairs: []string{"--user", "-u"}}}, special: wrapper},
		{names: []string{"crictl"}, next: []string{"--auth"}, pairs: []string{"--creds"}, special: wrapper},
		{names: []string{"k3s"}, signs: []string{"server", "agent"}, under: []under{{words: []string{"server", "agent"}, next: []string{"-t"}}}, special: wrapper},
		{names: []string{"rancher"}, under: []under{{words: []string{"login"}, next: []string{"-t"}}}},
		{names: []string{"vault"}, stdin: []input{{"login", "-"}}, valued: []string{"-method", "-path", "-address", "-namespace", "-format", "-field", "-ca-cert", "-mount"}, places: []place{
			{behind: []string{"login"}, at: 1, form: formToken}, {behind: []string{"unwrap"}, at: 1}, {behind: []string{"operator", "unseal"}, at: 1},
			{behind: []string{"token", "revoke"}, at: 1}, {behind: []string{"token", "lookup"}, at: 1}, {behind: []string{"token", "renew"}, at: 1},
			{behind: []string{"kv", "put"}, form: formAssigned}, {behind: []string{"kv", "patch"}, form: formAssigned}, {behind: []string{"write"}, form: formSecretID}}},
	}
}

func accounts() []program {
	return []program{
		{names: []string{"ldappasswd"}, next: []string{"-w", "-s", "-a"}, flags: ldapFlags},
		{names: []string{"ldap"}, begins: true, next: []string{"-w"}, flags: ldapFlags},
		{names: []string{"smbclient"}, pairs: []string{"-U%", "--user%"}, valued: []string{"-c", "-W", "-p", "-I", "-D", "-n", "-s", "-m", "-l", "-A", "-b", "-t", "-R", "-O", "-i", "-M", "-L"}, places: []place{{at: 2}}},
		{names: []string{"smbget", "rpcclient", "smbmap", "winexe"}, pairs: []string{"-U%", "--user%"}},
		{names: []string{"net"}, signs: []string{"ads", "rpc", "use"}, pairs: []string{"-U%", "--user%"}, places: []place{{behind: []string{"user"}, at: 2, first: true}, {behind: []string{"use"}, at: 3, first: true}}},
		{names: []string{"wbinfo"}, pairs: []string{"-a%", "--authenticate%"}},
		{names: []string{"samba-tool"}, places: []place{{behind: []string{"user", "create"}, at: 2}, {behind: []string{"user", "add"}, at: 2}}},
		{names: []string{"kadmin", "kadmin.local", "ipa-client-install", "ipa-server-install", "ipa-replica-install"}, next: []string{"-w", "-pw"}, inner: true},
		{names: []string{"kinit", "smbpasswd", "passwd", "cryptsetup", "adcli", "realm", "saslpasswd2"}, stdin: []input{{}}},
		{names: []string{"ipa"}, stdin: []input{{word: "--password"}}},
		{names: []string{"zfs"}, stdin: []input{{word: "load-key"}}},
		{names: []string{"radtest"}, places: []place{{at: 2}, {at: 5}}},
		{names: []string{"evil-winrm", "crackmapexec", "hydra", "medusa"}, next: []string{"-p"}},
		{names: []string{"impacket-"}, begins: true, places: []place{{form: formHost}}},
		{names: []string{"psexec.py", "wmiexec.py", "smbexec.py", "atexec.py", "dcomexec.py", "secretsdump.py", "mssqlclient.py"}, places: []place{{form: formHost}}},
		{names: []string{"useradd", "usermod", "groupadd", "groupmod"}, next: []string{"-p"}, flags: "mMrNUoDlLa"},
		{names: []string{"chpasswd"}, special: chpasswd},
		{names: []string{"htpasswd"}, stdin: []input{{word: "-i"}}, special: batch},
		{names: []string{"mkpasswd"}, stdin: []input{{word: "-s"}, {word: "--stdin"}}, valued: []string{"-m", "-S", "-R", "-P", "-l", "-d", "-c", "-C"}, places: []place{{at: 1}}},
		{names: []string{"openssl"}, next: []string{"-k", "-K", "-hmac"}, apart: true, pairs: []string{"-macopt"}, valued: []string{"-salt", "-in"}, stdin: []input{{word: "-stdin"}, {word: "stdin"}}, places: []place{{behind: []string{"passwd"}, at: 1, first: true}}},
		{names: []string{"gpg", "gpg2"}, stdin: []input{{word: "--passphrase-fd"}}},
		{names: []string{"ssh-keygen"}, next: []string{"-N", "-P"}, flags: "q"},
		{names: []string{"pkcs11-tool", "softhsm2-util", "p11tool"}, next: []string{"--pin", "--so-pin", "--new-pin", "--set-pin", "--set-so-pin"}},
		{names: []string{"expect"}, words: []string{"send"}, inner: true, special: expect},
		{names: []string{"bw"}, signs: []string{"login", "unlock", "list items --session"}, next: []string{"--session"}, places: []place{{behind: []string{"login"}, at: 2}, {behind: []string{"unlock"}, at: 1}}},
	}
}

// ldapFlags are the options of the LDAP tools that take no value.
const ldapFlags = "xZvncALMCQN"

func networks() []program {
	return []program{
		{names: []string{"curl"}, next: []string{"--oauth2-bearer"},
			pairs: []string{"-u", "--user", "-U", "--proxy-user", "-E", "--cert", "--proxy-cert", "-b=", "--cookie="}},
		{names: []string{"sqlmap"}, pairs: []string{"--cookie="}},
		{names: []string{"wget2", "http", "https", "httpie"}, pairs: []string{"-a", "--auth"}},
		{names: []string{"plink", "pscp", "psftp", "putty"}, next: []string{"-pw"}},
		{names: []string{"nmcli"}, words: []string{"password", "wifi-sec.psk", "802-11-wireless-security.psk", "802-1x.password", "wifi-sec.wep-key0"}},
		{names: []string{"wpa_passphrase"}, stdin: []input{{}}, places: []place{{at: 2}}},
		{names: []string{"wpa_cli"}, words: []string{"psk", "password", "wep_key0"}},
		{names: []string{"ipmitool"}, next: []string{"-P"}, places: []place{{behind: []string{"set", "password"}, at: 2}}},
		{names: []string{"racadm", "esxcli"}, next: []string{"-p"}},
		{names: []string{"vmrun"}, next: []string{"-gp"}},
		{names: []string{"govc"}, pairs: []string{"-u@"}},
		{names: []string{"snmpwalk", "snmpget", "snmpset", "snmpbulkwalk", "snmpbulkget", "snmpgetnext", "snmptrap", "snmptable"}, next: []string{"-A", "-X", "-c"}},
		{names: []string{"xfreerdp", "xfreerdp3", "wlfreerdp"}, attached: []string{"/p:"}},
		{names: []string{"rdesktop", "vncviewer", "ncftp", "ncftpput", "ncftpget", "ncftpls", "testsaslauthd"}, next: []string{"-p"}},
		{names: []string{"lftp"}, pairs: []string{"-u,"}, inner: true},
		{names: []string{"swaks"}, next: []string{"-ap"}},
		{names: []string{"sendemail", "sendEmail"}, next: []string{"-xp"}},
		{names: []string{"drush"}, places: []place{{behind: []string{"upwd"}, at: 2}, {behind: []string{"user:password"}, at: 2}}},
		{names: []string{"caddy"}, next: []string{"--plaintext", "-p"}},
		{names: []string{"ngrok"}, words: []string{"authtoken", "add-authtoken"}},
		{names: []string{"cloudflared"}, places: []place{{behind: []string{"service", "install"}, at: 1}}},
		{names: []string{"zerotier-cli"}, attached: []string{"-T"}},
	}
}

func clouds() []program {
	return []program{
		{names: []string{"aws"}, signs: []string{"ssm"}, under: []under{{words: []string{"put-parameter"}, next: []string{"--value"}}}},
		{names: []string{"az"}, signs: []string{"login", "acr login", "sql server", "sql db", "mysql", "postgres", "keyvault"}, under: []under{{words: []string{"login", "sql", "mysql", "postgres"}, next: []string{"-p"}}, {words: []string{"keyvault"}, next: []string{"--value"}}}},
		{names: []string{"gcloud"}, not: []string{"--secret"}},
		{names: []string{"mc", "mcli"}, signs: []string{"alias", "config", "admin"}, places: []place{{behind: []string{"alias", "set"}, at: 4}, {behind: []string{"host", "add"}, at: 4}, {behind: []string{"user", "add"}, at: 3}}},
		{names: []string{"swift"}, next: []string{"-K"}},
		{names: []string{"doctl", "flyctl"}, next: []string{"-t"}, places: []place{{behind: []string{"secrets", "set"}, form: formAssigned}}},
		{names: []string{"fly", "doppler"}, signs: []string{"secrets"}, places: []place{{behind: []string{"secrets", "set"}, form: formAssigned}}},
		{names: []string{"vercel"}, next: []string{"-t"}},
		{names: []string{"netlify"}, next: []string{"--auth"}},
		{names: []string{"rclone"}, words: []string{"pass", "secret_access_key", "client_secret"}, places: []place{{behind: []string{"obscure"}, at: 1}}},
	}
}

func builds() []program {
	return []program{
		{names: []string{"gh"}, signs: []string{"secret"}, stdin: []input{{"secret", "set"}, {word: "--with-token"}}, under: []under{{words: []string{"secret"}, next: []string{"-b", "--body"}}}},
		{names: []string{"glab"}, stdin: []input{{word: "--stdin"}}, under: []under{{words: []string{"auth"}, next: []string{"-t"}}, {words: []string{"variable"}, next: []string{"-v", "--value"}}},
			places: []place{{behind: []string{"variable", "set"}, at: 2}}},
		{names: []string{"gitlab-runner"}, under: []under{{words: []string{"register"}, next: []string{"-r", "-t"}}}, apart: true},
		{names: []string{"npm"}, signs: []string{"token"}, places: []place{{behind: []string{"token", "revoke"}, at: 1}}},
		{names: []string{"twine"}, next: []string{"-p"}},
		{names: []string{"poetry"}, under: []under{{words: []string{"publish"}, next: []string{"-p"}}}, places: configured},
		{names: []string{"composer"}, places: configured},
		{names: []string{"uv"}, signs: []string{"publish"}, under: []under{{words: []string{"publish"}, next: []string{"-p", "-t"}}}},
		{names: []string{"cargo", "wandb"}, places: []place{{behind: []string{"login"}, at: 1, first: true}}},
		{names: []string{"bundle"}, places: []place{{behind: []string{"config"}, form: formPair, first: true}}},
		{names: []string{"nuget"}, valued: []string{"-source", "-Source", "-s"}, places: []place{{behind: []string{"setapikey"}, at: 1}, {behind: []string{"push"}, at: 2, form: formWord}}},
		{names: []string{"dotnet"}, under: []under{{words: []string{"nuget"}, next: []string{"-k", "-p"}}}, places: []place{{behind: []string{"user-secrets", "set"}, at: 2}}},
		{names: []string{"snyk"}, places: []place{{behind: []string{"auth"}, at: 1, first: true}}},
		{names: []string{"codecov", "codecovcli"}, next: []string{"-t"}},
		{names: []string{"travis"}, places: []place{{behind: []string{"encrypt"}, form: formAssigned}}},
		{names: []string{"pulumi"}, places: []place{{behind: []string{"config", "set"}, at: 2, only: "--secret"}}, flag: true},
		{names: []string{"ansible-vault"}, stdin: []input{{word: "encrypt_string"}}, valued: []string{"--name", "-n", "--vault-id", "--vault-password-file"}, places: []place{{behind: []string{"encrypt_string"}, at: 1}}},
		{names: []string{"knife"}, next: []string{"-P"}},
		{names: []string{"salt", "salt-call"}, places: []place{{behind: []string{"shadow.set_password"}, at: 2}}},
	}
}

// configured are the settings of registries that hold a secret.
var configured = []place{{behind: []string{"config", "http-basic."}, at: 2}, {behind: []string{"config", "bitbucket-oauth."}, at: 2}, {behind: []string{"config", "pypi-token."}, at: 1},
	{behind: []string{"config", "github-oauth."}, at: 1}, {behind: []string{"config", "gitlab-token."}, at: 1}, {behind: []string{"config", "gitlab-oauth."}, at: 1}, {behind: []string{"config", "bearer."}, at: 1}}

func archives() []program {
	return []program{
		{names: []string{"zip", "unzip"}, signs: []string{""}, next: []string{"-P"}, flags: "rqjmuyvT9876543210eDonCLaX"},
		{names: []string{"7z", "7za", "7zr", "7zz", "p7zip", "unrar"}, attached: []string{"-p", "-hp"}},
		{names: []string{"rar"}, signs: []string{"a", "x", "e", "u"}, attached: []string{"-p", "-hp"}},
	}
}
