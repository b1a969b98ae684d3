//go:build integration

package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const giteaConf = `APP_NAME = t
RUN_USER = nobody
WORK_PATH = %[1]s
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[2]d
ROOT_URL = http://127.0.0.1:%[2]d/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = %[3]s
[database]
DB_TYPE = sqlite3
PATH = %[1]s/gitea.db
[repository]
ROOT = %[1]s/repos
[security]
INSTALL_LOCK = true
[webhook]
ALLOWED_HOST_LIST = loopback
[log]
ROOT_PATH = %[1]s/log
MODE = file
LEVEL = Info
logger.access.MODE = access
logger.router.MODE = file
[log.access]
MODE = file
FILE_NAME = access.log
[cron]
ENABLED = false
`

// gitea is a real one, of a user who is not root.
type gitea struct {
	t              *testing.T
	base, password string
}

// newGitea starts it; what it keeps is in dir/gitea.
func newGitea(t *testing.T, dir string) *gitea {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: Gitea does not run as root, and only root can run it as another user")
	}
	const nobody = 65534
	home, port := filepath.Join(dir, "gitea"), freePort(t)
	program, static := giteaProgram(t, dir+"/program")
	conf := write(t, filepath.Join(home, "app.ini"), fmt.Sprintf(giteaConf, home, port, static))
	say(t, "chown", "-R", fmt.Sprint(nobody), home)
	asNobody := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, append([]string{"--config", conf}, args...)...)
		cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "USER=nobody", "PATH=" + os.Getenv("PATH"), "GITEA_WORK_DIR=" + home}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		return cmd
	}
	g := &gitea{t: t, base: fmt.Sprintf("127.0.0.1:%d", port), password: "Secret-12345"}
	if out, err := asNobody("migrate").CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, tail(out))
	}
	for _, name := range []string{"ana", "bob"} {
		if out, err := asNobody("admin", "user", "create", "--admin", "--username", name, "--password", g.password, "--email", name+"@shop.example", "--must-change-password=false").CombinedOutput(); err != nil {
			t.Fatalf("make the user %s: %v\n%s", name, err, tail(out))
		}
	}
	start(t, asNobody("web"))
	eventually(t, "Gitea answers", 60*time.Second, func() bool { return answers("http://" + g.base + "/api/v1/version") })
	return g
}

// answers reports whether a server answers at all.
func answers(url string) bool {
	r, err := http.Get(url)
	if err == nil {
		_ = r.Body.Close()
	}
	return err == nil
}

// call asks the API for something, as ana.
func (g *gitea) call(method, path, body string) {
	g.t.Helper()
	r, err := http.NewRequest(method, "http://"+g.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	r.SetBasicAuth("ana", g.password)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode >= 300 {
		g.t.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, text)
	}
}

// hook registers a webhook of a repository of ana's.
func (g *gitea) hook(repo string, port int, kind, secret string) {
	g.t.Helper()
	g.call(http.MethodPost, "/repos/ana/"+repo+"/hooks", fmt.Sprintf(`{"type":"gitea","active":true,"events":["create","delete","push"],"config":{"url":"http://127.0.0.1:%d/","content_type":%q,"secret":%q}}`, port, kind, secret))
}

const giteaTallyman = `
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  hooks: {type: git, listen: "127.0.0.1:%d", secret: {file: secret}}
  log: {type: file, path: [gitea/log/gitea.log], decode: gitea}
  access: {type: file, path: [gitea/log/access.log], decode: git_access}
outputs:
  file: {type: file, path: out.json, format: json}
`

// TestGitea takes the webhooks of a real Gitea, signed, as it sends them on pushes,
// and reads its logs: who pushed what where, who changed the protection of a branch,
// added a member and a key, and who was not let in.
func TestGitea(t *testing.T) {
	dir, hook := short(t), freePort(t)
	say(t, "chmod", "755", dir)
	write(t, filepath.Join(dir, "program", ".keep"), "")
	g := newGitea(t, dir)
	write(t, filepath.Join(dir, "secret"), "s3cret\n")
	launch(t, write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(giteaTallyman, hook)))
	eventually(t, "tallyman listens", 20*time.Second, func() bool { return answers(fmt.Sprintf("http://127.0.0.1:%d/", hook)) })

	g.call(http.MethodPost, "/user/repos", `{"name":"api","default_branch":"main","private":true}`)
	g.hook("api", hook, "json", "s3cret")
	g.hook("api", hook, "form", "another")
	url := "http://ana:" + g.password + "@" + g.base + "/ana/api.git"
	work := filepath.Join(dir, "work")
	write(t, filepath.Join(work, ".keep"), "")
	gitIn(t, work, "init", "-q", "-b", "main")
	first := commit(t, work, "one")
	gitIn(t, work, "push", "-q", url, "main", "main:refs/heads/topic")
	second := commit(t, work, "two")
	gitIn(t, work, "push", "-q", url, "main")
	gitIn(t, work, "reset", "-q", "--hard", first)
	third := commit(t, work, "three")
	gitIn(t, work, "push", "-q", "--force", url, "main")
	gitIn(t, work, "push", "-q", url, ":refs/heads/topic")
	g.call(http.MethodPost, "/repos/ana/api/branch_protections", `{"rule_name":"main","enable_push":true}`)
	g.call(http.MethodPatch, "/repos/ana/api/branch_protections/main", `{"enable_push":false}`)
	g.call(http.MethodPut, "/repos/ana/api/collaborators/bob", `{"permission":"write"}`)
	g.call(http.MethodPost, "/repos/ana/api/keys", `{"title":"ci","key":"`+publicKey(t)+`","read_only":true}`)
	g.call(http.MethodDelete, "/repos/ana/api/branch_protections/main", "")
	wrong := exec.Command("git", "ls-remote", strings.Replace(url, g.password, "wrong", 1))
	wrong.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0")
	if wrong.Run() == nil {
		t.Fatal("a wrong password was taken")
	}

	out := filepath.Join(dir, "out.json")
	web, access := []string{"event.dataset", "git.webhook", "git.server", "gitea", "git.repository", "ana/api", "user.name", "ana"}, []string{"event.dataset", "git.access", "user.name", "ana", "git.repository", "ana/api"}
	for name, pairs := range map[string][]string{
		"the push":        append(web[:len(web):len(web)], "event.action", "push", "event.code", "push", "git.before", first, "git.after", second, "git.ref", "refs/heads/main"),
		"the forced push": append(web[:len(web):len(web)], "event.action", "push", "event.code", "push", "git.before", second, "git.after", third, "git.ref", "refs/heads/main"),
		"a branch":        append(web[:len(web):len(web)], "event.code", "create", "git.created", "true", "git.ref", "refs/heads/topic", "git.after", first),
		"a removal":       append(web[:len(web):len(web)], "event.code", "delete", "git.deleted", "true", "git.ref", "refs/heads/topic"),
		"the access":      append(access[:len(access):len(access)], "event.action", "push", "event.outcome", "success"),
		"a protection":    append(access[:len(access):len(access)], "event.action", "protection-changed", "http.request.method", "POST", "git.server", "gitea"),
		"its change":      append(access[:len(access):len(access)], "event.action", "protection-changed", "git.ref", "refs/heads/main", "http.request.method", "PATCH"),
		"its removal":     append(access[:len(access):len(access)], "event.action", "protection-removed", "git.ref", "refs/heads/main"),
		"a member":        append(access[:len(access):len(access)], "event.action", "member-added", "user.target.name", "bob"),
		"a key":           append(access[:len(access):len(access)], "event.action", "deploy-key-added"),
		"member, log":     {"event.dataset", "git.log", "event.action", "member-added", "user.target.name", "bob", "git.repository", "ana/api", "source.ip", "127.0.0.1"},
		"key, log":        {"event.dataset", "git.log", "event.action", "deploy-key-added", "git.repository", "ana/api"},
		"protection, log": {"event.dataset", "git.log", "event.action", "protection-removed", "git.repository", "ana/api", "git.ref", "refs/heads/main"},
		"a password, log": {"event.dataset", "git.log", "event.action", "logged-in", "event.outcome", "failure", "user.name", "ana"},
		"push, log":       {"event.dataset", "git.log", "event.action", "push", "git.repository", "ana/api", "git.transport", "http"},
		"not let in":      {"event.dataset", "git.access", "event.outcome", "failure", "http.response.status_code", "401"},
	} {
		if !soon(20*time.Second, func() bool { return len(eventsWith(t, out, pairs...)) >= 1 }) {
			t.Errorf("%s: no event has %q", name, pairs)
		}
	}
	// The webhook that is signed with another secret is refused.
	if got := eventsWith(t, out, "event.dataset", "git.webhook", "event.code", "push", "git.after", second); len(got) != 1 {
		t.Errorf("%d webhooks of one push were taken", len(got))
	}
	for _, e := range eventsWith(t, out, "event.kind", "pipeline_error") {
		t.Errorf("not understood: %v", e)
	}
}

// soon polls until ok, and reports whether it ever was.
func soon(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// publicKey makes a key for ssh and returns its public half.
func publicKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	say(t, need(t, "ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-C", "ci", "-f", path)
	b, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
