package weblisten

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	// mostWindow is the largest window of a frame, in bytes: what RFC 8878, section
	// 3.1.1.1.2, asks every decoder to take. A decoder holds that much.
	mostWindow = 8 << 20
	// mostZstd is how many bodies are unpacked from zstd at once, each with a window.
	mostZstd = 2
)

// zstd reads a body that is packed with zstd. It is read whole first, so that
// what waits for one of the few decoders, or holds one, is never the network.
func (l *Server) zstd(r *http.Request, src io.Reader) (text string, held int64, err error) {
	packed, held, err := l.all(src, r.ContentLength)
	if err != nil {
		return "", held, err
	}
	if packed == "" {
		return "", held, Refuse(http.StatusBadRequest, "the body ends before it is whole")
	}
	z, err := l.unpacker(r, l.unpackers)
	if err != nil {
		return "", held, err
	}
	defer func() { l.unpackers <- z }()
	if err := z.Reset(strings.NewReader(packed)); err != nil {
		return "", held, l.unpackable(err)
	}
	defer func() { _ = z.Reset(nil) }() // it lets go of the body, and cannot fail
	text, more, err := l.all(io.Reader(unpacking{z, l}), -1)
	l.held.Add(-held) // what was packed is not needed any more
	if err != nil {
		return "", more, err
	}
	return l.unnested(text, more)
}

// unpacking words the errors of a decoder.
type unpacking struct {
	z *zstd.Decoder
	l *Server
}

// Read implements io.Reader.
func (u unpacking) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.l.unpackable(err)
	}
	return n, err
}

// unpackable says why a body is not unpacked.
func (l *Server) unpackable(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return Refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the window of the zstd frame is larger than %d bytes: pack it without --long or --ultra", mostWindow))
	}
	return l.unreadable(err)
}
