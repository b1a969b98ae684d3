package weblisten

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// piece is how much of a body is read at once, in bytes.
const piece = 32 << 10

// body reads the body of a request, unpacked. Held is how much of the buffer it
// takes until it is given back, also after an error.
func (l *Server) body(w http.ResponseWriter, r *http.Request) (text string, held int64, err error) {
	most := int64(l.s.MaxBody)
	if r.ContentLength > most {
		return "", 0, l.tooLarge()
	}
	var src io.Reader = http.MaxBytesReader(w, r.Body, most)
	switch encoding := encodingOf(r); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(bufio.NewReaderSize(src, piece))
		if err != nil {
			return "", 0, l.unreadable(err)
		}
		src = z
	case "zstd":
		return l.zstd(r, src)
	default:
		return "", 0, otherEncoding(encoding)
	}
	if text, held, err = l.all(src, r.ContentLength); err != nil {
		return "", held, err
	}
	return l.unnested(text, held)
}

// all reads src to its end, as far as max_body and the buffer allow. Announced
// is how long the client says that it is, less than 0 where it does not.
func (l *Server) all(src io.Reader, announced int64) (text string, held int64, err error) {
	var b strings.Builder
	buf, ok := l.bufs.Get().(*[piece]byte)
	if !ok {
		buf = new([piece]byte)
	}
	defer l.bufs.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if int64(b.Len()+n) > int64(l.s.MaxBody) {
			return "", held, l.tooLarge()
		}
		if b.Cap()-b.Len() < n {
			more := piece // what the client announces is not believed, but where it is little
			if b.Len() == 0 && announced >= int64(n) && announced < piece {
				more = int(announced)
			}
			grow := int64(b.Cap() + more) // what a Builder makes of it
			if l.held.Add(grow) > int64(l.s.Buffer) {
				l.held.Add(-grow)
				return "", held, tooMuch()
			}
			held += grow
			b.Grow(more)
		}
		b.Write(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return b.String(), held, nil
		case err != nil:
			return "", held, l.unreadable(err)
		}
	}
}

// unnested refuses what is packed twice: no more than one layer is unpacked, and
// what stays packed is no record.
func (l *Server) unnested(text string, held int64) (string, int64, error) {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\xfd7zXZ\x00", "BZh"} {
		if strings.HasPrefix(text, magic) {
			return "", held, Refuse(http.StatusUnsupportedMediaType, "the body is packed in a way that is not said, or twice: use Content-Encoding: gzip or zstd, once")
		}
	}
	return text, held, nil
}

func (l *Server) tooLarge() error {
	return Refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than max_body, %d bytes after it is unpacked", l.s.MaxBody))
}

func tooMuch() error {
	return Refuse(http.StatusServiceUnavailable, "too much is waiting for the journal; send the records again")
}

func (l *Server) unreadable(err error) error {
	var large *http.MaxBytesError
	var said *Answer
	switch {
	case errors.As(err, &said):
		return err
	case errors.As(err, &large):
		return l.tooLarge()
	case timedOut(err):
		return Refuse(http.StatusRequestTimeout, "the body did not come in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Refuse(http.StatusBadRequest, "the body ends before it is whole")
	}
	return Refuse(http.StatusBadRequest, "the body cannot be read: "+err.Error())
}
