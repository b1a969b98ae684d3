package redact

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// build returns the transform with a key of the environment.
func build(t testing.TB, change func(*Settings)) *Transform {
	t.Helper()
	t.Setenv("REDACT_TEST_KEY", "a key for tests")
	s := Default()
	s.Key = plugin.Secret{Env: "REDACT_TEST_KEY"}
	if change != nil {
		change(&s)
	}
	tr, err := New(&s, plugin.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return tr.(*Transform)
}

// one takes an event through the transform.
func one(t testing.TB, tr *Transform, e event.Event) *event.Event {
	t.Helper()
	var in, out event.Batch
	in.Add(e)
	if err := tr.Lane("a").Apply(context.Background(), &in, &out); err != nil {
		t.Fatal(err)
	}
	return &out.Events[0]
}

func exec(args ...string) event.Event {
	e := event.Event{Dataset: "auditd.log", Records: 3}
	for _, a := range args {
		e.Fields.Add(schema.ProcessArgs, event.String(a))
	}
	return e
}

func argsOf(e *event.Event) (list []string) {
	for v := range e.Fields.All(schema.ProcessArgs) {
		list = append(list, v.Str())
	}
	return list
}

const secret = "S3cr3t-7x"

// fill puts the secret into a line.
func fill(line string) string {
	line = strings.ReplaceAll(strings.ReplaceAll(line, "AWS_SECRET", "AWS_KEPT"), "|rev", " | rev")
	return strings.ReplaceAll(strings.ReplaceAll(line, "SECRET", secret), "AWS_KEPT", "AWS_SECRET")
}

// TestArguments: SECRET in the arguments is found, and nothing else is changed.
// The words are parted by a bar.
func TestArguments(t *testing.T) {
	tr := build(t, nil)
	for _, line := range []string{
		"prog|--password=SECRET", "prog|--password|SECRET", "prog|-password|SECRET", "prog|--db-password=SECRET|x", "prog|--dbPassword=SECRET",
		"prog|--token|SECRET", "prog|--api-key=SECRET", "prog|--accessToken=SECRET", "java|-Ddb.password=SECRET|-jar|x.jar", "java|-Dpassword=SECRET",
		"prog|--password=SECRET with blanks", "prog|--password=SECRET=x&y;z'w", "keytool|-storepass|SECRET|-keypass|SECRET",
		"env|PASSWORD=SECRET|prog", "docker|run|-e|MYSQL_ROOT_PASSWORD=SECRET|mysql", "docker|run|--env=API_TOKEN=SECRET|x", "docker|run|-eDB_PASS=SECRET|x",
		"mysql|-u|root|-pSECRET|db", "/usr/bin/mysqldump|-pSECRET|db", "mariadb-dump|-pSECRET", "sudo|mysql|-pSECRET", "docker|exec|db|mysql|-uroot|-pSECRET",
		"sshpass|-p|SECRET|ssh|-p|22|host", "sshpass|-pSECRET|ssh|host", "docker|login|-u|ana|-p|SECRET|reg.example", "docker|login|--password|SECRET",
		"docker|login|-p=SECRET", "helm|registry|login|-p|SECRET", "ldapsearch|-x|-D|cn=admin|-w|SECRET|-b|dc=x", "ldapadd|-wSECRET",
		"smbclient|//h/s|-U|ana%SECRET", "smbclient|--user=ana%SECRET|//h/s", "redis-cli|-h|x|-a|SECRET|ping", "curl|-u|ana:SECRET|https://x", "curl|-su|ana:SECRET|x",
		"curl|--user|ana:SECRET|x", "curl|--user=ana:SECRET|x", "curl|-uana:SECRET|x", "wget|--password=SECRET|x", "mongodump|-u|a|-p|SECRET",
		"openssl|enc|-k|SECRET|-in|x", "openssl|rsa|-passin|pass:SECRET|-in|k", "openssl|x|-pass|pass:SECRET", "zip|-P|SECRET|a.zip|b", "useradd|-p|SECRET|bob",
		"curl|-H|Authorization: Bearer SECRET|x", "curl|-H|authorization: SECRET|x", "curl|-H|X-Vault-Token: SECRET|x", "curl|-HPRIVATE-TOKEN: SECRET|x",
		"curl|-b|x|--cookie|Cookie: SECRET", "curl|-d|user=ana&password=SECRET&x=y|x", "curl|-d|{\"user\":\"ana\",\"password\":\"SECRET\"}|x",
		"curl|https://x/?a=b&token=SECRET&c=d", "psql|postgres://ana:SECRET@db/x", "git|clone|https://oauth2:SECRET@git.example/x", "x|redis://:SECRET@h:6379/0",
		"x|ana:SECRET@tcp(db:3306)/x", "mount|-t|cifs|-o|username=ana,password=SECRET,ro|//h/s|/m", "x|Server=db;User=sa;Password=SECRET;Encrypt=no",
		"aws|configure|set|aws_secret_access_key|SECRET", "env|AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE|AWS_SECRET_ACCESS_KEY=SECRET|aws",
		"kubectl|create|secret|generic|x|--from-literal=db=SECRET", "kubectl|create|secret|generic|x|--from-literal|db=SECRET", "npm|config|set|//r.example/:_authToken=SECRET",
		"sh|-c|mysql -pSECRET db", "bash|-lc|cd /x && PASSWORD=SECRET make; ls", "sh|-c|mysql -u root -p'SECRET' <dump.sql", "sh|-c|curl -u \"ana:SECRET\" x|rev",
		"sh|-c|sh -c \"sshpass -p 'SECRET' ssh h\"", "sh|-c|echo 'root:SECRET' | chpasswd", "su|-|ana|-c|mysql -pSECRET", "htpasswd|-nb|ana|SECRET",
		"env|X=[\"--password\", \"SECRET\"]", "x|password: SECRET", "ansible|-e|ansible_password=SECRET", "vault|x|VAULT_TOKEN=SECRET", "smbclient|-Uana%SECRET",
		"docker|run|-e|PGPASSWORD=SECRET|postgres|psql", "mysql|--password=SECRET", "xfreerdp|/u:a|/p:SECRET|/v:h", "env|MYSQL_PWD=SECRET|mysql",
		"mysqladmin|-uroot|password|SECRET", "mysqladmin|-pSECRET|ping", "skopeo|copy|--src-creds=ana:SECRET|a|b", "skopeo|copy|--dest-creds|ana:SECRET|a|b", "podman|pull|--creds|ana:SECRET|x",
		"curl|--oauth2-bearer|SECRET|x", "curl|-E|cert.pem:SECRET|x", "curl|--cert|cert.pem:SECRET|x", "curl|-b|sid=SECRET|x", "curl|-sb|sid=SECRET|x", "curl|--cookie|sid=SECRET|x",
		"etcdctl|--user=root:SECRET|get|x", "etcdctl|--user|root:SECRET|get|x", "plink|-pw|SECRET|h", "cqlsh|-u|ana|-p|SECRET", "cqlsh|-pSECRET", "twine|upload|-p|SECRET|x", "kadmin|-w|SECRET",
		"doctl|-t|SECRET|x", "nmcli|dev|wifi|connect|ssid|password|SECRET", "nmcli|con|mod|x|wifi-sec.psk|SECRET", "redis-cli|AUTH|SECRET", "redis-cli|CONFIG|SET|requirepass|SECRET", "winexe|-U|d/ana%SECRET|//h",
		"mysql|-e|SET PASSWORD = 'SECRET'", "mysql|-e|SET PASSWORD FOR 'ana'@'h' = PASSWORD('SECRET')", "mysql|-e|UPDATE user SET x=PASSWORD(\"SECRET\")", "python|-c|connect(password = 'SECRET')", "x|-c|select PASSWORD('SECRET')",
		"tailscale|up|--authkey=SECRET", "kubeadm|join|--token|SECRET|--discovery-token-ca-cert-hash|sha256:0123", "x|--password2=SECRET",
	} {
		t.Run(line, func(t *testing.T) {
			if strings.Contains(line, "chpasswd") || strings.Contains(line, "|rev") {
				replaced(t, tr, strings.SplitN(fill(line), "|", 3))
				return
			}
			replaced(t, tr, strings.Split(fill(line), "|"))
		})
	}
}

// replaced checks that the secret is gone from arguments, and nothing else.
func replaced(t *testing.T, tr *Transform, args []string) {
	t.Helper()
	e := one(t, tr, exec(args...))
	got := argsOf(e)
	if len(got) != len(args) {
		t.Fatalf("%d arguments became %d", len(args), len(got))
	}
	all := strings.Join(got, "|")
	if strings.Contains(all, secret) || strings.Contains(all, "S3cr3t") {
		t.Errorf("the secret is still there: %s", all)
	}
	if e.Fields.Get(schema.Tags).Str() != Tag {
		t.Errorf("no tag: %s", all)
	}
	for i := range got {
		if !strings.Contains(args[i], secret) && got[i] != args[i] {
			t.Errorf("%q became %q", args[i], got[i])
		}
		if before, _, ok := strings.Cut(args[i], secret); ok && !strings.HasPrefix(got[i], before) {
			t.Errorf("%q became %q: more than the secret is gone", args[i], got[i])
		}
	}
	again := one(t, tr, exec(got...))
	if diff := strings.Join(argsOf(again), "|"); diff != all || !again.Fields.Get(schema.Tags).IsZero() {
		t.Errorf("done twice it is %s", diff)
	}
}

// TestNearMisses: what looks like a secret and is none stays as it is.
func TestNearMisses(t *testing.T) {
	tr := build(t, nil)
	for _, line := range []string{
		"mkdir|-p|/srv/password", "ps|-p|1", "mysql|-p|db", "mysql|-u|root|--password|-h|x", "mysql|--password|db", "psql|--password|db", "psql|-W|db", "docker|run|-p|80:80|nginx",
		"docker|ps|-p", "ssh|-p|22|host", "prog|--password-file=/x", "prog|--password-file|/x", "prog|--token-file=/var/run/secrets/token",
		"prog|--password|--verbose", "cat|/etc/passwd", "cat|/run/secrets/db_password", "passwd|bob", "grep|password|/x", "vi|password", "x|PWD=/root|OLDPWD=/srv",
		"git|show|0123456789abcdef0123456789abcdef01234567", "docker|pull|x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"runc|--root|/x|state|9ceff3d23f248274d76f1d1d0712c4ec08a35602b017903879d583c484eff724", "docker|build|--secret|id=npm,src=/x|.", "sshd|-o|PasswordAuthentication=no",
		"ssh|-o|PreferredAuthentications=password", "curl|https://host:8080/path@v1", "curl|https://user@host/x", "git|clone|ssh://git@host:22/x", "ffmpeg|-pass|1|x",
		"prog|--password=$DB_PASSWORD", "prog|--password=${DB_PASSWORD}", "sh|-c|x --token $TOKEN", "sh|-c|x --token=$(cat /run/t)", "prog|--password=xxxxxx", "prog|--password=****",
		"env|AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE|aws", "x|AKIAIOSFODNN7EXAMPLE", "ssh|--private-key|/root/.ssh/id", "openvpn|--auth-user-pass|/etc/x", "docker|login|--password-stdin", "grep|password|'x y'", "sh|-c|grep user x; vi password \"y\"",
		"npm|npm_config_registry=https://x", "x|ghp_short", "x|Basic information about docker", "echo|Bearer of news", "tar|-p|xf", "cp|-p|a|b", "kill|-p|7", "curl|-p|x", "apt|install|mysql-server|-y",
		"x|--no-password|y", "aws|--starting-token|abc", "x|tokenize=1", "x|compass=1", "x|bypass=1", "x|keyboard=us", "x|key=value", "x|monkey=1", "mysqld|--port=1|-p|2", "ls|/var/lib/docker/overlay2", "docker|exec|-u|root:root|c|id",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Split(line, "|")
			e := one(t, tr, exec(args...))
			if got := strings.Join(argsOf(e), "|"); got != line {
				t.Errorf("it became %s", got)
			}
			text := exec()
			text.Fields.AddString(schema.ProcessCommandLine, strings.Join(args, " "))
			text.Fields.AddString(schema.Message, "ana ran "+strings.Join(args, " "))
			text.Fields.AddString(schema.ProcessTitle, strings.Join(args, " "))
			e = one(t, tr, text)
			for _, k := range []schema.Key{schema.ProcessCommandLine, schema.Message, schema.ProcessTitle} {
				if got := e.Fields.Get(k).Str(); strings.Contains(got, markOpen) {
					t.Errorf("%s became %s", k, got)
				}
			}
		})
	}
}
