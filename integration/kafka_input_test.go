//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

const kafkaInput = `
journal: {dir: journal, max_size: 256MiB}
admin: {listen: off}
inputs:
  in: {type: kafka, brokers: ["%s"], topics: [%s], group: g, session_timeout: 4s%s}
outputs:
  out: {type: file, path: out.json, format: json}
`

// kafkaMember writes the configuration of a member of the group g.
func kafkaMember(t *testing.T, broker, topic, more string) (conf, out string) {
	t.Helper()
	dir := t.TempDir()
	return write(t, filepath.Join(dir, "tallyman.yaml"), fmt.Sprintf(kafkaInput, broker, topic, more)), filepath.Join(dir, "out.json")
}

// kafkaCount is how many whole lines a file has.
func kafkaCount(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	return bytes.Count(text, []byte("\n"))
}

// TestKafkaInputKcat reads what librdkafka writes, with every compression, keys and
// headers, through kcat: each message once, with its key, headers and offset.
func TestKafkaInputKcat(t *testing.T) {
	const each = 500
	kcat := need(t, "kcat", "kcat")
	k := newKafka(t)
	k.create("kcat", 1)
	codecs := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	for _, codec := range codecs {
		cmd := exec.Command(kcat, "-P", "-b", k.addr, "-t", "kcat", "-z", codec, "-K", ":", "-H", "Source=kcat "+codec)
		var text strings.Builder
		for i := range each {
			fmt.Fprintf(&text, "key-%d:%s message %d of librdkafka, as long as others are\n", i%7, codec, i)
		}
		cmd.Stdin = strings.NewReader(text.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("kcat %s: %v\n%s", codec, err, out)
		}
	}
	conf, out := kafkaMember(t, k.addr, "kcat", "")
	cmd := launch(t, conf)
	eventually(t, "all messages are read", 60*time.Second, func() bool { return kafkaCount(out) >= each*len(codecs) })
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	list := eventsIn(t, out)
	if len(list) != each*len(codecs) {
		t.Errorf("%d events, want %d", len(list), each*len(codecs))
	}
	for i, e := range list {
		codec, n := codecs[i/each%len(codecs)], i%each
		for name, want := range map[string]string{
			"kafka_topic": "kcat", "kafka_partition": "0", "kafka_offset": strconv.Itoa(i), "kafka_key": fmt.Sprintf("key-%d", n%7), "kafka_header_source": "kcat " + codec,
		} {
			if got := get(e, "labels", name); got != want {
				t.Fatalf("event %d has the label %s %v, want %s: %v", i, name, got, want, e)
			}
		}
		if want := fmt.Sprintf("%s message %d of librdkafka, as long as others are", codec, n); get(e, "message") != want {
			t.Fatalf("event %d says %v, want %s", i, get(e, "message"), want)
		}
	}
	if at := k.committed("kcat", 1)[0]; at != int64(each*len(codecs)) {
		t.Errorf("the group was told %d, want %d", at, each*len(codecs))
	}
}

// TestKafkaInputTwoMembers: two tallymen share a topic, one of them is killed and
// comes back. Nothing is lost; what is there twice was not committed at the kill,
// or was being written then, and has the id that it had.
func TestKafkaInputTwoMembers(t *testing.T) {
	const messages, partitions = 40_000, 4
	k := newKafka(t)
	k.create("shared", partitions)
	confA, outA := kafkaMember(t, k.addr, "shared", "")
	confB, outB := kafkaMember(t, k.addr, "shared", "")
	a := launch(t, confA)
	b := launch(t, confB)
	w := &kafka.Writer{Addr: kafka.TCP(k.addr), Topic: "shared", Balancer: &kafka.RoundRobin{}, BatchSize: 200, BatchTimeout: 5 * time.Millisecond, RequiredAcks: kafka.RequireAll}
	defer func() { _ = w.Close() }()
	sent := 0
	send := func(n int) {
		t.Helper()
		var list []kafka.Message
		for range n {
			list = append(list, kafka.Message{Value: fmt.Appendf(nil, "m-%06d", sent)})
			sent++
		}
		if err := w.WriteMessages(context.Background(), list...); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both have partitions", 60*time.Second, func() bool {
		if sent < messages/2 {
			send(partitions * 10)
		}
		return kafkaCount(outA) > 0 && kafkaCount(outB) > 0
	})
	eventually(t, "the group is told of all that was sent", 30*time.Second, func() bool { return reached(k.committed("shared", partitions), int64(sent)) })
	before := kafkaCount(outA)
	send(messages/2 - sent)
	eventually(t, "the one that is to die reads", 30*time.Second, func() bool { return kafkaCount(outA) > before })
	_ = a.Process.Signal(syscall.SIGKILL)
	_ = a.Wait()
	told := k.committed("shared", partitions)
	if !reached(told, 100) {
		t.Fatalf("the group knows only %v: nothing could be seen to come twice", told)
	}
	diedAt := kafkaCount(outA)
	send(messages - sent)
	eventually(t, "the other takes over", 60*time.Second, func() bool { return reached(k.committed("shared", partitions), messages) })
	a = launch(t, confA)
	eventually(t, "nothing is missing", 60*time.Second, func() bool { return len(kafkaUnion(outA, outB)) >= messages })
	for _, c := range []*exec.Cmd{a, b} {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
	kafkaTwice(t, messages, told, diedAt, outA, outB)
}

func reached(at map[int]int64, n int64) bool {
	var sum int64
	for v := range maps.Values(at) {
		sum += v
	}
	return sum >= n
}

// kafkaUnion returns the messages in the files, by text.
func kafkaUnion(files ...string) map[string]bool {
	out := map[string]bool{}
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for line := range bytes.Lines(text) {
			if _, rest, ok := bytes.Cut(line, []byte(`"message":"`)); ok {
				out[string(rest[:len("m-000000")])] = true
			}
		}
	}
	return out
}

// kafkaTwice compares what both members wrote to what was sent; told is what the
// group knew when the first was killed, diedAt how many lines that one had written.
func kafkaTwice(t *testing.T, messages int, told map[int]int64, diedAt int, outA, outB string) {
	t.Helper()
	ids := map[string]string{}
	beyond, rewritten := 0, 0
	for file, out := range []string{outA, outB} {
		mine := map[string]int{}
		for i, e := range eventsIn(t, out) {
			text, id := get(e, "message").(string), get(e, "event", "id").(string)
			offset, err := strconv.ParseInt(get(e, "labels", "kafka_offset").(string), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			partition, err := strconv.Atoi(get(e, "labels", "kafka_partition").(string))
			if err != nil {
				t.Fatal(err)
			}
			had, again := ids[text]
			first, here := mine[text]
			ids[text], mine[text] = id, i
			switch {
			case !again:
				continue
			case had != id:
				t.Fatalf("%s is there with the ids %s and %s", text, had, id)
			case here && file == 0 && first < diedAt && i >= diedAt:
				rewritten++ // its journal had it, and no word yet that the file has
			case here:
				t.Errorf("%s is twice in the file of one member, at %d and %d", text, first, i)
			case offset < told[partition]:
				t.Errorf("both have %s, at offset %d of partition %d, which was committed up to %d at the kill", text, offset, partition, told[partition])
			default:
				beyond++
			}
		}
	}
	if len(ids) != messages {
		t.Errorf("%d of %d messages are there", len(ids), messages)
	}
	t.Logf("%d messages; %d read by both, none of which was committed at the kill; %d written again by the one that was killed", len(ids), beyond, rewritten)
}
