package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// pack compresses a rotated file: into a copy of another name, which gets its
// own name when it is whole and on stable storage, and only when that name is on
// stable storage too, the file itself goes. So at every moment one of the two is
// whole.
func (d *tender) pack(ctx context.Context, f *old) error {
	ending := endings[d.rule.Compress]
	if !f.plain {
		return nil
	}
	if len(f.packs) > 0 { // a kill came before the file itself went, or it is somebody else's copy
		have := f.packs[0]
		if err := same(ctx, f.path, f.path+have, have); err != nil {
			return fmt.Errorf("%s is no copy of %s; remove one of them: %w", f.path+have, f.path, err)
		}
		return d.unpacked(f)
	}
	if ending == "" {
		return nil
	}
	size, err := d.copy(ctx, f.path, f.path+ending)
	if err != nil {
		return fmt.Errorf("compress %s: %w", f.path, err)
	}
	f.packs, f.bytes = []string{ending}, size+f.bytes
	d.packed.Inc()
	return d.unpacked(f)
}

// unpacked removes a file of which a whole copy is there.
func (d *tender) unpacked(f *old) error {
	info, err := os.Lstat(f.path)
	if err != nil {
		return err
	}
	if err := d.disk.syncDir(filepath.Dir(f.path)); err != nil {
		return err
	}
	if err := d.disk.remove(f.path); err != nil {
		return err
	}
	f.plain, f.bytes = false, f.bytes-info.Size()
	return nil
}

// copy writes the compressed copy of a file and returns its size.
func (d *tender) copy(ctx context.Context, from, to string) (size int64, err error) {
	source, err := openRead(from)
	if err != nil {
		return 0, err
	}
	defer func() { _ = source.Close() }() // it was only read
	info, err := source.Stat()
	if err != nil {
		return 0, err
	}
	target, err := d.disk.create(to + part)
	if err != nil {
		return 0, err
	}
	size, err = fill(ctx, target, source, info, filepath.Ext(to))
	if err = errors.Join(err, target.Close()); err == nil {
		err = d.disk.rename(to+part, to)
	}
	if err != nil {
		return 0, errors.Join(err, d.disk.remove(to+part))
	}
	return size, nil
}

// fill compresses source into target, which gets its owner and permissions.
func fill(ctx context.Context, target handle, source io.Reader, info fs.FileInfo, ending string) (int64, error) {
	var w io.WriteCloser
	var err error
	if ending == ".gz" {
		w = gzip.NewWriter(target)
	} else if w, err = zstd.NewWriter(target, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20)); err != nil {
		return 0, err
	}
	_, err = io.Copy(w, stopping{ctx, source})
	if err = errors.Join(err, w.Close()); err != nil {
		return 0, err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		// Without the right to, the copy stays ours: that takes nothing from anybody
		// but the right to read it.
		if err := target.Chown(int(s.Uid), int(s.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
			return 0, err
		}
	}
	if err := errors.Join(target.Chmod(info.Mode().Perm()), target.Sync()); err != nil {
		return 0, err
	}
	done, err := target.Stat()
	if err != nil {
		return 0, err
	}
	return done.Size(), nil
}

// openRead opens a regular file, and nothing that a link leads to.
func openRead(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// same checks that a compressed file holds what a plain one does.
func same(ctx context.Context, plain, packed, ending string) error {
	a, err := openRead(plain)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // both are only read
	b, err := openRead(packed)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	var r io.Reader
	if ending == ".gz" {
		if r, err = gzip.NewReader(b); err != nil {
			return err
		}
	} else {
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	}
	against := &comparer{plain: stopping{ctx, a}}
	if _, err := io.Copy(against, r); err != nil {
		return err
	}
	if n, err := a.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return errors.Join(errDifferent, err)
	}
	return nil
}

var errDifferent = errors.New("their contents differ")

// comparer is a writer that fails where what is written is not what it reads.
type comparer struct {
	plain io.Reader
	buf   []byte
}

func (c *comparer) Write(b []byte) (int, error) {
	if cap(c.buf) < len(b) {
		c.buf = make([]byte, len(b))
	}
	if _, err := io.ReadFull(c.plain, c.buf[:len(b)]); err != nil {
		return 0, errors.Join(errDifferent, err)
	}
	if !bytes.Equal(b, c.buf[:len(b)]) {
		return 0, errDifferent
	}
	return len(b), nil
}

// stopping is a reader that ends with its context.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}
