package s3

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// member is how many bytes of lines are compressed at a time, as one gzip member
// or zstd frame. Members follow each other, so that one compressor serves all
// objects, however many are open, and damage stays in one member.
const member = 1 << 20

// object is one that is not whole yet at the destination. What it becomes depends
// on its events alone, in their order: the same events make the same bytes.
type object struct {
	dir    string // what the prefix gave, without a slash at its end
	zip    *compressor
	first  uint64    // sequence of its first frame
	limit  uint64    // where an earlier attempt ended, which this one repeats; 0: none
	opened time.Time // when it got its first event
	raw    []byte    // lines that are not compressed
	buf    []byte    // compressed, and not uploaded
	sum    hash.Hash // of all that was compressed
	entry  Entry     // its First and Key from the start, the rest when it is cut
	upload string    // the id of its multipart upload; "" where there is none
	parts  []types.CompletedPart
	cut    bool // it gets no more events
	saved  bool // the boundary is on stable storage
}

func newObject(dir, key string, first uint64, now time.Time, zip *compressor) *object {
	return &object{dir: dir, zip: zip, first: first, opened: now, sum: sha256.New(), entry: Entry{Key: key, First: first}}
}

// held is how many bytes it takes in memory.
func (o *object) held() int { return len(o.raw) + len(o.buf) }

// add adds one line.
func (o *object) add(line []byte, records uint32) error {
	o.raw = append(append(o.raw, line...), '\n')
	o.entry.Events++
	o.entry.Records += uint64(records)
	if len(o.raw) < member {
		return nil
	}
	return o.compress()
}

func (o *object) compress() error {
	if len(o.raw) == 0 {
		return nil
	}
	at := len(o.buf)
	buf, err := o.zip.append(o.buf, o.raw)
	if err != nil {
		return fmt.Errorf("compress %s: %w", o.entry.Key, err)
	}
	o.buf = buf
	o.sum.Write(o.buf[at:])
	o.entry.Bytes += int64(len(o.buf) - at)
	o.raw = o.raw[:0]
	return nil
}

// end closes it at a sequence.
func (o *object) end(last uint64) error {
	if err := o.compress(); err != nil {
		return err
	}
	o.raw, o.cut = nil, true
	o.entry.Last = last
	copy(o.entry.SHA256[:], o.sum.Sum(nil))
	return nil
}

// uploaded drops n bytes that the destination has.
func (o *object) uploaded(n int) {
	o.buf = append(o.buf[:0], o.buf[n:]...)
}

// compressor makes members.
type compressor struct {
	kind string
	gzip *gzip.Writer
	zstd *zstd.Encoder
	out  bytes.Buffer
}

func newCompressor(kind string) (*compressor, error) {
	z := &compressor{kind: kind}
	var err error
	switch kind {
	case compressGzip:
		z.gzip, err = gzip.NewWriterLevel(&z.out, gzip.DefaultCompression)
	case compressZstd:
		z.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(member), zstd.WithLowerEncoderMem(true))
	}
	return z, err
}

// append adds raw to dst as one member.
func (z *compressor) append(dst, raw []byte) ([]byte, error) {
	switch z.kind {
	case compressGzip:
		z.out.Reset()
		z.gzip.Reset(&z.out)
		if _, err := z.gzip.Write(raw); err != nil {
			return dst, err
		}
		if err := z.gzip.Close(); err != nil {
			return dst, err
		}
		return append(dst, z.out.Bytes()...), nil
	case compressZstd:
		return z.zstd.EncodeAll(raw, dst), nil
	}
	return append(dst, raw...), nil
}

// zipFor returns the compressor that the name of an object asks for: one whose end
// was saved before compression was set anew keeps its key, and what the key says.
func (o *output) zipFor(key string) (*compressor, error) {
	kind := compressNone
	switch {
	case strings.HasSuffix(key, ".gz"):
		kind = compressGzip
	case strings.HasSuffix(key, ".zst"):
		kind = compressZstd
	}
	for _, z := range o.zips {
		if z.kind == kind {
			return z, nil
		}
	}
	z, err := newCompressor(kind)
	if err != nil {
		return nil, fmt.Errorf("s3: compression %s: %w", kind, err)
	}
	o.zips = append(o.zips, z)
	return z, nil
}

// close gives back what the compressor holds.
func (z *compressor) close() {
	if z.zstd != nil {
		_ = z.zstd.Close() // nothing was written to it, so nothing can fail
	}
}

// extension is the end of keys.
func (c *Settings) extension() string {
	ext := map[string]string{"json": ".json", "cef": ".cef", "rfc5424": ".log", "text": ".txt", "raw": ".log"}[c.Format]
	return ext + map[string]string{compressGzip: ".gz", compressZstd: ".zst"}[c.Compression]
}

// contentType is what objects of a compression are said to be.
func (c *Settings) contentType(compression string) string {
	switch {
	case compression == compressGzip:
		return "application/gzip"
	case compression == compressZstd:
		return "application/zstd"
	case c.Format == "json":
		return "application/x-ndjson"
	}
	return "text/plain; charset=utf-8"
}
