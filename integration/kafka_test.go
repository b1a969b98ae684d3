//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

const kafkaPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>3.9.1</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency></dependencies></project>`

const kafkaProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,SASL_PLAINTEXT://127.0.0.1:%[3]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,SASL_PLAINTEXT://127.0.0.1:%[3]d
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_u="p";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs=%[4]s/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
`

// apacheKafka is one real broker.
type apacheKafka struct {
	t          *testing.T
	dir, path  string
	addr, sasl string
	cmd        *exec.Cmd
}

// newKafka fetches Apache Kafka through Maven and starts it.
func newKafka(t *testing.T) *apacheKafka {
	t.Helper()
	for _, p := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("NOT RUN: Apache Kafka needs %s, which is missing", p)
		}
	}
	k := &apacheKafka{t: t, dir: t.TempDir()}
	write(t, filepath.Join(k.dir, "pom.xml"), kafkaPom)
	mvn := exec.Command("mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=cp", "-DincludeScope=runtime")
	mvn.Dir = k.dir
	if out, err := mvn.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: Apache Kafka cannot be fetched through Maven: %v\n%s", err, tail(out))
	}
	cp, err := os.ReadFile(filepath.Join(k.dir, "cp"))
	if err != nil {
		t.Fatal(err)
	}
	k.path = string(cp)
	plain, sasl := freePort(t), freePort(t)
	k.addr, k.sasl = fmt.Sprintf("127.0.0.1:%d", plain), fmt.Sprintf("127.0.0.1:%d", sasl)
	conf := write(t, filepath.Join(k.dir, "server.properties"), fmt.Sprintf(kafkaProperties, plain, freePort(t), sasl, k.dir))
	format := exec.Command("java", "-cp", k.path, "kafka.tools.StorageTool", "format", "--cluster-id", "4L6g3nShT-eMCtK--X86sw", "--config", conf,
		"--add-scram", "SCRAM-SHA-256=[name=u,password=p]")
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("format: %v\n%s", err, tail(out))
	}
	k.start()
	t.Cleanup(k.kill)
	return k
}

func (k *apacheKafka) start() {
	k.t.Helper()
	k.cmd = exec.Command("java", "-Xmx512m", "-cp", k.path, "kafka.Kafka", filepath.Join(k.dir, "server.properties"))
	if err := k.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	eventually(k.t, "the broker answers", 90*time.Second, func() bool {
		c, err := kafka.Dial("tcp", k.addr)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_, err = c.Brokers()
		return err == nil
	})
}

func (k *apacheKafka) kill() {
	_ = k.cmd.Process.Signal(syscall.SIGKILL)
	_ = k.cmd.Wait()
}

func (k *apacheKafka) create(topic string, partitions int) {
	k.t.Helper()
	eventually(k.t, "the topic "+topic, 30*time.Second, func() bool {
		c, err := kafka.Dial("tcp", k.addr)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		return c.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}) == nil
	})
}

// stored returns the messages of a topic by partition.
func (k *apacheKafka) stored(topic string, partitions int) (all [][]kafka.Message) {
	k.t.Helper()
	for p := range partitions {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		c, err := kafka.DialLeader(ctx, "tcp", k.addr, topic, p)
		if err != nil {
			cancel()
			k.t.Fatal(err)
		}
		first, last, err := c.ReadOffsets()
		_ = c.Close()
		if err != nil {
			cancel()
			k.t.Fatal(err)
		}
		var list []kafka.Message
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.addr}, Topic: topic, Partition: p, MaxBytes: 8 << 20})
		if err := r.SetOffset(first); err != nil {
			k.t.Error(err)
		}
		for at := first; at < last; {
			m, err := r.ReadMessage(ctx)
			if err != nil {
				k.t.Errorf("read partition %d: %v", p, err)
				break
			}
			list, at = append(list, m), m.Offset+1
		}
		_ = r.Close()
		cancel()
		all = append(all, list)
	}
	return all
}

// TestKafkaBrokerKilled delivers 100,000 events to a real broker that is killed
// and started again twice meanwhile: none is missing, and those of one key come
// first in their order.
func TestKafkaBrokerKilled(t *testing.T) {
	const events, partitions = 100_000, 3
	k := newKafka(t)
	k.create("lines", partitions)
	dir := t.TempDir()
	var text strings.Builder
	for i := range events {
		fmt.Fprintf(&text, "line-%06d\n", i)
	}
	write(t, filepath.Join(dir, "in.log"), text.String()[:text.Len()/2])
	conf := write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(`
journal: {dir: journal, max_size: 256MiB}
admin: {listen: off}
inputs:
  lines: {type: file, path: [in.log], decode: plain}
outputs:
  kafka: {type: kafka, brokers: ["%s"], topic: lines, timeout: 3s, key: "{{ host.name }}", batch: {events: 500, bytes: 1MiB, wait: 10ms}}
`, k.addr))
	cmd := launch(t, conf)
	written := func() (n int64) {
		for p := range partitions {
			c, err := kafka.DialLeader(context.Background(), "tcp", k.addr, "lines", p)
			if err != nil {
				return n
			}
			if last, err := c.ReadLastOffset(); err == nil {
				n += last
			}
			_ = c.Close()
		}
		return n
	}
	eventually(t, "the first events are there", 60*time.Second, func() bool { return written() >= 500 })
	k.kill()
	f, err := os.OpenFile(filepath.Join(dir, "in.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text.String()[text.Len()/2:]); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	k.start()
	before := written()
	eventually(t, "events flow again", 60*time.Second, func() bool { return written() >= min(before+500, events) })
	k.kill()
	k.start()
	eventually(t, "everything is there", 120*time.Second, func() bool { return written() >= events })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()

	seen, last, twice, out := map[string]bool{}, map[string]string{}, 0, 0
	for _, list := range k.stored("lines", partitions) {
		for i := range list {
			v := string(list[i].Value)
			at := strings.Index(v, "line-")
			if at < 0 {
				t.Fatalf("a message has no line: %s", v)
			}
			line := v[at : at+len("line-000000")]
			if seen[line] {
				twice++
				continue
			}
			if seen[line] = true; line < last[string(list[i].Key)] {
				out++
			}
			last[string(list[i].Key)] = line
		}
	}
	t.Logf("%d events, %d of them twice", len(seen), twice)
	if len(seen) != events || out > 0 {
		t.Errorf("%d of %d events are there, %d out of the order of their key", len(seen), events, out)
	}
}
