//go:build integration

package integration

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

const deploy = "../configs/deploy/"

// made runs `make TARGET` in the repository.
func made(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("make", args...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %v: %v\n%s", args, err, tail(out))
	}
}

// says runs a program that has to succeed and returns what it says.
func says(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, tail(out))
	}
	return string(out)
}

// TestUnit: systemd understands every line of the unit, and its exposure is 2.5 or less.
func TestUnit(t *testing.T) {
	analyze := need(t, "systemd-analyze", "systemd")
	text, err := os.ReadFile(deploy + "systemd/tallyman.service")
	if err != nil {
		t.Fatal(err)
	}
	// verify wants the program to be there, which no test installs.
	here := strings.ReplaceAll(string(text), "/usr/bin/tallyman", program(t))
	if out := says(t, analyze, "verify", write(t, filepath.Join(t.TempDir(), "tallyman.service"), here)); out != "" {
		t.Errorf("systemd-analyze verify says:\n%s", out)
	}
	says(t, analyze, "security", "--offline=true", "--threshold=25", deploy+"systemd/tallyman.service")
	bad := strings.Replace(here, "UMask=", "UMaskk=", 1)
	if out := says(t, analyze, "verify", write(t, filepath.Join(t.TempDir(), "tallyman.service"), bad)); out == "" {
		t.Error("verify says nothing of an unknown key, so its silence means nothing")
	}
}

// TestAlertRules: promtool takes the rules, and each fires when its test says so.
func TestAlertRules(t *testing.T) {
	promtool := need(t, "promtool", "prometheus")
	says(t, promtool, "check", "rules", deploy+"prometheus/tallyman.rules.yaml")
	says(t, promtool, "test", "rules", deploy+"prometheus/tallyman.rules.test.yaml")
}

// packageSteps are run in a copy of this machine's file system that is thrown away.
const packageSteps = `set -e
mount -t tmpfs tmpfs "$DIR"; mkdir "$DIR/upper" "$DIR/work" "$DIR/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$DIR/upper,workdir=$DIR/work" "$DIR/root"
cp "$OLD" "$DIR/root/old.deb"; cp "$NEW" "$DIR/root/new.deb"
inside() { chroot "$DIR/root" "$@"; }
inside dpkg --force-confold -i /old.deb
inside sh -c 'su -s /bin/sh tallyman -c "tallyman validate"' 2>/dev/null
inside sh -c 'echo kept > /var/lib/tallyman/journal.file; echo "# mine" >> /etc/tallyman/tallyman.yaml'
inside dpkg --force-confold -i /new.deb
inside tallyman version
inside grep -q '# mine' /etc/tallyman/tallyman.yaml && echo "upgrade kept the configuration"
inside grep -q kept /var/lib/tallyman/journal.file && echo "upgrade kept the journal"
inside stat -c 'owned by %U, mode %a' /var/lib/tallyman
inside dpkg -r tallyman
inside test ! -e /usr/bin/tallyman && inside grep -q kept /var/lib/tallyman/journal.file && echo "removal kept the journal"
inside dpkg -P tallyman
inside test ! -e /etc/tallyman/tallyman.yaml && inside grep -q kept /var/lib/tallyman/journal.file && echo "purge kept the journal"
`

// TestPackages: the deb installs, upgrades and goes, and nothing of it takes the
// journal along. The rpm is made; no rpm is here to install it.
func TestPackages(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil || os.Geteuid() != 0 {
		t.Skip("NOT RUN: installing the deb takes dpkg and root")
	}
	dir := t.TempDir()
	for _, version := range []string{"1.0.0", "1.0.1"} {
		made(t, "package", "VERSION="+version, "ARCH=amd64")
	}
	pkg, err := filepath.Abs("../build/package")
	if err != nil {
		t.Fatal(err)
	}
	manuals(t, pkg+"/tallyman_1.0.1_amd64.deb")
	cmd := exec.Command("unshare", "--mount", "bash", "-c", packageSteps)
	cmd.Env = append(os.Environ(), "DIR="+dir, "OLD="+pkg+"/tallyman_1.0.0_amd64.deb", "NEW="+pkg+"/tallyman_1.0.1_amd64.deb")
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(string(out), "mount:") {
		t.Skipf("NOT RUN: no overlay may be mounted here:\n%s", tail(out))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
	for _, want := range []string{"does not run yet", "/etc/tallyman/tallyman.yaml is valid", "tallyman 1.0.1", "upgrade kept the configuration",
		"upgrade kept the journal", "owned by tallyman, mode 700", "removal kept the journal", "purge kept the journal"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nothing says %q:\n%s", want, out)
		}
	}
	if n := strings.Count(string(out), "does not run yet"); n != 1 {
		t.Errorf("the hint of a first installation is given %d times", n)
	}
}

// manuals wants a page for each verb in a package, each one that man's index can read
// where there is a man.
func manuals(t *testing.T, deb string) {
	t.Helper()
	dir := t.TempDir()
	says(t, program(t), "man", "--dir", dir)
	pages, err := filepath.Glob(dir + "/*.1")
	if err != nil || len(pages) < 40 {
		t.Fatalf("%d pages are written: %v", len(pages), err)
	}
	says(t, "dpkg-deb", "-x", deb, dir+"/deb")
	lexgrog, none := exec.LookPath("lexgrog")
	for _, page := range pages {
		packed := dir + "/deb/usr/share/man/man1/" + filepath.Base(page) + ".gz"
		if _, err := os.Stat(packed); err != nil {
			t.Errorf("the package lacks a page: %v", err)
		} else if none == nil {
			says(t, lexgrog, packed)
		}
	}
}

// TestRelease: two builds of a release are the same bytes.
func TestRelease(t *testing.T) {
	var sums [2]string
	for i := range sums {
		made(t, "release", "VERSION=1.2.3")
		b, err := os.ReadFile("../build/release/SHA256SUMS")
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(b)
	}
	if sums[0] != sums[1] {
		t.Errorf("one release and another:\n%s\n%s", sums[0], sums[1])
	}
	if n := strings.Count(sums[0], "\n"); n != 7 {
		t.Errorf("a release has %d files, want 7:\n%s", n, sums[0])
	}
}

// dockerWithImage starts an engine of its own with the image tallyman:1.0.0.
func dockerWithImage(t *testing.T) func(args ...string) (string, error) {
	t.Helper()
	need(t, "dockerd", "docker.io")
	dir := t.TempDir()
	sock := "unix://" + dir + "/sock"
	start(t, exec.Command("dockerd", "--iptables=false", "--bridge=none", "--data-root="+dir+"/data", "--exec-root="+dir+"/exec",
		"--pidfile="+dir+"/pid", "-H", sock))
	docker := func(args ...string) (string, error) {
		out, err := exec.Command("docker", append([]string{"-H", sock}, args...)...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	eventually(t, "docker answers", 60e9, func() bool { _, err := docker("version"); return err == nil })
	made(t, "image", "VERSION=1.0.0", fmt.Sprintf("DOCKER=docker -H %s", sock))
	return docker
}

// TestImage: the image runs as nobody, on a read-only root, and says that it is ready.
func TestImage(t *testing.T) {
	docker := dockerWithImage(t)
	id, err := docker("run", "-d", "--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "tallyman:1.0.0")
	if err != nil {
		t.Fatal(err, id)
	}
	eventually(t, "the container is ready", 30e9, func() bool {
		out, err := docker("exec", id, "/tallyman", "status")
		return err == nil && strings.Contains(out, "tallyman 1.0.0, pid 1") && strings.Contains(out, "ready")
	})
	if out, err := docker("exec", id, "/tallyman", "query", "--format", "json", `event.action == "agent-started"`); err != nil || !strings.Contains(out, `"reason":"first-start"`) {
		t.Errorf("it does not say that it started: %v\n%s", err, out)
	}
	if out, err := docker("inspect", "-f", "{{.Config.User}}", id); err != nil || out != "65532:65532" {
		t.Errorf("it runs as %q: %v", out, err)
	}
	if out, err := docker("stop", "-t", "20", id); err != nil {
		t.Error(err, out)
	}
	if out, err := docker("inspect", "-f", "{{.State.ExitCode}}", id); err != nil || out != "0" {
		t.Errorf("it ended with %q: %v", out, err)
	}
}

// TestCompose: what compose.yaml makes of the image, with its user, capabilities and
// volumes, becomes ready, writes events, and finds its journal again.
func TestCompose(t *testing.T) {
	docker := dockerWithImage(t)
	text, err := os.ReadFile(deploy + "compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Command, Volumes []string
			CapAdd           []string `yaml:"cap_add"`
			CapDrop          []string `yaml:"cap_drop"`
			SecurityOpt      []string `yaml:"security_opt"`
			User, Pid        string
			ReadOnly         bool `yaml:"read_only"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	s := file.Services["tallyman"]
	if len(s.CapAdd) == 0 || len(s.CapDrop) == 0 || len(s.SecurityOpt) == 0 || len(s.Volumes) < 4 || !s.ReadOnly || s.Pid == "" {
		t.Fatalf("the service is read as %+v", s)
	}
	folder, err := filepath.Abs(deploy + "compose")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "-d", "--network=none", "--read-only", "--user=" + s.User, "--pid=" + s.Pid}
	for flag, list := range map[string][]string{"--cap-add=": s.CapAdd, "--cap-drop=": s.CapDrop, "--security-opt=": s.SecurityOpt, "--volume=": s.Volumes} {
		for _, v := range list {
			args = append(args, flag+strings.Replace(v, "./", folder+"/", 1))
		}
	}
	args = append(append(args, "tallyman:1.0.0"), s.Command...)
	conf := s.Command[len(s.Command)-1]
	for _, reason := range []string{"first-start", "clean-stop"} {
		id, err := docker(args...)
		if err != nil {
			t.Fatal(err, id)
		}
		t.Cleanup(func() { _, _ = docker("rm", "-f", id) })
		eventually(t, "the service is ready", 30e9, func() bool {
			out, err := docker("exec", id, "/tallyman", "status", "--config", conf)
			return err == nil && strings.Contains(out, "ready")
		})
		if out, err := docker("exec", id, "/tallyman", "query", "--config", conf, "--format", "json", `event.action == "agent-started"`); err != nil || !strings.Contains(out, `"reason":"`+reason+`"`) {
			t.Errorf("it does not say %s: %v\n%s", reason, err, out)
		}
		if out, err := docker("stop", "-t", "20", id); err != nil {
			t.Error(err, out)
		}
	}
}

// TestChart: helm finds nothing wrong with the chart and renders every part of it.
func TestChart(t *testing.T) {
	helm, err := exec.LookPath(cmp.Or(os.Getenv("HELM"), "helm"))
	if err != nil {
		long(t, "helm is missing, and its build takes minutes (HELM=/path/to/helm names one that is there)")
		helm = goProgram(t, "helm", "helm.sh/helm/v3/cmd/helm@v3.20.0")
	}
	chart := deploy + "helm/tallyman"
	says(t, helm, "lint", "--strict", chart)
	out := says(t, helm, "template", "t", chart, "--kube-version", "1.30.0", "--set", "aggregator.enabled=true,podMonitor.enabled=true,prometheusRule.enabled=true,secrets={hec}")
	for _, kind := range []string{"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ConfigMap", "DaemonSet", "StatefulSet", "PodDisruptionBudget", "PodMonitor", "PrometheusRule"} {
		if !strings.Contains(out, "\nkind: "+kind+"\n") {
			t.Errorf("the chart makes no %s", kind)
		}
	}
	if strings.Contains(out, "privileged: true") || !strings.Contains(out, `secretName: "hec"`) {
		t.Errorf("it is privileged, or lacks its secret:\n%s", out)
	}
	if out := says(t, helm, "template", "t", chart, "--kube-version", "1.30.0", "--set", "node.enabled=false"); strings.Contains(out, "kind:") {
		t.Errorf("with nothing switched on it makes:\n%s", out)
	}
}

// TestMetricsByConvention: promtool finds nothing to say of the names, units and help
// of what a running program serves, with the parts that count most in their own ways.
func TestMetricsByConvention(t *testing.T) {
	promtool := need(t, "promtool", "prometheus")
	dir, address := t.TempDir(), freeAddr(t)
	rules, err := filepath.Abs("../configs/rules")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "audit.log"), demoLog(t, "../configs/demo/audit.log.gz"))
	start(t, exec.Command(program(t), "run", "--config", write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: { dir: journal, max_size: 64MiB, min_free: 0B }
admin: { listen: %[1]q }
log: { level: error }
inputs:
  audit: { type: auditd, path: audit.log }
  engine: { type: docker, host: "unix://%[2]s/none.sock", stats: { every: 1s, thresholds: { memory: 0.5 } } }
transforms:
  - { type: audit }
  - { type: container, connector: "off" }
  - { type: rules, files: ["%[3]s/*.yaml"] }
outputs:
  archive: { type: file, path: events.json, format: json }
  web: { type: http, preset: array, url: ["http://%[4]s/"] }
  siem: { type: syslog, address: "tcp://%[4]s", format: cef, window: 1MiB }
`, address, dir, rules, freeAddr(t)))))
	eventually(t, "the log is delivered", 60*time.Second, func() bool {
		return metrics(address)[`tallyman_input_records_total{input="audit"}`] > 20_000
	})
	r, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tallyman_http_requests_total", "tallyman_http_sent_bytes_total", "tallyman_syslog_resent_total", "tallyman_syslog_connects_total",
		"tallyman_input_docker_poll_failures_total", "tallyman_rules_matches_total", "tallyman_rule_state_evicted_total"} {
		if !strings.Contains(string(page), "# HELP "+name+" ") {
			t.Errorf("%s is not served, so nothing is known of it", name)
		}
	}
	check := func(text string) (string, error) {
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(string(page)); err != nil || out != "" {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	if out, err := check(strings.ReplaceAll(string(page), "tallyman_http_requests_total", "tallyman_http_requests")); err == nil || !strings.Contains(out, "tallyman_http_requests") {
		t.Errorf("promtool says nothing of a counter without _total, so its silence means nothing: %v\n%s", err, out)
	}
}
