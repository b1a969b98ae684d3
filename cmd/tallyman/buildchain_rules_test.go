package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chainAlerts runs lines of a file through an input, the rules and an output, and
// returns the ids of the alerts, each with the job or repository that it is about.
func chainAlerts(t *testing.T, input string, lines ...string) (alerts []string) {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	path := conf(t, dir, fmt.Sprintf(`journal: {dir: journal}
admin: {listen: off}
inputs:
  chain: {%s}
transforms:
  - {type: rules, files: [%s/*.yaml]}
outputs:
  out: {type: file, path: out.json, format: json}
`, input, rules))
	if err := os.WriteFile(filepath.Join(dir, "chain.log"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := tallyman(t, "run", "--once", "--config", path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	content, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // nothing was delivered
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var e struct {
			Rule    struct{ ID string }
			Jenkins struct {
				Job        struct{ Name string }
				Credential struct{ ID string }
			}
			Git struct{ Repository, Ref string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Rule.ID != "" {
			alerts = append(alerts, strings.TrimSpace(e.Rule.ID+" "+e.Jenkins.Job.Name+e.Jenkins.Credential.ID+e.Git.Repository))
		}
	}
	slices.Sort(alerts)
	return alerts
}

const (
	auditTrail = "type: jenkins, audit: [chain.log], timezone: \"+00:00\""
	hookLines  = "type: git, path: [chain.log], decode: git_webhook"
)

// TestJenkinsRules: the rules TM-CI-* fire on lines of the audit trail, and only
// on what they are about.
func TestJenkinsRules(t *testing.T) {
	used := func(day int, credential string) string {
		return fmt.Sprintf("Nov %d, 2026 9:15:01,004 AM 'shop/api#41' (class org.jenkinsci.plugins.workflow.job.WorkflowRun) used credentials '%s' (class a.B).", day, credential)
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"a job is changed", []string{"Nov 24, 2026 9:15:01,004 AM /job/shop/job/api/configSubmit by ana from 198.51.100.7"}, []string{"TM-CI-001 shop/api"}},
		{"a job is made", []string{"Nov 24, 2026 9:15:01,004 AM /createItem (new) by ana from 198.51.100.7"}, []string{"TM-CI-001 new"}},
		{"security is changed", []string{"Nov 24, 2026 9:15:01,004 AM /manage/configureSecurity/configure by ana from 198.51.100.7"}, []string{"TM-CI-002"}},
		{"a plugin is installed", []string{"Nov 24, 2026 9:15:01,004 AM /manage/pluginManager/installNecessaryPlugins by NA from 198.51.100.7"}, []string{"TM-CI-002"}},
		{"a script is run", []string{"Nov 24, 2026 9:15:01,004 AM A groovy script was executed by user 'root'. Origin: Script Console Controller. ", "The executed script: ", "println 1"}, []string{"TM-CI-003"}},
		{"the console is asked", []string{"Nov 24, 2026 9:15:01,004 AM /computer/agent-7/scriptText by ana from 198.51.100.7"}, []string{"TM-CI-003"}},
		{"a credential that is new to a job", []string{used(20, "deploy"), used(24, "deploy"), used(25, "prod-deploy")}, []string{"TM-CI-004 shop/apiprod-deploy"}},
		{"a build", []string{"Nov 24, 2026 9:15:01,004 AM job/shop/job/api/ #41 Started by timer, Parameters:[]"}, nil},
		{"a build is stopped", []string{"Nov 24, 2026 9:15:01,004 AM /job/shop/job/api/41/stop by ana from 198.51.100.7"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := chainAlerts(t, auditTrail, c.lines...); !slices.Equal(got, c.want) {
				t.Errorf("fired are %q, want %q", got, c.want)
			}
		})
	}
}

// TestGitRules: the rules TM-GIT-* fire on what git servers say, in each of their
// forms.
func TestGitRules(t *testing.T) {
	const a, b, zero = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222", "0000000000000000000000000000000000000000"
	push := func(ref, before, after string, forced bool) string {
		return fmt.Sprintf(`{"ref":%q,"before":%q,"after":%q,"forced":%v,"repository":{"full_name":"shop/api"},"pusher":{"name":"ana"}}`, ref, before, after, forced)
	}
	var clones []string
	for i := range 21 {
		clones = append(clones, fmt.Sprintf(`{"@timestamp":%d,"action":"git.clone","actor":"mallory","repo":"shop/r%d"}`, 1795511701000+i, i))
	}
	const audit, gitlab, lite, web = "type: git, path: [chain.log], decode: github_audit", "type: git, path: [chain.log], decode: gitlab", "type: git, path: [chain.log], decode: gitolite", "type: git, path: [chain.log], decode: git_access"
	for _, c := range []struct {
		name, input string
		lines       []string
		want        []string
	}{
		{"a push", hookLines, []string{push("refs/heads/main", a, b, false)}, nil},
		{"a forced push", hookLines, []string{push("refs/heads/main", a, b, true)}, []string{"TM-GIT-001 shop/api"}},
		{"gitolite, a forced push", lite, []string{"2026-11-24.09:15:03\t4712\tupdate\tshop/api\tana\t+\trefs/heads/main\t" + a + "\t" + b + "\trefs/.*"}, []string{"TM-GIT-001 shop/api"}},
		{"gitolite, a push", lite, []string{"2026-11-24.09:15:03\t4712\tupdate\tshop/api\tana\tW\trefs/heads/main\t" + a + "\t" + b + "\trefs/.*"}, nil},
		{"protection goes", hookLines, []string{`{"action":"deleted","rule":{"name":"main"},"repository":{"full_name":"shop/api"},"sender":{"login":"ana"}}`}, []string{"TM-GIT-002 shop/api"}},
		{"a deploy key", hookLines, []string{`{"action":"created","key":{"id":6,"title":"ci"},"repository":{"full_name":"shop/api"},"sender":{"login":"ana"}}`}, []string{"TM-GIT-002 shop/api"}},
		{"a member, GitLab's system hook", hookLines, []string{`{"event_name":"user_add_to_team","access_level":"Owner","project_path_with_namespace":"shop/api","user_username":"bob"}`}, []string{"TM-GIT-002 shop/api"}},
		{"a member, audit_json", gitlab, []string{`{"time":"2026-11-24T09:15:01.523Z","author_id":3,"entity_type":"Project","entity_path":"shop/api","add":"user_access","author_name":"Ana","target_type":"User","target_details":"Bob"}`}, []string{"TM-GIT-002 shop/api"}},
		{"protection goes, api_json", gitlab, []string{`{"time":"2026-11-24T09:15:01.930Z","status":204,"method":"DELETE","path":"/api/v4/projects/shop%2Fapi/protected_branches/main","route":"/api/:version/projects/:id/protected_branches/:name","username":"ana"}`}, []string{"TM-GIT-002 shop/api"}},
		{"visibility, GitHub's audit log", audit, []string{`{"@timestamp":1795511701123,"action":"repo.access","actor":"ana","repo":"shop/api","visibility":"public"}`}, []string{"TM-GIT-002 shop/api"}},
		{"a tag is deleted", hookLines, []string{push("refs/tags/v1.0", a, zero, false)}, []string{"TM-GIT-003 shop/api"}},
		{"a branch is deleted", hookLines, []string{push("refs/heads/topic", a, zero, false)}, nil},
		{"a protected branch is deleted", hookLines, []string{`{"object_kind":"push","before":"` + a + `","after":"` + zero + `","ref":"refs/heads/topic","ref_protected":true,"project":{"path_with_namespace":"shop/api"}}`}, []string{"TM-GIT-003 shop/api"}},
		{"a repository is deleted", audit, []string{`{"@timestamp":1795511701123,"action":"repo.destroy","actor":"ana","repo":"shop/api"}`}, []string{"TM-GIT-003 shop/api"}},
		{"many clones", audit, clones, []string{"TM-GIT-004 shop/r20"}},
		{"a few clones", audit, clones[:20], nil},
		{"a fetch through a web server", web, []string{`198.51.100.7 - ana [24/Nov/2026:09:15:01 +0000] "POST /shop/api.git/git-upload-pack HTTP/1.1" 200 61 "-" "git/2.47.1"`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := chainAlerts(t, c.input, c.lines...); !slices.Equal(got, c.want) {
				t.Errorf("fired are %q, want %q", got, c.want)
			}
		})
	}
}
