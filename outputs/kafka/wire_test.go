package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/kafkalink"
)

// produced is an answer to Produce 8 for one partition.
func produced(topic string, partition int32, code int16, text string) []byte {
	b := kafkalink.AppendText([]byte{0, 0, 0, 1}, topic)
	b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 1), uint32(partition))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	b = append(b, make([]byte, 24)...)
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff) // one record that was refused, without a text
	if text == "" {
		b = append(b, 0xff, 0xff)
	} else {
		b = kafkalink.AppendText(b, text)
	}
	return append(b, 0, 0, 0, 0)
}

// TestReadProduced: an answer is read, and one that is cut anywhere before its end
// says of no partition that it has the batch.
func TestReadProduced(t *testing.T) {
	said, failed := "", error(nil)
	got := func(topic string, partition int32, err error) { said, failed = fmt.Sprint(topic, partition), err }
	if err := readProduced(produced("audit", 3, int16(kafka.InvalidRecord), "no key"), got); err != nil || said != "audit3" || !errors.Is(failed, kafka.InvalidRecord) || failed.Error() == kafka.InvalidRecord.Error() {
		t.Errorf("%s: %v, %v", said, failed, err)
	}
	whole := produced("audit", 3, 0, "")
	if err := readProduced(whole, got); err != nil || failed != nil {
		t.Errorf("%v, %v", failed, err)
	}
	for n := range len(whole) - 4 { // the throttle at the end says nothing of a batch
		said = ""
		if err := readProduced(whole[:n], got); err == nil || said != "" {
			t.Errorf("the first %d of %d bytes: %q, %v", n, len(whole), said, err)
		}
	}
}

// FuzzProduced: whatever a broker answers, it is read within its bounds.
func FuzzProduced(f *testing.F) {
	f.Add(produced("audit", 0, 0, ""))
	f.Add(produced("", -1, 10, "too large"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		_ = readProduced(b, func(string, int32, error) { n++ })
		if 36*n > len(b) {
			t.Errorf("%d bytes name %d partitions", len(b), n)
		}
	})
}

// FuzzTemplate: a template that is read gives names of topics that are legal,
// whatever the event holds, and begins as it is written.
func FuzzTemplate(f *testing.F) {
	f.Add("audit-{{ message }}", "a/../b")
	f.Add("a{{ host.name | event.dataset }}b", "")
	f.Fuzz(func(t *testing.T, topic, text string) {
		s := settingsFor(topic, "127.0.0.1:9092")
		plan, p := s.plan()
		if p.Bad() {
			return
		}
		events := keyed(1, 1)
		events[0].Fields[0].SetValue(value(text))
		got, _ := plan.topic.Append(nil, &events[0], &plan.asTopic)
		head := plan.topic.Head()
		for i := range got {
			if !kafkalink.TopicByte(got[i]) {
				t.Fatalf("%q with %q leads to %q", topic, text, got)
			}
		}
		if len(got) == 0 || len(got) > kafkalink.MostTopic || len(got) < kafkalink.MostTopic && !strings.HasPrefix(string(got), head) {
			t.Errorf("%q with %q leads to %q", topic, text, got)
		}
	})
}

// rendered is a message of a key, a value, and headers, a name and a value each.
func rendered(key, value []byte, millis int64, headers ...string) message {
	b := append([]byte(gap), key...)
	end := len(b)
	b = append(b, gap...)
	b = append(b, value...)
	at := join(b, len(gap), end, end+len(gap))
	b = binary.AppendVarint(b, int64(len(headers)/2))
	for i := 0; i < len(headers); i += 2 {
		b = appendHeader(b, headers[i], headers[i+1])
	}
	return message{key: key, body: b[at:], millis: millis}
}

// read takes the body of a message apart, as a broker does.
func (m *message) read(t testing.TB) (key, value []byte, headers map[string]string) {
	t.Helper()
	b := m.body
	number := func() int {
		n, size := binary.Varint(b)
		if size <= 0 {
			t.Fatalf("no number at %x of %x", b, m.body)
		}
		b = b[size:]
		return int(n)
	}
	text := func() (out []byte) {
		if n := number(); n >= 0 {
			out, b = b[:n:n], b[n:]
		}
		return out
	}
	key, value, headers = text(), text(), map[string]string{}
	for range number() {
		name := string(text())
		headers[name] = string(text())
	}
	if len(b) > 0 {
		t.Fatalf("%x is left of %x", b, m.body)
	}
	return key, value, headers
}

// TestLengthsOfAnyWidth: a key and a value stand where their lengths say, of whichever
// width these are, and no key is not an empty one.
func TestLengthsOfAnyWidth(t *testing.T) {
	for _, sizes := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {63, 64}, {64, 63}, {8191, 8192}, {8192, 8191}, {3, 1 << 20}, {1 << 20, 3}} {
		key, value := bytes.Repeat([]byte("k"), sizes[0]), bytes.Repeat([]byte("v"), sizes[1])
		m := rendered(key, value, 7, "name", "a value")
		k, v, headers := m.read(t)
		if !bytes.Equal(k, key) || (k == nil) != (len(key) == 0) || !bytes.Equal(v, value) || len(headers) != 1 || headers["name"] != "a value" {
			t.Errorf("%v: a key of %d bytes and a value of %d, %v", sizes, len(k), len(v), headers)
		}
	}
}

// FuzzBatch: whatever messages hold, the batch says its own length and sum, and how
// many they are.
func FuzzBatch(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), int64(1_700_000_000_000), uint8(3))
	f.Fuzz(func(t *testing.T, key, text []byte, millis int64, n uint8) {
		all, list := []message{}, []int32{}
		for i := range int(n%8) + 1 {
			all = append(all, rendered(key, text, millis-int64(i)))
			list = append(list, int32(i))
		}
		p, err := newPacker(codecNone)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.appendBatch(nil, all, list)
		if err != nil {
			t.Fatal(err)
		}
		most := headBytes
		for i := range all {
			most += all[i].size()
		}
		if int(binary.BigEndian.Uint32(b[8:]))+12 != len(b) || int(binary.BigEndian.Uint32(b[57:])) != len(list) || len(b) > most ||
			crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[17:]) {
			t.Errorf("%d bytes, at most %d: %x", len(b), most, b[:headBytes])
		}
	})
}

// TestPackedIsTheSame: what a compression packs is, unpacked by its own reader, what
// goes unpacked, also where a batch is many blocks and a record more than one, and
// where a packer made another batch before.
func TestPackedIsTheSame(t *testing.T) {
	const block = 64 << 10
	var all []message
	var list []int32
	for i := range 300 {
		value, millis := fmt.Appendf(nil, "%d %x", i, make([]byte, 7*i)), int64(1_700_000_000_000+i*i-900)
		if i == 150 {
			value = bytes.Repeat(fmt.Appendf(nil, "%d,", i), block)
		}
		m := rendered(nil, value, millis)
		if i%3 > 0 {
			m = rendered(fmt.Appendf(nil, "key %d", i), value, millis, "name", "a value")
		}
		all, list = append(all, m), append(list, int32(i))
	}
	records := func(codec string) []byte {
		p, err := newPacker(codec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.appendBatch(nil, all, list[:7]); err != nil {
			t.Fatal(err)
		}
		b, err := p.appendBatch([]byte("what was there"), all, list)
		if err != nil {
			t.Fatal(err)
		}
		b = b[len("what was there")+headBytes:]
		if codec == codecNone {
			return b
		}
		r := p.codec.Codec().NewReader(bytes.NewReader(b))
		defer func() { _ = r.Close() }() // of memory
		got, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		return got
	}
	want := records(codecNone)
	if len(want) < 10*block {
		t.Fatalf("the records are %d bytes", len(want))
	}
	for _, codec := range []string{"gzip", "snappy", "lz4", codecZstd} {
		if got := records(codec); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes are not the %d that went in", codec, len(got), len(want))
		}
	}
}
