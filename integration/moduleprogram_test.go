//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// giteaModule is a module that builds Gitea: its own go.mod replaces modules, and
// those lines count only here.
const giteaModule = `module t

go 1.26

require code.gitea.io/gitea v1.26.4

replace github.com/jaytaylor/html2text => github.com/Necoro/html2text v0.0.0-20250804200300-7bf1ce1c7347

replace github.com/nektos/act => gitea.com/gitea/act v0.261.10

replace github.com/urfave/cli/v3 => github.com/urfave/cli/v3 v3.4.1

replace go.yaml.in/yaml/v4 => go.yaml.in/yaml/v4 v4.0.0-rc.3

replace github.com/Azure/azure-sdk-for-go/sdk/azcore => github.com/Azure/azure-sdk-for-go/sdk/azcore v1.19.0

replace github.com/Azure/azure-sdk-for-go/sdk/storage/azblob => github.com/Azure/azure-sdk-for-go/sdk/storage/azblob v1.6.2

replace github.com/microsoft/go-mssqldb => github.com/microsoft/go-mssqldb v1.9.7
`

// giteaProgram builds Gitea once into the user's cache, with the folders that it
// reads, and puts both into dir, where another user can reach them.
func giteaProgram(t *testing.T, dir string) (program, static string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(cache, "tallyman-integration", "gitea-1.26.4")
	if _, err := os.Stat(filepath.Join(kept, "gitea")); err != nil {
		long(t, "to build Gitea takes up to eight minutes, once")
		buildGitea(t, kept)
	}
	for _, name := range []string{"gitea", "static"} {
		say(t, "cp", "-r", filepath.Join(kept, name), filepath.Join(dir, name))
	}
	say(t, "chmod", "-R", "a+rX", filepath.Join(dir, "static"))
	return filepath.Join(dir, "gitea"), filepath.Join(dir, "static")
}

// buildGitea takes some minutes.
func buildGitea(t *testing.T, kept string) {
	t.Helper()
	work := t.TempDir()
	write(t, filepath.Join(work, "go.mod"), giteaModule)
	goes := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = work, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Skipf("NOT RUN: Gitea cannot be built (go %s): %v\n%s", strings.Join(args, " "), err, tail(out))
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return lines[len(lines)-1]
	}
	t.Log("building Gitea, which takes some minutes the first time")
	goes("build", "-tags", "sqlite,sqlite_unlock_notify", "-ldflags", "-s -w", "-o", "gitea", "code.gitea.io/gitea")
	source := goes("list", "-m", "-f", "{{.Dir}}", "code.gitea.io/gitea")
	static := filepath.Join(kept, "static")
	if err := os.MkdirAll(static, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"templates", "options", "public"} {
		say(t, "cp", "-r", "--no-preserve=mode", filepath.Join(source, name), static)
	}
	say(t, "cp", filepath.Join(work, "gitea"), filepath.Join(kept, "gitea")) // the last: it says that all is there
}
