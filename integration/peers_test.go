//go:build peers

// Package integration, peers: what tallyman costs beside LAUREL and beside the
// bare limit, in one run on one core. `make bench-peers` prints a table.
package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// yardsticks is where the measuring programs are: a generator of logs, a checker
// and two prototypes of the bare limit.
var yardsticks = env("YARDSTICKS", "../../shared/lab/perf")

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// contender is one program that does the job, and what it needs.
type contender struct {
	name string
	args []string
	feed bool // it takes the log on standard input
	dir  string
	pre  func() error
}

// TestPeers runs the contenders in turn, as often as PEERS_ROUNDS says, over a
// log of PEERS_MIB, and prints the medians of their processor time. It asserts
// what a measurement can rest on: every serial exactly once, in valid JSON.
func TestPeers(t *testing.T) {
	dir := t.TempDir()
	tools := buildTools(t, dir)
	rounds, err := strconv.Atoi(env("PEERS_ROUNDS", "5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"raw", "enriched"} {
		log := filepath.Join(dir, form+".log")
		last := generate(t, tools, log, form == "enriched")
		checkSerials(t, tools, dir, log, last)
		table(t, form, log, measure(t, contenders(t, tools, dir, log), log, rounds))
	}
}

func buildTools(t *testing.T, dir string) map[string]string {
	t.Helper()
	if _, err := os.Stat(yardsticks); err != nil {
		t.Skipf("NOT RUN: the yardsticks are not at %s (set YARDSTICKS): %v", yardsticks, err)
	}
	tools := map[string]string{"tallyman": os.Getenv("TALLYMAN")}
	if tools["tallyman"] == "" {
		t.Skip("NOT RUN: TALLYMAN does not name the program; use `make bench-peers`")
	}
	for _, name := range []string{"gen", "check", "protobench", "pipe"} {
		out := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", out, "./"+name)
		cmd.Dir = yardsticks
		if name == "pipe" {
			cmd.Dir, cmd.Args = filepath.Join(yardsticks, "pipe"), []string{"go", "build", "-o", out, "."}
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Logf("NOT MEASURED: %s does not build: %v\n%s", name, err, text)
			continue
		}
		tools[name] = out
	}
	if path, err := exec.LookPath("laurel"); err == nil {
		tools["laurel"] = path
	} else {
		t.Log("NOT MEASURED: laurel is not installed (Debian: apt-get install laurel)")
	}
	return tools
}

// generate writes a log and returns its last serial; the first is 1001.
func generate(t *testing.T, tools map[string]string, log string, enriched bool) string {
	t.Helper()
	f, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(tools["gen"], "-kind", "audit", "-eoe", "-enriched="+strconv.FormatBool(enriched), "-size", env("PEERS_MIB", "64")+"M")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = f, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	t.Logf("the log: %s", strings.TrimSpace(said.String()))
	var made struct {
		Last int `json:"last_serial"`
	}
	if err := json.Unmarshal([]byte(said.String()), &made); err != nil || made.Last == 0 {
		t.Fatalf("the generator does not say the range of serials: %s (%v)", &said, err)
	}
	return strconv.Itoa(made.Last)
}

// Secrets are left as they are: no other contender replaces any.
const inputs = "redact: off\nadmin: {listen: off}\nlog: {level: error}\ninputs:\n  audit: {type: auditd, path: %s}\n"

// ten are rules as people write them; most have no match in most events.
const ten = `rules:
- {id: P-001, title: a, severity: low, condition: 'event.action == "executed" && process.name == "nc"'}
- {id: P-002, title: b, severity: low, condition: 'process.executable startsWith "/tmp/"'}
- {id: P-003, title: c, severity: low, condition: 'user.id == "0" && process.name in ["bash", "sh", "dash"] && process.parent.name == "httpd"'}
- {id: P-004, title: d, severity: low, condition: 'any(process.args, # contains "/etc/shadow")'}
- {id: P-005, title: e, severity: low, condition: 'file.path startsWith "/etc/" && event.outcome == "failure"'}
- {id: P-006, title: f, severity: low, condition: 'process.command_line matches "curl .*[|] *(ba)?sh"'}
- {id: P-007, title: g, severity: low, condition: 'destination.port in [4444, 1337, 31337]'}
- {id: P-008, title: h, severity: low, condition: '"authentication" in event.category && event.outcome == "failure"'}
- {id: P-009, title: i, severity: low, condition: 'container.id != "" && process.name == "mount"'}
- {id: P-010, title: j, severity: low, condition: 'event.action in ["loaded-kernel-module", "unloaded-kernel-module"]'}
`

func contenders(t *testing.T, tools map[string]string, dir, log string) []contender {
	t.Helper()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	head := fmt.Sprintf(inputs, log)
	dry := write("a1.yaml", "journal: {dir: "+dir+"/none}\n"+head+"transforms: [{type: audit}, {type: container}]\noutputs: {o: {type: stdout, format: json}}\n")
	full := write("a2.yaml", "journal: {dir: "+dir+"/journal, max_size: 8GiB}\n"+head+
		"transforms: [{type: audit}, {type: container}, {type: rules, files: ["+write("ten.yaml", ten)+"]}]\noutputs: {o: {type: stdout, format: json}}\n")
	again := func() error { return os.RemoveAll(filepath.Join(dir, "journal")) }
	list := []contender{
		{name: "A1: JSON", args: []string{tools["tallyman"], "run", "--once", "--dry-run", "--as", "json", "-c", dry}},
		{name: "A2: 10 rules, journal, JSON", args: []string{tools["tallyman"], "run", "--once", "-c", full}, pre: again},
		{name: "B: CEF", args: []string{tools["tallyman"], "run", "--once", "--dry-run", "--as", "cef", "-c", dry}},
	}
	if p := tools["protobench"]; p != "" {
		list = append(list, contender{name: "bare tokenizer, JSON", args: []string{p, "-mode", "json", log}})
	}
	if p := tools["pipe"]; p != "" {
		list = append(list, contender{name: "pipe, 10 rules, zstd segment", args: []string{p, "-rules", "10", "-zstd", "-seg", filepath.Join(dir, "seg"), log}})
	}
	if p := tools["laurel"]; p != "" {
		out := filepath.Join(dir, "laurel.d")
		conf := write("laurel.toml", "directory = \""+out+"\"\nstatusreport-period = 0\ninput = \"stdin\"\n[auditlog]\nfile = \"out.log\"\nsize = 10000000000\ngenerations = 1\n[transform]\nexecve-argv = [ \"array\" ]\n"+
			"[translate]\nuniversal = false\nuser-db = false\n[enrich]\nexecve-env = []\ncontainer = false\npid = false\nscript = false\nuser-groups = false\n")
		list = append(list, contender{name: "LAUREL, parsing only", args: []string{p, "-c", conf}, feed: true, pre: func() error {
			if err := os.RemoveAll(out); err != nil {
				return err
			}
			if err := os.Mkdir(out, 0o700); err != nil {
				return err
			}
			// A null device of its own: LAUREL changes the mode of what it writes to, and
			// that of /dev/null is everybody's.
			return unix.Mknod(filepath.Join(out, "out.log"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
		}})
	}
	return list
}

// checkSerials has the independent checker read what tallyman wrote.
func checkSerials(t *testing.T, tools map[string]string, dir, log, last string) {
	t.Helper()
	conf := filepath.Join(dir, "check.yaml")
	text := "journal: {dir: " + dir + "/none}\n" + fmt.Sprintf(inputs, log) + "transforms: [{type: audit}]\noutputs: {o: {type: stdout, format: json}}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "check.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(out.Name())
	cmd := exec.Command(tools["tallyman"], "run", "--once", "--dry-run", "--as", "json", "-c", conf)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(tools["check"], "-last", last, "-json", "-re", `"sequence":(\d+)`, out.Name()).CombinedOutput()
	if err != nil || !strings.Contains(string(said), " missing 0 duplicate 0 no-id 0 out-of-range 0 bad-json 0") {
		t.Errorf("the checker says %s %v", said, err)
	}
}

// measure returns the processor seconds of each round, by contender.
func measure(t *testing.T, list []contender, log string, rounds int) map[string][]float64 {
	t.Helper()
	if text, err := exec.Command("cat", log).Output(); err != nil || len(text) == 0 { // into the page cache
		t.Fatal(err)
	}
	used := map[string][]float64{}
	for range rounds {
		for _, c := range list {
			used[c.name] = append(used[c.name], once(t, c, log))
		}
	}
	return used
}

func once(t *testing.T, c contender, log string) float64 {
	t.Helper()
	if c.pre != nil {
		if err := c.pre(); err != nil {
			t.Fatal(err)
		}
	}
	cmd := onOneCore(c.args...)
	if c.feed {
		f, err := os.Open(log)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cmd.Stdin = f
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = nil, io.Writer(&said) // nil is the null device
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", c.name, err, &said)
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// table prints medians, and the medians of the ratios within a round.
func table(t *testing.T, form, log string, used map[string][]float64) {
	t.Helper()
	info, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	mb := float64(info.Size()) / 1e6
	names := []string{"A1: JSON", "A2: 10 rules, journal, JSON", "B: CEF", "bare tokenizer, JSON", "pipe, 10 rules, zstd segment", "LAUREL, parsing only"}
	fmt.Printf("\n%s, %.0f MB:\n\n| | CPU s | MB a CPU second |\n| --- | --- | --- |\n", form, mb)
	for _, n := range names {
		if list := used[n]; len(list) > 0 {
			m := median(list)
			fmt.Printf("| %s | %.2f | %.0f |\n", n, m, mb/m)
		}
	}
	ratio := func(what, over, under string, format string) {
		a, b := used[over], used[under]
		if len(a) == 0 || len(b) == 0 {
			return
		}
		var list []float64
		for i := range a {
			list = append(list, a[i]/b[i])
		}
		slices.Sort(list)
		fmt.Printf("| %s | "+format+" | "+format+" to "+format+" |\n", what, median(list), list[0], list[len(list)-1])
	}
	fmt.Print("\n| ratio | median | range |\n| --- | --- | --- |\n")
	ratio("A1: LAUREL / tallyman", names[5], names[0], "%.2f")
	ratio("A2: LAUREL / tallyman with 10 rules and the journal", names[5], names[1], "%.2f")
	ratio("A3: bare tokenizer / A1", names[3], names[0], "%.2f")
	ratio("A4: pipe / A2", names[4], names[1], "%.2f")
	ratio("B: own A1 / CEF", names[0], names[2], "%.2f")
}

func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}
