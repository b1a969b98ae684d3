package weblisten

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// mostZstdStreams is how many long bodies are unpacked from zstd at once, each
// with a window. They wait for the network with it, so that short ones have
// decoders of their own.
const mostZstdStreams = 4

// counted counts what is read from r.
type counted struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// open sets what the unpacked body is read from. What it returns gives back what
// that takes.
func (s *stream) open() (free func(), err error) {
	if s.r.ContentLength > s.most {
		return nil, s.tooLong()
	}
	s.came = &counted{r: http.MaxBytesReader(s.w, s.r.Body, s.most)}
	s.src = s.came
	switch encoding := encodingOf(s.r); encoding {
	case "", "identity":
		return func() {}, nil
	case "gzip", "x-gzip":
		s.packed = true
		if s.src, err = gzip.NewReader(bufio.NewReaderSize(s.came, piece)); err != nil {
			return nil, s.unreadable(err)
		}
		return func() {}, nil
	case "zstd":
		s.packed = true
		return s.openZstd()
	default:
		return nil, otherEncoding(encoding)
	}
}

// encodingOf is how a body is packed, as its head says.
func encodingOf(r *http.Request) string {
	return strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
}

func otherEncoding(encoding string) error {
	return Refuse(http.StatusUnsupportedMediaType, "the content encoding "+fmt.Sprintf("%.64q", encoding)+" is not taken: use gzip or zstd, once, or none")
}

// openZstd reads a window of what is packed before it takes a decoder: where that
// is all, the decoder never waits for the network.
func (s *stream) openZstd() (func(), error) {
	if err := s.fill(window); err != nil {
		return nil, err
	}
	first, pool := s.text, s.l.unpackers
	if first == "" {
		return nil, Refuse(http.StatusBadRequest, "the body ends before it is whole")
	}
	if !s.ended {
		pool = s.l.streamers
	}
	s.text, s.read, s.ended = "", 0, false
	z, err := s.l.unpacker(s.r, pool)
	if err != nil {
		return nil, err
	}
	free := func() {
		_ = z.Reset(nil) // it lets go of the body, and cannot fail
		pool <- z
	}
	if err := z.Reset(io.MultiReader(strings.NewReader(first), s.came)); err != nil {
		free()
		return nil, s.l.unpackable(err)
	}
	s.src = unpacking{z, s.l}
	return free, nil
}

// unpacker takes a decoder of zstd from a pool, and waits for one as long as for
// the journal.
func (l *Server) unpacker(r *http.Request, pool chan *zstd.Decoder) (z *zstd.Decoder, err error) {
	late := time.NewTimer(l.s.AcceptTime)
	defer late.Stop()
	select {
	case z = <-pool:
	case <-late.C:
		return nil, tooMuch()
	case <-r.Context().Done():
		return nil, Refuse(http.StatusServiceUnavailable, "the client is gone")
	case <-l.closing:
		return nil, stopped()
	}
	if z != nil {
		return z, nil
	}
	// Synchronous: with one block at a time there is no goroutine of its own.
	z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(mostWindow))
	if err != nil {
		pool <- nil
		return nil, fmt.Errorf("make a decoder of zstd: %w", err)
	}
	return z, nil
}

// decoders is a pool of n decoders; nil is one that was not made yet.
func decoders(n int) chan *zstd.Decoder {
	pool := make(chan *zstd.Decoder, n)
	for range n {
		pool <- nil
	}
	return pool
}
