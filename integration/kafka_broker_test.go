//go:build integration || peers

package integration

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/plugintest"
)

const kafkaPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>3.9.1</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency></dependencies></project>`

// The session of a broker is short: one that was killed is registered again only
// when the controller has given its predecessor up.
const kafkaProperties = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]d
listeners=PLAINTEXT://127.0.0.1:%[1]d,SASL_PLAINTEXT://127.0.0.1:%[3]d,SASL_SSL://127.0.0.1:%[4]d,SSL://127.0.0.1:%[5]d,CONTROLLER://127.0.0.1:%[2]d
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]d,SASL_PLAINTEXT://127.0.0.1:%[3]d,SASL_SSL://127.0.0.1:%[4]d,SSL://127.0.0.1:%[5]d
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_u="p";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_u="p";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=%[6]s/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=%[7]s
listener.name.ssl.ssl.client.auth=required
log.dirs=%[6]s/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
`

// apacheKafka is one real broker.
type apacheKafka struct {
	t         *testing.T
	dir, path string
	addr      string // without TLS and SASL
	sasl      string // SASL, without TLS
	secure    string // both
	tls       string // TLS, and our certificate instead of SASL
	ca        *plugintest.Authority
	cmd       *exec.Cmd
}

// newKafka fetches Apache Kafka through Maven and starts it.
func newKafka(t *testing.T) *apacheKafka {
	t.Helper()
	for _, p := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("NOT RUN: Apache Kafka needs %s, which is missing", p)
		}
	}
	k := &apacheKafka{t: t, dir: t.TempDir(), ca: plugintest.NewAuthority(t, "kafka ca")}
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
	k.keystore()
	ports := freePorts(t, 5)
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	k.addr, k.sasl, k.secure, k.tls = at(0), at(2), at(3), at(4)
	conf := write(t, filepath.Join(k.dir, "server.properties"), fmt.Sprintf(kafkaProperties, ports[0], ports[1], ports[2], ports[3], ports[4], k.dir, k.ca.File))
	format := exec.Command("java", "-cp", k.path, "kafka.tools.StorageTool", "format", "--cluster-id", "4L6g3nShT-eMCtK--X86sw", "--config", conf,
		"--add-scram", "SCRAM-SHA-256=[name=u,password=p]", "--add-scram", "SCRAM-SHA-512=[name=u,password=p]")
	if out, err := format.CombinedOutput(); err != nil {
		t.Fatalf("format: %v\n%s", err, tail(out))
	}
	k.start()
	t.Cleanup(k.kill)
	return k
}

// keystore writes the broker's key and certificate as Kafka reads them, PKCS #8.
func (k *apacheKafka) keystore() {
	k.t.Helper()
	cert := k.ca.Sign(k.t, k.dir, "broker.example", nil)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		k.t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})...)
	write(k.t, filepath.Join(k.dir, "broker.pem"), string(text))
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

// written is how many messages a topic has.
func (k *apacheKafka) written(topic string, partitions int) (n int64) {
	for p := range partitions {
		c, err := kafka.DialLeader(context.Background(), "tcp", k.addr, topic, p)
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

// committed returns the offset that the group "g" has committed of each partition.
func (k *apacheKafka) committed(topic string, partitions int) map[int]int64 {
	k.t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(k.addr), Transport: transport, Timeout: 20 * time.Second}
	ask := &kafka.OffsetFetchRequest{GroupID: "g", Topics: map[string][]int{topic: nil}}
	for p := range partitions {
		ask.Topics[topic] = append(ask.Topics[topic], p)
	}
	r, err := client.OffsetFetch(context.Background(), ask)
	if err != nil || r.Error != nil {
		k.t.Fatalf("%v, %+v", err, r)
	}
	out := map[int]int64{}
	for _, p := range r.Topics[topic] {
		out[p.Partition] = max(p.CommittedOffset, 0)
	}
	return out
}
