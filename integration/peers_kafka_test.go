//go:build peers

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// toKafka is one program that delivers the log to a topic of its own.
type toKafka struct {
	name, topic string
	args        []string
	ends        bool  // by itself, when all is delivered; otherwise it is stopped then
	messages    int64 // that one run adds
	pre         func() error
}

// TestPeersKafka has tallyman and rsyslog deliver the same lines of an audit log to
// a real broker, packed with zstd and confirmed by all replicas, in turn, as often
// as PEERS_ROUNDS says, each on one core. It asserts the number of messages of
// every run, and prints the medians of their processor time.
func TestPeersKafka(t *testing.T) {
	dir := t.TempDir()
	tools := buildTools(t, dir)
	rounds, err := strconv.Atoi(env("PEERS_ROUNDS", "5"))
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "audit.log")
	last, err := strconv.ParseInt(generate(t, tools, log, false), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	k := newKafka(t)
	list := kafkaContenders(t, k, dir, log, int64(bytes.Count(text, []byte("\n"))), last-1000)
	used, held := map[string][]float64{}, map[string]int64{}
	for range rounds {
		for _, c := range list {
			cpu, kib := c.once(t, k)
			used[c.name], held[c.name] = append(used[c.name], cpu), max(held[c.name], kib)
		}
	}
	kafkaTable(list, used, held, float64(len(text))/1e6)
}

const rsyslogToKafka = `module(load="imfile")
module(load="omkafka")
global(workDirectory="%[1]s")
template(name="line" type="string" string="%%msg%%")
input(type="imfile" File="%[2]s" Tag="audit" ruleset="kafka" addMetadata="off")
ruleset(name="kafka" queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1000") {
  action(type="omkafka" broker=["%[3]s"] topic="rsyslog" template="line" partitions.auto="on" resubmitOnFailure="on"
    confParam=["compression.codec=zstd", "acks=all"])
}
`

func kafkaContenders(t *testing.T, k *apacheKafka, dir, log string, lines, events int64) []toKafka {
	t.Helper()
	tallyman := func(name, topic, input, more, fields string, messages int64) toKafka {
		journal := filepath.Join(dir, "journal-"+topic)
		conf := write(t, filepath.Join(dir, topic+".yaml"), fmt.Sprintf(`journal: {dir: %s, max_size: 8GiB}
redact: off
admin: {listen: off}
log: {level: error}
inputs: {in: {%s}}
%soutputs: {kafka: {type: kafka, brokers: ["%s"], topic: %s, format: json%s}}
`, journal, input, more, k.addr, topic, fields))
		return toKafka{name: name, topic: topic, args: []string{program(t), "run", "--once", "--config", conf}, ends: true, messages: messages,
			pre: func() error { return os.RemoveAll(journal) }}
	}
	list := []toKafka{
		tallyman("tallyman: each line, JSON, journal", "lines", "type: file, decode: plain, path: ["+log+"]", "", "", lines),
		tallyman("tallyman: each line, its text and its id, JSON, journal", "texts", "type: file, decode: plain, path: ["+log+"]", "", ", only_fields: [message]", lines),
		tallyman("tallyman: audit events, JSON, journal", "events", "type: auditd, path: "+log, "transforms: [{type: audit}]\n", "", events),
	}
	if found, err := filepath.Glob("/usr/lib/*/rsyslog/omkafka.so"); err != nil || len(found) == 0 {
		t.Log("NOT MEASURED: rsyslog-kafka is not installed (Debian: apt-get install rsyslog-kafka)")
	} else {
		state := filepath.Join(dir, "rsyslog")
		conf := write(t, filepath.Join(dir, "rsyslog.conf"), fmt.Sprintf(rsyslogToKafka, state, log, k.addr))
		list = append(list, toKafka{name: "rsyslog omkafka: each line as it is", topic: "rsyslog", messages: lines,
			args: []string{"/usr/sbin/rsyslogd", "-n", "-f", conf, "-i", filepath.Join(dir, "rsyslog.pid")},
			pre: func() error {
				if err := os.RemoveAll(state); err != nil {
					return err
				}
				return os.Mkdir(state, 0o700)
			}})
	}
	for _, c := range list {
		k.create(c.topic, 1)
	}
	return list
}

// once returns the processor seconds of a run, and the most memory that it held.
func (c *toKafka) once(t *testing.T, k *apacheKafka) (cpu float64, kib int64) {
	t.Helper()
	if err := c.pre(); err != nil {
		t.Fatal(err)
	}
	before := k.written(c.topic, 1)
	cmd := exec.Command("taskset", append([]string{"-c", "1"}, c.args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !c.ends {
		eventually(t, c.name+" has delivered all", 5*time.Minute, func() bool { return k.written(c.topic, 1)-before >= c.messages })
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s: %v: %s", c.name, err, tail(said.Bytes()))
	}
	if n := k.written(c.topic, 1) - before; n != c.messages {
		t.Errorf("%s delivered %d messages, want %d", c.name, n, c.messages)
	}
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), use.Maxrss
}

func kafkaTable(list []toKafka, used map[string][]float64, held map[string]int64, mb float64) {
	fmt.Printf("\nAudit log to Kafka, %.0f MB, zstd, acks=all:\n\n| | CPU s | MB a CPU second | RSS, MiB |\n| --- | --- | --- | --- |\n", mb)
	for _, c := range list {
		m := median(used[c.name])
		fmt.Printf("| %s | %.2f | %.0f | %d |\n", c.name, m, mb/m, held[c.name]>>10)
	}
	peer := list[len(list)-1].name
	if len(list) < 4 {
		return
	}
	fmt.Print("\n| ratio within a round | median | range |\n| --- | --- | --- |\n")
	for _, c := range list[:len(list)-1] {
		var ratios []float64
		for i := range used[c.name] {
			ratios = append(ratios, used[peer][i]/used[c.name][i])
		}
		slices.Sort(ratios)
		fmt.Printf("| rsyslog / %s | %.2f | %.2f to %.2f |\n", c.name, median(ratios), ratios[0], ratios[len(ratios)-1])
	}
}
