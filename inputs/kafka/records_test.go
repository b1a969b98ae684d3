package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go/compress"

	"tallyman/pipeline/kafkalink"
)

// batch makes a batch of records as brokers store it.
func batch(t testing.TB, first int64, codec compress.Compression, values ...string) []byte {
	t.Helper()
	var records []byte
	for i, v := range values {
		body := binary.AppendVarint([]byte{0}, int64(i)) // attributes, time
		body = binary.AppendVarint(body, int64(i))
		body = binary.AppendVarint(body, -1) // no key
		body = append(binary.AppendVarint(body, int64(len(v))), v...)
		body = binary.AppendVarint(body, 1)
		body = append(binary.AppendVarint(body, 1), 'h')
		body = append(binary.AppendVarint(body, 1), '7')
		records = append(binary.AppendVarint(records, int64(len(body))), body...)
	}
	if codec != compress.None {
		var packed bytes.Buffer
		w := codec.Codec().NewWriter(&packed)
		if _, err := w.Write(records); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		records = packed.Bytes()
	}
	return seal(first, uint16(codec), uint32(len(values)), records)
}

// seal puts a head before records.
func seal(first int64, attributes uint16, n uint32, records []byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(first))
	b = append(b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, attributes)
	b = binary.BigEndian.AppendUint32(b, n-1)
	b = binary.BigEndian.AppendUint64(b, 1_700_000_000_000)
	b = binary.BigEndian.AppendUint64(b, 1_700_000_000_000+uint64(n))
	b = append(b, bytes.Repeat([]byte{0xff}, 14)...)
	b = append(binary.BigEndian.AppendUint32(b, n), records...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

var codecs = []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd}

func unpackerOf(t testing.TB, limit int) *unpacker {
	t.Helper()
	u, err := newUnpacker(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.zstd.Close)
	return u
}

// TestUnpack: records come as they were, from the offset on that was asked for.
func TestUnpack(t *testing.T) {
	for _, codec := range codecs {
		u := unpackerOf(t, 1<<20)
		f, size := nextFrame(batch(t, 100, codec, "a", "", "c"))
		if size == 0 || f.first != 100 || f.next != 103 {
			t.Fatalf("%s: %+v, %d bytes", codec, f, size)
		}
		list, err := u.unpack(f, 101)
		if err != nil || len(list) != 2 || list[0].offset != 101 || list[0].value != "" || list[1].value != "c" || list[1].millis != 1_700_000_000_002 ||
			len(list[1].headers) != 1 || list[1].headers[0] != (header{"h", "7"}) {
			t.Errorf("%s: %+v, %v", codec, list, err)
		}
	}
}

// TestDamagedBatches: whichever byte is damaged behind the checksum, the batch is
// not read as if it were whole.
func TestDamagedBatches(t *testing.T) {
	for _, codec := range codecs {
		u := unpackerOf(t, 1<<20)
		whole := batch(t, 0, codec, "one", "two", "three")
		for i := 16; i < len(whole); i++ {
			b := bytes.Clone(whole)
			b[i] ^= 0x10
			f, size := nextFrame(b)
			if size == 0 {
				continue
			}
			if list, err := u.unpack(f, 0); err == nil {
				t.Errorf("%s with byte %d damaged gives %+v", codec, i, list)
			}
		}
		for n := range whole {
			if _, size := nextFrame(whole[:n]); size != 0 {
				t.Errorf("%s: the first %d bytes are taken for a batch", codec, n)
			}
		}
	}
}

// TestLies: batches whose checksum is right and that say what is not so.
func TestLies(t *testing.T) {
	u := unpackerOf(t, 1<<20)
	record := []byte{14, 0, 0, 0, 1, 2, 'x', 0}
	for name, b := range map[string][]byte{
		"more records than there are": seal(0, 0, 2, record),
		"a billion records":           seal(0, 0, 1<<30, record),
		"a record of negative length": seal(0, 0, 1, []byte{1, 0, 0, 0, 1, 2, 'x', 0}),
		"a record longer than it is":  seal(0, 0, 1, []byte{0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 2, 'x', 0}),
		"a value longer than it is":   seal(0, 0, 1, []byte{14, 0, 0, 0, 1, 126, 'x', 0}),
		"a billion headers":           seal(0, 0, 1, []byte{20, 0, 0, 0, 1, 2, 'x', 0x80, 0x94, 0xeb, 0xdc, 0x03}),
		"a number without an end":     seal(0, 0, 1, bytes.Repeat([]byte{0xff}, 20)),
		"an unknown compression":      seal(0, 7, 1, record),
		"packed, and it is not":       seal(0, uint16(compress.Zstd), 1, record),
	} {
		f, size := nextFrame(b)
		if size == 0 {
			t.Fatalf("%s: no frame", name)
		}
		if list, err := u.unpack(f, 0); err == nil {
			t.Errorf("%s gives %+v", name, list)
		}
	}
	if list, err := u.unpack(frame{bytes: seal(0, 0, 1, record)}, 0); err != nil || len(list) != 1 || list[0].value != "x" {
		t.Errorf("the record itself: %+v, %v", list, err)
	}
	if list, err := u.unpack(frame{bytes: seal(0, 0x20, 1, record)}, 0); err != nil || len(list) != 0 {
		t.Errorf("a mark of a transaction: %+v, %v", list, err)
	}
}

// TestBombs: what is small when packed and large when not is refused at max_batch,
// before it takes the memory.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	zeros := strings.Repeat("\x00", 64<<20)
	for _, codec := range codecs[1:] {
		for name, values := range map[string][]string{"one large record": {zeros}, "many empty records": make([]string, 60_000)} {
			u := unpackerOf(t, limit)
			f, _ := nextFrame(batch(t, 0, codec, values...))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := u.unpack(f, 0)
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, errTooMuch) || used > 16*limit {
				t.Errorf("%s, %s: %v, %d bytes were taken", codec, name, err, used)
			}
		}
	}
}

// fetched is an answer to Fetch 11 with batches of one partition.
func fetched(topic string, partition int32, code int16, batches []byte) []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
	b = append(kafkalink.AppendText(b, topic), 0, 0, 0, 1)
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	b = append(b, make([]byte, 24)...)
	b = append(b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	b = binary.BigEndian.AppendUint32(b, uint32(len(batches)))
	return append(b, batches...)
}

// TestReadFetched: an answer that is cut anywhere is no answer.
func TestReadFetched(t *testing.T) {
	b := fetched("audit", 3, 6, []byte("batches"))
	said := ""
	read := func(b []byte) error {
		return readFetched(b, func(p place, err error, batches []byte) error {
			said = fmt.Sprintf("%v, %v, %s", p, err != nil, batches)
			return nil
		})
	}
	if err := read(b); err != nil || said != "{audit 3}, true, batches" {
		t.Errorf("%s, %v", said, err)
	}
	for n := range b {
		if read(b[:n]) == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(b))
		}
	}
}

// FuzzFetched: whatever a broker answers, it is read within its bounds.
func FuzzFetched(f *testing.F) {
	f.Add(fetched("audit", 0, 0, batch(f, 0, compress.None, "x")))
	f.Add(fetched("audit", 0, 1, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := 0
		_ = readFetched(b, func(_ place, _ error, batches []byte) error {
			got += len(batches) + 1
			return nil
		})
		if got > len(b) {
			t.Errorf("%d bytes gave %d", len(b), got)
		}
	})
}

// FuzzUnpack: whatever a batch says, its records are within it, or it is an error.
func FuzzUnpack(f *testing.F) {
	for _, codec := range codecs {
		f.Add(batch(f, 7, codec, "one", "two")[headBytes:], uint16(codec), uint32(2))
	}
	f.Fuzz(func(t *testing.T, records []byte, attributes uint16, n uint32) {
		u := unpackerOf(t, 1<<16)
		one, size := nextFrame(seal(7, attributes, n, records))
		if size == 0 {
			return
		}
		list, err := u.unpack(one, 0)
		if err != nil {
			return
		}
		total := 0
		for _, r := range list {
			total += len(r.key) + len(r.value)
		}
		if uint32(len(list)) > n || total > 1<<16 && attributes&7 != 0 || total > len(records) && attributes&7 == 0 {
			t.Errorf("%d records of %d, %d bytes", len(list), n, total)
		}
	})
}
