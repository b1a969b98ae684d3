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

// registryAlerts runs lines of a registry through the decoder, the rules and an output, and
// returns the ids of the alerts with what they are about.
func registryAlerts(t *testing.T, lines ...string) (alerts []string) {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("../../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	path := conf(t, dir, fmt.Sprintf(`journal: {dir: journal}
admin: {listen: off}
inputs:
  images: {type: registry, path: [registry.log]}
transforms:
  - {type: rules, files: [%s/*.yaml]}
outputs:
  out: {type: file, path: out.json, format: json}
`, rules))
	if err := os.WriteFile(filepath.Join(dir, "registry.log"), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
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
			Rule struct{ ID string }
			OCI  struct{ Repository, Tag string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Rule.ID != "" {
			alerts = append(alerts, e.Rule.ID+" "+e.OCI.Repository+":"+e.OCI.Tag)
		}
	}
	slices.Sort(alerts)
	return alerts
}

// TestRegistryRules: the rules TM-REG-* fire on what registries write, and only on
// what they are about.
func TestRegistryRules(t *testing.T) {
	push := func(id, digest, tag, user, addr string) string {
		return fmt.Sprintf(`{"events":[{"id":%q,"timestamp":"2026-11-25T10:00:00Z","action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":480,"digest":%q,"repository":"shop/api","tag":%q,"url":"http://r.example/v2/shop/api/manifests/%s"},"request":{"id":%q,"addr":%q,"host":"r.example","method":"PUT"},"actor":{"name":%q}}]}`, id, digest, tag, digest, id, addr, user)
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"a push by the build network", []string{push("1", "sha256:a", "1.4.2", "ci", "10.2.3.4:5")}, nil},
		{"the same again", []string{push("1", "sha256:a", "1.4.2", "ci", "10.2.3.4:5"), push("2", "sha256:a", "1.4.2", "ci", "10.2.3.4:5")}, nil},
		{"a tag that moves", []string{push("1", "sha256:a", "1.4.2", "ci", "10.2.3.4:5"), push("2", "sha256:b", "1.4.2", "ci", "10.2.3.4:5")}, []string{"TM-REG-001 shop/api:1.4.2"}},
		{"latest moves", []string{push("1", "sha256:a", "latest", "ci", "10.2.3.4:5"), push("2", "sha256:b", "latest", "ci", "10.2.3.4:5")}, nil},
		{"a delete", []string{`{"events":[{"id":"3","timestamp":"2026-11-25T10:00:00Z","action":"delete","target":{"digest":"sha256:a","repository":"shop/api"},"request":{"addr":"10.2.3.4:5"},"actor":{"name":"ana"}}]}`}, []string{"TM-REG-002 shop/api:"}},
		{"a push from elsewhere", []string{push("1", "sha256:a", "1.4.2", "ci", "203.0.113.9:5")}, []string{"TM-REG-003 shop/api:1.4.2"}},
		{"a push by nobody", []string{push("1", "sha256:a", "1.4.2", "", "10.2.3.4:5")}, []string{"TM-REG-003 shop/api:1.4.2"}},
		{"a layer by nobody", []string{`{"events":[{"id":"4","timestamp":"2026-11-25T10:00:00Z","action":"push","target":{"mediaType":"application/octet-stream","digest":"sha256:c","repository":"shop/api","url":"http://r.example/v2/shop/api/blobs/sha256:c"},"actor":{}}]}`}, nil},
		{"an access log, which names nobody", []string{`10.0.0.9 - - [25/Nov/2026:10:00:01 +0000] "PUT /v2/shop/api/manifests/1.4.2 HTTP/1.1" 201 0 "" "docker/28.5"`}, nil},
		{"a delete in an access log", []string{`10.0.0.9 - - [25/Nov/2026:10:00:01 +0000] "DELETE /v2/shop/api/manifests/sha256:a HTTP/1.1" 202 0 "" "curl/8"`}, []string{"TM-REG-002 shop/api:"}},
		{"Harbor deletes", []string{`{"type":"DELETE_ARTIFACT","occur_at":1795600002,"operator":"ana","event_data":{"resources":[{"digest":"sha256:a","tag":"3.8","resource_url":"h.example/shop/api:3.8"}],"repository":{"name":"api","namespace":"shop","repo_full_name":"shop/api","repo_type":"public"}}}`}, []string{"TM-REG-002 shop/api:3.8"}},
		{"Artifactory, from elsewhere", []string{`2026-11-25T10:00:00.065Z [7fb3] [ACCEPTED DEPLOY] docker-local:shop/api/1.4.2/manifest.json for client : ci / 203.0.113.9.`}, []string{"TM-REG-003 docker-local/shop/api:1.4.2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := registryAlerts(t, c.lines...); !slices.Equal(got, c.want) {
				t.Errorf("fired are %q, want %q", got, c.want)
			}
		})
	}
}
