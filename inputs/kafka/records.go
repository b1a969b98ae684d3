package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unsafe"

	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

// record is one message. Its texts are views of the batch that it came in.
type record struct {
	offset  int64
	millis  int64 // since 1970
	key     string
	value   string
	headers []header
}

type header struct{ name, value string }

// unpacker reads batches of records (KIP-98, magic 2; outputs/kafka has the
// picture). It keeps its memory.
type unpacker struct {
	limit int // bytes of one batch, unpacked
	zstd  *zstd.Decoder
	buf   bytes.Buffer
}

func newUnpacker(limit int) (*unpacker, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)), zstd.WithDecoderLowmem(true))
	return &unpacker{limit: limit, zstd: z}, err
}

const (
	headBytes = 61
	// recordBytes is what a record takes in memory beside its texts.
	recordBytes = int(unsafe.Sizeof(record{}))
)

var (
	errSum     = errors.New("its checksum is wrong")
	errMagic   = errors.New("its format is none that is known since Kafka 0.11")
	errCut     = errors.New("it ends too soon")
	errTooMuch = errors.New("it is larger than max_batch")
)

// frame is a batch as it was stored.
type frame struct {
	first, next int64 // offsets of its first message, and of the message after it
	bytes       []byte
}

// nextFrame cuts the first batch off b; none is left where size is 0. A batch
// that is cut, as the last one of an answer may be, is not there.
func nextFrame(b []byte) (f frame, size int) {
	if len(b) < 17 {
		return f, 0
	}
	size = 12 + int(binary.BigEndian.Uint32(b[8:]))
	if size > len(b) || size < 17 {
		return f, 0
	}
	f = frame{first: int64(binary.BigEndian.Uint64(b)), bytes: b[:size]}
	if f.next = f.first + 1; b[16] == 2 && size >= headBytes {
		f.next += int64(binary.BigEndian.Uint32(b[23:]))
	}
	return f, size
}

// unpack returns the records of a batch from an offset on. A batch that carries
// marks of transactions has none.
func (u *unpacker) unpack(f frame, from int64) ([]record, error) {
	b := f.bytes
	switch {
	case len(b) < headBytes || b[16] != 2:
		return nil, errMagic
	case crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(b[17:]):
		return nil, errSum
	}
	attributes := binary.BigEndian.Uint16(b[21:])
	if attributes&0x20 != 0 {
		return nil, nil
	}
	text, err := u.text(b[headBytes:], compress.Compression(attributes&7))
	if err != nil {
		return nil, err
	}
	r := walker{text: text}
	n := int(binary.BigEndian.Uint32(b[57:]))
	switch {
	case n > len(text)/7+1: // the least that a record takes
		return nil, errCut
	case n > (u.limit-min(u.limit, len(text)))/recordBytes+1: // many that are empty are large too
		return nil, errTooMuch
	}
	list := make([]record, 0, n)
	first, largest := int64(binary.BigEndian.Uint64(b[27:])), int64(binary.BigEndian.Uint64(b[35:]))
	for range n {
		one := r.record()
		if r.bad {
			return nil, errCut
		}
		one.offset += f.first
		if one.millis += first; attributes&8 != 0 {
			one.millis = largest // the time when the broker stored it
		}
		if one.offset >= from {
			list = append(list, one)
		}
	}
	return list, nil
}

// text unpacks what may be packed, as one string.
func (u *unpacker) text(b []byte, c compress.Compression) (string, error) {
	switch {
	case c == compress.None:
		return string(b), nil
	case c == compress.Zstd:
		u.buf.Reset()
		out, err := u.zstd.DecodeAll(b, u.buf.AvailableBuffer())
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return "", errTooMuch
		}
		text := string(out)
		if cap(out) <= 4<<20 {
			u.buf = *bytes.NewBuffer(out[:0])
		}
		return text, err
	case c.Codec() == nil:
		return "", fmt.Errorf("its compression is number %d, which is not known", c)
	}
	r := c.Codec().NewReader(bytes.NewReader(b))
	u.buf.Reset()
	n, err := io.Copy(&u.buf, io.LimitReader(r, int64(u.limit)+1))
	if shut := r.Close(); err == nil {
		err = shut
	}
	text := ""
	if n > int64(u.limit) {
		err = errTooMuch
	} else {
		text = u.buf.String()
	}
	if u.buf.Cap() > 4<<20 {
		u.buf = bytes.Buffer{}
	}
	return text, err
}

// walker reads records.
type walker struct {
	text string
	bad  bool
}

// number reads a zigzag varint.
func (w *walker) number() int64 {
	var u uint64
	for i := 0; i < len(w.text) && i < binary.MaxVarintLen64; i++ {
		c := w.text[i]
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			w.text = w.text[i+1:]
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	w.bad, w.text = true, ""
	return 0
}

// view reads n bytes; -1 is for what is absent.
func (w *walker) view(n int64) string {
	if n == -1 {
		return ""
	}
	if n < 0 || n > int64(len(w.text)) {
		w.bad, w.text = true, ""
		return ""
	}
	out := w.text[:n]
	w.text = w.text[n:]
	return out
}

// mostHeaders is how many headers of a record are looked at.
const mostHeaders = 64

// record reads one; its offset and time are relative to the batch's.
func (w *walker) record() (r record) {
	size := w.number()
	body := walker{text: w.view(size)}
	if size < 0 {
		w.bad = true
	}
	body.view(1)
	r.millis, r.offset = body.number(), body.number()
	r.key = body.view(body.number())
	r.value = body.view(body.number())
	n := body.number()
	for i := int64(0); i < n && !body.bad; i++ {
		h := header{body.view(body.number()), body.view(body.number())}
		if i < mostHeaders && !body.bad {
			r.headers = append(r.headers, h)
		}
	}
	w.bad = w.bad || body.bad || n < 0
	return r
}
