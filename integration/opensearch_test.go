//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
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

const opensearchPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies><dependency><groupId>org.opensearch</groupId><artifactId>opensearch</artifactId><version>2.19.1</version></dependency>
<dependency><groupId>org.opensearch.plugin</groupId><artifactId>transport-netty4-client</artifactId><version>2.19.1</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.21.0</version></dependency></dependencies></project>`

// opensearchMain starts a node as its own launcher does, with the one module that
// listens.
const opensearchMain = `
import java.util.*;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;
public class Server extends Node {
  Server(Settings s) { super(InternalSettingsPreparer.prepareEnvironment(s, Map.of(), null, () -> "n"), List.<Class<? extends Plugin>>of(Netty4Plugin.class), false); }
  public static void main(String[] a) throws Exception {
    new Server(Settings.builder().put("path.home", a[0]).put("node.name", "n").put("cluster.name", "c").put("discovery.type", "single-node")
      .put("http.port", a[1]).put("transport.port", a[2]).put("network.host", "127.0.0.1").put("transport.type", "netty4").put("http.type", "netty4")
      .put("cluster.routing.allocation.disk.threshold_enabled", false).build()).start();
    Thread.currentThread().join();
  }
}
`

// openSearch is one real node, whose data outlives a kill.
type openSearch struct {
	t         *testing.T
	dir, path string
	port      int
	peers     int
	cmd       *exec.Cmd
}

// newOpenSearch fetches OpenSearch through Maven and starts it.
func newOpenSearch(t *testing.T) *openSearch {
	t.Helper()
	long(t, "OpenSearch takes minutes to fetch and to run")
	for _, p := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("NOT RUN: OpenSearch needs %s, which is missing", p)
		}
	}
	ports := freePorts(t, 2)
	o := &openSearch{t: t, dir: t.TempDir(), port: ports[0], peers: ports[1]}
	write(t, filepath.Join(o.dir, "pom.xml"), opensearchPom)
	mvn := exec.Command("mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=cp", "-DincludeScope=runtime")
	mvn.Dir = o.dir
	if out, err := mvn.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: OpenSearch cannot be fetched through Maven: %v\n%s", err, tail(out))
	}
	cp, err := os.ReadFile(filepath.Join(o.dir, "cp"))
	if err != nil {
		t.Fatal(err)
	}
	o.path = string(cp) + ":" + o.dir
	source := write(t, filepath.Join(o.dir, "Server.java"), opensearchMain)
	if out, err := exec.Command("javac", "-proc:none", "-cp", string(cp), "-d", o.dir, source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, tail(out))
	}
	write(t, filepath.Join(o.dir, "home", "config", "empty"), "")
	o.start()
	t.Cleanup(o.kill)
	return o
}

func (o *openSearch) start() {
	o.t.Helper()
	o.cmd = exec.Command("java", "-Xmx1g", "-Dlog4j2.level=error", "-cp", o.path, "Server", filepath.Join(o.dir, "home"), fmt.Sprint(o.port), fmt.Sprint(o.peers))
	log, err := os.OpenFile(filepath.Join(o.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	o.cmd.Stdout, o.cmd.Stderr = log, log
	if err := o.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	eventually(o.t, "OpenSearch answers", 2*time.Minute, func() bool {
		_, status := o.try("GET", "/_cluster/health?wait_for_status=yellow&timeout=5s", "")
		return status == http.StatusOK
	})
}

func (o *openSearch) kill() {
	_ = o.cmd.Process.Signal(syscall.SIGKILL)
	_ = o.cmd.Wait()
}

// try makes one request; status 0 is no answer.
func (o *openSearch) try(method, path, body string) (string, int) {
	req, err := http.NewRequest(method, fmt.Sprintf("http://127.0.0.1:%d%s", o.port, path), strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", 0
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0
	}
	return string(text), resp.StatusCode
}

// do makes one request that has to succeed, and reads its answer.
func (o *openSearch) do(method, path, body string, into any) {
	o.t.Helper()
	text, status := o.try(method, path, body)
	if status/100 != 2 {
		o.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(into); err != nil {
		o.t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
}

// count is how many events there are, 0 while it is away.
func (o *openSearch) count() int {
	o.try("POST", "/audit-*/_refresh", "")
	text, _ := o.try("GET", "/audit-*/_count", "")
	var said struct{ Count int }
	_ = json.Unmarshal([]byte(text), &said)
	return said.Count
}

// stored is how often each line is there, and how many ids there are.
func (o *openSearch) stored() (lines map[string]int, ids int) {
	o.t.Helper()
	o.try("POST", "/audit-*/_refresh", "")
	lines = map[string]int{}
	seen := map[string]bool{}
	var page struct {
		Scroll string `json:"_scroll_id"`
		Hits   struct {
			Hits []struct {
				ID     string `json:"_id"`
				Source struct {
					Message string
					Event   struct{ ID string }
				} `json:"_source"`
			}
		}
	}
	o.do("POST", "/audit-*/_search?scroll=2m", `{"size":10000,"sort":["_doc"],"_source":["message","event.id"]}`, &page)
	for len(page.Hits.Hits) > 0 {
		for _, h := range page.Hits.Hits {
			if h.ID != h.Source.Event.ID {
				o.t.Fatalf("the document %s is of the event %s", h.ID, h.Source.Event.ID)
			}
			seen[h.ID] = true
			if len(h.Source.Message) >= 11 {
				lines[h.Source.Message[:11]]++
			}
		}
		scroll := page.Scroll
		page.Hits.Hits = nil
		o.do("POST", "/_search/scroll", fmt.Sprintf(`{"scroll":"2m","scroll_id":%q}`, scroll), &page)
	}
	return lines, len(seen)
}

const opensearchConf = `
journal: {dir: journal, max_size: 512MiB, segment_size: 16MiB}
admin: {listen: off}
grace: 20s
inputs:
  lines: {type: file, path: [%s], decode: plain}
outputs:
  search: {type: http, preset: opensearch, url: ["http://127.0.0.1:%d"], index: "audit-{{ event.dataset }}", batch: {events: 2000, bytes: 1MiB, wait: 100ms}}
`

// TestOpenSearchRestarts sends 100,000 events into a data stream of a real
// OpenSearch that is killed and started again twice meanwhile. Each is there, and
// once: what is sent again has the same id, and create does nothing with it.
func TestOpenSearchRestarts(t *testing.T) {
	const total = 100_000
	o := newOpenSearch(t)
	var ignored map[string]any
	o.do("PUT", "/_index_template/audit", `{"index_patterns":["audit-*"],"data_stream":{},"template":{"settings":{"number_of_replicas":0},"mappings":{"dynamic_templates":[{"text":{"match_mapping_type":"string","mapping":{"type":"keyword","ignore_above":1024}}}],"properties":{"@timestamp":{"type":"date"},"message":{"type":"match_only_text"}}}}}`, &ignored)
	dir := t.TempDir()
	log := filepath.Join(dir, "lines.log")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(opensearchConf, log, o.port))
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	more := func(from, to int) {
		w := bufio.NewWriter(f)
		for i := from; i < to; i++ {
			_, _ = fmt.Fprintf(w, "line-%06d of the log\n", i)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	more(0, total/4)
	cmd := launch(t, conf)
	for n := 1; n <= 2; n++ {
		before := o.count()
		more(n*total/4, (n+1)*total/4) // under way when it is killed
		eventually(t, "more is stored", 2*time.Minute, func() bool { return o.count() >= before+5000 })
		t.Logf("killed with %d events stored", o.count())
		o.kill()
		time.Sleep(500 * time.Millisecond) // it is away for a while
		o.start()
	}
	more(3*total/4, total)
	eventually(t, "everything is stored", 4*time.Minute, func() bool { return o.count() >= total })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("tallyman ended with %v", err)
	}
	lines, ids := o.stored()
	missing, twice := 0, 0
	for i := range total {
		switch n := lines[fmt.Sprintf("line-%06d", i)]; {
		case n == 0:
			missing++
		case n > 1:
			twice++
		}
	}
	if missing > 0 || twice > 0 || len(lines) != total || ids != total {
		t.Errorf("of %d events %d are missing and %d there more than once; there are %d lines and %d ids", total, missing, twice, len(lines), ids)
	}
	out, err := exec.Command(program(t), "ledger", "--config", conf).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprint(total)) {
		t.Errorf("the books: %v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestOpenSearchRefusals: what a mapping does not take is refused alone, a probe
// leaves nothing, and the rest is stored.
func TestOpenSearchRefusals(t *testing.T) {
	o := newOpenSearch(t)
	var ignored map[string]any
	o.do("PUT", "/_index_template/audit", `{"index_patterns":["audit-*"],"template":{"mappings":{"properties":{"message":{"type":"long"}}}}}`, &ignored)
	dir := t.TempDir()
	log := write(t, filepath.Join(dir, "lines.log"), "1\n2\nthree\n4\n")
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(opensearchConf, log, o.port))
	cmd := launch(t, conf)
	defer func() {
		if t.Failed() {
			text, _ := o.try("GET", "/audit-*/_search?size=5", "")
			t.Logf("there are %d: %s", o.count(), text)
		}
	}()
	eventually(t, "the others are stored", time.Minute, func() bool { return o.count() == 3 })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("tallyman ended with %v", err)
	}
	out, err := exec.Command(program(t), "deadletter", "list", "--config", conf).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "mapper_parsing_exception") {
		t.Errorf("the dead letters: %v\n%s", err, out)
	}
}

// TestOpenSearchTemplate: the index template that is shipped is taken by a real OpenSearch,
// and every event of a host's audit log fits it, also one whose labels are longer than a
// term may be.
func TestOpenSearchTemplate(t *testing.T) {
	o := newOpenSearch(t)
	template, err := os.ReadFile("../configs/receivers/opensearch-index-template.json")
	if err != nil {
		t.Fatal(err)
	}
	var ignored map[string]any
	o.do("PUT", "/_index_template/tallyman", string(template), &ignored)
	dir := t.TempDir()
	packed, err := exec.Command("gzip", "-dc", "../configs/demo/audit.log.gz").Output()
	if err != nil {
		t.Fatal(err)
	}
	log := write(t, filepath.Join(dir, "audit.log"), string(packed))
	lines := write(t, filepath.Join(dir, "lines.log"), fmt.Sprintf(`{"message":"long","labels":{"a":%q},"process":{"name":%q}}`+"\n", strings.Repeat("x", 40_000), strings.Repeat("y", 40_000)))
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal}
admin: {listen: off}
grace: 2m
labels: {long: %q}
inputs:
  audit: {type: auditd, path: %s}
  lines: {type: file, path: [%s], decode: json}
transforms:
  - {type: audit}
  - {type: container}
  - {type: rules, files: [%s]}
outputs:
  search: {type: http, preset: opensearch, url: ["http://127.0.0.1:%d"], index: "logs-tallyman.{{ event.module }}-default"}
`, strings.Repeat("z", 40_000), log, lines, mustAbs(t, "../configs/rules/*.yaml"), o.port))
	if out, err := exec.Command(program(t), "run", "--once", "--config", conf).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
	if out, err := exec.Command(program(t), "deadletter", "list", "--config", conf).CombinedOutput(); err != nil || !strings.Contains(string(out), "no dead letters") && !strings.Contains(string(out), "There are no") {
		t.Errorf("some were refused (%v):\n%s", err, tail(out))
	}
	o.try("POST", "/logs-tallyman.*/_refresh", "")
	var found struct{ Count int }
	o.do("GET", "/logs-tallyman.*/_count?q=event.dataset:auditd.log%20AND%20event.kind:event", "", &found)
	if found.Count < 5000 {
		t.Errorf("%d events are found by their dataset", found.Count)
	}
	o.do("GET", "/logs-tallyman.*/_count?q=process.pid:%5B1%20TO%20*%5D%20AND%20event.action:executed", "", &found)
	if found.Count == 0 {
		t.Error("no event is found by a number and a word")
	}
	o.do("GET", "/logs-tallyman.*/_count?q=tallyman.input:lines", "", &found)
	if found.Count != 1 {
		t.Errorf("%d events with a long label, of one", found.Count)
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
