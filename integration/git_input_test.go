//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gitIn runs git in a folder, with a name of its own and no configuration of the
// host.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@shop.example", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@shop.example")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, tail(out))
	}
	return strings.TrimSpace(string(out))
}

// commit makes a commit and returns its id.
func commit(t *testing.T, dir, text string) string {
	t.Helper()
	write(t, filepath.Join(dir, "file"), text)
	gitIn(t, dir, "add", "file")
	gitIn(t, dir, "commit", "-q", "-m", text)
	return gitIn(t, dir, "rev-parse", "HEAD")
}

// eventsWith returns the events of an output that have all of the pairs, each a path
// with points and its value.
func eventsWith(t *testing.T, path string, pairs ...string) (list []map[string]any) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	for _, e := range eventsIn(t, path) {
		fits := true
		for i := 0; i < len(pairs); i += 2 {
			if fmt.Sprint(get(e, strings.Split(pairs[i], ".")...)) != pairs[i+1] {
				fits = false
			}
		}
		if fits {
			list = append(list, e)
		}
	}
	return list
}

// runOnce reads everything there is and returns where the events are.
func runOnce(t *testing.T, dir, input string) string {
	t.Helper()
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 64MiB, segment_size: 1MiB}
admin: {listen: off}
inputs:
  git: {%s}
outputs:
  file: {type: file, path: out.json, format: json}
`, input))
	if out, err := exec.Command(program(t), "run", "--once", "--config", conf).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "out.json")
}

// TestGitolitePushes reads what a real gitolite writes of pushes: an ordinary one,
// a forced one, the removal of a branch, and one that it refuses.
func TestGitolitePushes(t *testing.T) {
	need(t, "gitolite", "gitolite3")
	dir := t.TempDir()
	home := filepath.Join(dir, "git")
	write(t, filepath.Join(home, ".keep"), "")
	run := func(env []string, name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = home, append(append(os.Environ(), "HOME="+home, "USER=git", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=g", "GIT_AUTHOR_EMAIL=g@g", "GIT_COMMITTER_NAME=g", "GIT_COMMITTER_EMAIL=g@g"), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, tail(out))
		}
	}
	run(nil, "gitolite", "setup", "-a", "admin")
	script := write(t, filepath.Join(dir, "ssh"), "#!/bin/sh\nexport HOME="+home+" SSH_CONNECTION='192.0.2.10 1 192.0.2.1 22' SSH_ORIGINAL_COMMAND=\"$1 '$2'\"\nexec /usr/share/gitolite3/gitolite-shell ${WHO:-ana}\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	write(t, filepath.Join(work, ".keep"), "")
	gitIn(t, work, "init", "-q", "-b", "main")
	push := func(args ...string) {
		t.Helper()
		gitIn(t, work, append([]string{"-c", "protocol.ext.allow=always", "push", "-q"}, args...)...)
	}
	url := "ext::" + script + " %S testing"
	first := commit(t, work, "one")
	push(url, "main", "main:refs/heads/topic")
	second := commit(t, work, "two")
	push(url, "main")
	gitIn(t, work, "reset", "-q", "--hard", first)
	third := commit(t, work, "three")
	push("--force", url, "main")
	push(url, ":refs/heads/topic")
	cmd := exec.Command("git", "-c", "protocol.ext.allow=always", "push", "-q", "ext::"+script+" %S gitolite-admin", "main")
	cmd.Dir, cmd.Env = work, append(os.Environ(), "HOME="+work, "WHO=mallory")
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("a push that had to be refused was taken: %s", out)
	}

	out := runOnce(t, dir, `type: git, path: ["git/.gitolite/logs/*.log"], decode: gitolite`)
	for name, pairs := range map[string][]string{
		"the push":        {"git.before", first, "git.after", second, "git.ref", "refs/heads/main", "git.forced", "false", "user.name", "ana", "git.repository", "testing"},
		"the forced push": {"git.before", second, "git.after", third, "git.forced", "true"},
		"a new branch":    {"git.after", first, "git.created", "true", "git.ref", "refs/heads/topic"},
		"a removal":       {"git.before", first, "git.deleted", "true", "git.ref", "refs/heads/topic", "git.forced", "false"},
	} {
		if got := eventsWith(t, out, append(pairs, "event.action", "push", "event.outcome", "success")...); len(got) != 1 {
			t.Errorf("%s: %d events", name, len(got))
		}
	}
	if got := eventsWith(t, out, "event.outcome", "failure", "user.name", "mallory", "git.repository", "gitolite-admin"); len(got) != 1 {
		t.Errorf("the push that was refused: %d events", len(got))
	}
	if got := eventsWith(t, out, "event.kind", "pipeline_error"); len(got) != 0 {
		t.Errorf("not understood: %v", got)
	}
}

const nginxConf = `worker_processes 1; daemon off; pid %[1]s/nginx.pid; error_log %[1]s/error.log; user root;
events {}
http {
  log_format j escape=json '{"time":"$time_iso8601","remote_addr":"$remote_addr","user":"$remote_user","request":"$request","status":$status,"bytes":$body_bytes_sent,"ua":"$http_user_agent","rt":$request_time}';
  client_body_temp_path %[1]s/b; fastcgi_temp_path %[1]s/f; proxy_temp_path %[1]s/p; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server {
    listen 127.0.0.1:%[2]d;
    access_log %[1]s/access.log combined; access_log %[1]s/access.jsonl j;
    location / {
      auth_basic git; auth_basic_user_file %[1]s/users;
      fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend; fastcgi_param GIT_PROJECT_ROOT %[1]s/repos; fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param PATH_INFO $uri; fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REMOTE_USER $remote_user; fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol;
      fastcgi_pass unix:%[1]s/fcgi.sock;
    }
  }
}
`

// TestGitHTTPBackend reads both access logs of a real nginx before git-http-backend:
// a clone, a push and a repository that is not there.
func TestGitHTTPBackend(t *testing.T) {
	nginx, fcgi := need(t, "nginx", "nginx-light"), need(t, "fcgiwrap", "fcgiwrap")
	dir := t.TempDir()
	port := freePort(t)
	repo := filepath.Join(dir, "repos", "shop", "api.git")
	write(t, filepath.Join(repo, ".keep"), "")
	gitIn(t, repo, "init", "-q", "--bare", "-b", "main")
	gitIn(t, repo, "config", "http.receivepack", "true")
	gitIn(t, repo, "config", "--global", "--add", "safe.directory", "*")
	write(t, filepath.Join(dir, "users"), "bob:{PLAIN}secret\n")
	conf := write(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(nginxConf, dir, port))
	start(t, exec.Command(fcgi, "-s", "unix:"+filepath.Join(dir, "fcgi.sock")))
	start(t, exec.Command(nginx, "-c", conf))
	eventually(t, "nginx answers", 20*time.Second, func() bool {
		return exec.Command("git", "ls-remote", fmt.Sprintf("http://bob:secret@127.0.0.1:%d/shop/api.git", port)).Run() == nil
	})
	url := fmt.Sprintf("http://bob:secret@127.0.0.1:%d/shop/", port)
	work := filepath.Join(dir, "work")
	write(t, filepath.Join(work, ".keep"), "")
	gitIn(t, work, "init", "-q", "-b", "main")
	commit(t, work, "one")
	gitIn(t, work, "push", "-q", url+"api.git", "main")
	gitIn(t, dir, "clone", "-q", url+"api.git", "copy")
	if exec.Command("git", "ls-remote", url+"none.git").Run() == nil {
		t.Fatal("a repository that is not there was read")
	}
	for _, file := range []string{"access.log", "access.jsonl"} {
		at := filepath.Join(dir, "read-"+file)
		write(t, filepath.Join(at, ".keep"), "")
		out := runOnce(t, at, `type: git, path: ["`+filepath.Join(dir, file)+`"], decode: git_access`)
		for name, pairs := range map[string][]string{
			"the push":  {"event.action", "push", "event.outcome", "success", "git.repository", "shop/api", "user.name", "bob", "git.transport", "http", "source.ip", "127.0.0.1"},
			"the clone": {"event.action", "fetch", "event.outcome", "success", "git.repository", "shop/api", "user.name", "bob"},
			"asked who": {"event.action", "list-refs", "event.outcome", "failure", "http.response.status_code", "401", "git.repository", "shop/api"},
			"not there": {"event.action", "list-refs", "event.outcome", "failure", "http.response.status_code", "404", "git.repository", "shop/none", "user.name", "bob"},
		} {
			if got := eventsWith(t, out, pairs...); len(got) == 0 {
				t.Errorf("%s: no event of %s", file, name)
			}
		}
		if got := eventsWith(t, out, "event.kind", "pipeline_error"); len(got) != 0 {
			t.Errorf("%s: not understood: %v", file, got)
		}
	}
}
