//go:build peers

package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// run is what one run took.
type run struct {
	cpu    float64 // seconds
	kib    int64   // the most memory that it held
	stored int64   // bytes that it added to the broker's log
}

// TestPeersKafka has tallyman and rsyslog deliver the same lines of an audit log to
// a real broker, packed with each codec of PEERS_CODECS (of none, gzip, snappy, lz4 and zstd)
// and confirmed by all replicas, in turn, as often as PEERS_ROUNDS says, each on
// one core. The level of a codec is each program's own default. With the first codec
// rsyslog is measured also with its queue on disk, which is the nearest it has to a journal. The test
// asserts the number of messages of every run, and prints the medians of their
// processor time beside what reached the broker's log.
func TestPeersKafka(t *testing.T) {
	dir := t.TempDir()
	tools := buildTools(t, dir)
	rounds, err := strconv.Atoi(env("PEERS_ROUNDS", "5"))
	if err != nil {
		t.Fatal(err)
	}
	codecs := strings.FieldsFunc(env("PEERS_CODECS", "zstd,lz4"), func(r rune) bool { return r == ',' || r == ' ' })
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
	lists, took := map[string][]toKafka{}, map[string][]run{}
	for i, codec := range codecs {
		lists[codec] = kafkaContenders(t, k, dir, log, codec, i == 0, int64(bytes.Count(text, []byte("\n"))), last-1000)
	}
	for range rounds {
		for _, codec := range codecs {
			for _, c := range lists[codec] {
				took[c.topic] = append(took[c.topic], c.once(t, k))
			}
		}
	}
	for _, codec := range codecs {
		kafkaTable(codec, lists[codec], took, float64(len(text))/1e6)
	}
}

const rsyslogToKafka = `module(load="imfile")
module(load="omkafka")
global(workDirectory="%[1]s")
template(name="line" type="string" string="%%msg%%")
input(type="imfile" File="%[2]s" Tag="audit" ruleset="kafka" addMetadata="off")
ruleset(name="kafka" %[6]s queue.dequeueBatchSize="1000") {
  action(type="omkafka" broker=["%[3]s"] topic="%[4]s" template="line" partitions.auto="on" resubmitOnFailure="on"
    confParam=["compression.codec=%[5]s", "acks=all"])
}
`

func kafkaContenders(t *testing.T, k *apacheKafka, dir, log, codec string, disk bool, lines, events int64) []toKafka {
	t.Helper()
	tallyman := func(name, topic, input, more, fields string, messages int64) toKafka {
		topic += "-" + codec
		journal := filepath.Join(dir, "journal-"+topic)
		conf := write(t, filepath.Join(dir, topic+".yaml"), fmt.Sprintf(`journal: {dir: %s, max_size: 8GiB}
redact: off
admin: {listen: off}
log: {level: error}
inputs: {in: {%s}}
%soutputs: {kafka: {type: kafka, brokers: ["%s"], topic: %s, compression: %s, format: %s}}
`, journal, input, more, k.addr, topic, codec, fields))
		return toKafka{name: name, topic: topic, args: []string{program(t), "run", "--once", "--config", conf}, ends: true, messages: messages,
			pre: func() error { return os.RemoveAll(journal) }}
	}
	rsyslog := func(name, topic, queue string) toKafka {
		topic += "-" + codec
		state := filepath.Join(dir, topic)
		conf := write(t, filepath.Join(dir, topic+".conf"), fmt.Sprintf(rsyslogToKafka, state, log, k.addr, topic, codec, queue))
		return toKafka{name: name, topic: topic, messages: lines,
			args: []string{"/usr/sbin/rsyslogd", "-n", "-f", conf, "-i", filepath.Join(dir, topic+".pid")},
			pre: func() error {
				if err := os.RemoveAll(state); err != nil {
					return err
				}
				return os.Mkdir(state, 0o700)
			}}
	}
	each := "type: file, decode: plain, path: [" + log + "]"
	list := []toKafka{
		tallyman("tallyman: each line, JSON, journal", "lines", each, "", "json", lines),
		tallyman("tallyman: each line, its text and its id, JSON, journal", "texts", each, "", "json, only_fields: [message]", lines),
		tallyman("tallyman: each line as it is, journal", "raw", each, "", "raw", lines),
		tallyman("tallyman: each line as it is, without key and headers, journal", "bare", each, "", `raw, key: "", headers: []`, lines),
		tallyman("tallyman: audit events, JSON, journal", "events", "type: auditd, path: "+log, "transforms: [{type: audit}]\n", "json", events),
	}
	if found, err := filepath.Glob("/usr/lib/*/rsyslog/omkafka.so"); err != nil || len(found) == 0 {
		t.Log("NOT MEASURED: rsyslog-kafka is not installed (Debian: apt-get install rsyslog-kafka)")
	} else {
		list = append(list, rsyslog("rsyslog omkafka: each line as it is", "rsyslog", `queue.type="LinkedList" queue.size="100000"`))
		if disk {
			list = append(list, rsyslog("the same, its queue on disk, not synced", "rsyslog-disk", `queue.type="Disk" queue.filename="q" queue.maxDiskSpace="8g" queue.checkpointInterval="1000"`))
		}
	}
	for _, c := range list {
		k.create(c.topic, 1)
	}
	return list
}

// once runs it.
func (c *toKafka) once(t *testing.T, k *apacheKafka) run {
	t.Helper()
	if err := c.pre(); err != nil {
		t.Fatal(err)
	}
	before, stored := k.written(c.topic, 1), k.size(c.topic)
	cmd := onOneCore(c.args...)
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
	return run{cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), kib: use.Maxrss, stored: k.size(c.topic) - stored}
}

// size is how many bytes the broker's log of a topic's first partition has.
func (k *apacheKafka) size(topic string) (n int64) {
	k.t.Helper()
	list, err := filepath.Glob(filepath.Join(k.dir, "data", topic+"-0", "*.log"))
	if err != nil || len(list) == 0 {
		k.t.Fatalf("the log of %s: %v", topic, err)
	}
	for _, path := range list {
		info, err := os.Stat(path)
		if err != nil {
			k.t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

func kafkaTable(codec string, list []toKafka, took map[string][]run, mb float64) {
	fmt.Printf("\nAudit log to Kafka, %.0f MB, %s, acks=all:\n\n| | CPU s | MB a CPU second | MB in the broker's log | RSS, MiB |\n| --- | --- | --- | --- | --- |\n", mb, codec)
	for _, c := range list {
		var used []float64
		var stored, kib int64
		for _, one := range took[c.topic] {
			used, stored, kib = append(used, one.cpu), max(stored, one.stored), max(kib, one.kib)
		}
		m := median(used)
		fmt.Printf("| %s | %.2f | %.0f | %.1f | %d |\n", c.name, m, mb/m, float64(stored)/1e6, kib>>10)
	}
	fmt.Print("\n| ratio within a round | median | range |\n| --- | --- | --- |\n")
	for _, peer := range list {
		for _, c := range list {
			if peer.ends || !c.ends {
				continue
			}
			var ratios []float64
			for i, one := range took[c.topic] {
				ratios = append(ratios, took[peer.topic][i].cpu/one.cpu)
			}
			slices.Sort(ratios)
			fmt.Printf("| %s / %s | %.2f | %.2f to %.2f |\n", peer.topic, c.name, median(ratios), ratios[0], ratios[len(ratios)-1])
		}
	}
}
