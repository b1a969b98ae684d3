package journald

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// chunk is how much is read at once, in bytes.
const chunk = 64 << 10

// poll is how long nothing is looked for at the end of the last file.
const poll = 250 * time.Millisecond

// files reads a file, or those of a folder in the order of their names. A file is
// read to its end; the next is begun when there is one.
type files struct {
	common
	path string

	name   string // of the file at hand, "" before the first
	offset int64  // where the entry that is being gathered begins
	at     string // its path
	file   *os.File
	final  bool // it was read to its end after another was found in its place
	cut    cutter
	buf    []byte
	rest   []byte // read and not yet cut
	shared event.Fields
	losses []event.Loss
}

// Open implements plugin.Input.
func (f *files) Open(_ context.Context, from []byte) error {
	f.cut.max = int(f.s.MaxEntry)
	if name, at, ok := strings.Cut(string(from), "\x00"); ok {
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil || n < 0 {
			return plugin.Permanent(fmt.Errorf("journald: the position %q is none of this input", from))
		}
		f.name, f.offset = name, n
	}
	if f.env.Once {
		if err := exists(f.path); err != nil {
			return plugin.Permanent(err)
		}
	}
	return nil
}

// Read implements plugin.Input.
func (f *files) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := f.fill(b)
	b.Losses = append(b.Losses, f.losses...)
	f.losses = nil
	if len(b.Events) > 0 {
		b.Position = strconv.AppendInt(append([]byte(f.name), 0), f.offset, 10)
	}
	switch {
	case err == nil || len(b.Events) > 0 && !errors.Is(err, io.EOF):
		return nil
	case !errors.Is(err, io.EOF):
		return err
	case f.env.Once:
		return io.EOF
	case len(b.Events) > 0:
		return nil
	}
	return pause(ctx, min(wait, poll))
}

// fill reads until the batch has something; io.EOF says that nothing is there.
func (f *files) fill(b *event.Batch) error {
	for {
		f.chop(b)
		if len(b.Events) > 0 {
			return nil
		}
		if f.file == nil {
			if err := f.begin(f.name); err != nil {
				return err
			}
		}
		if f.buf == nil {
			f.buf = make([]byte, chunk)
		}
		n, err := f.file.Read(f.buf)
		if f.rest = f.buf[:n]; n > 0 {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return plugin.Retry(fmt.Errorf("journald: %w", err))
		}
		if f.exchanged(b) {
			continue
		}
		next, err := f.after(f.name)
		if err != nil {
			return err
		}
		if next == "" && !f.env.Once {
			return io.EOF
		}
		f.end(b)
		if next == "" {
			return io.EOF
		}
		f.close()
		f.name, f.offset = next, 0
		if len(b.Events) > 0 {
			return nil
		}
	}
}

// exchanged looks, at the end of the file at hand, whether it is still the one that
// lies at its path, and begins that one where it is not, or where it was truncated.
func (f *files) exchanged(b *event.Batch) bool {
	there, err := os.Stat(f.at)
	held, err2 := f.file.Stat()
	read, err3 := f.file.Seek(0, io.SeekCurrent)
	if errors.Join(err, err2, err3) != nil {
		return false // it is on its way, or is met when it is opened
	}
	switch {
	case !os.SameFile(there, held) && !f.final: // its writer may have written after the last look
		f.final = true
		return true
	case !os.SameFile(there, held):
		f.end(b)
	case held.Size() < read:
		f.shorter()
	default:
		return false
	}
	f.close()
	f.offset = 0
	return true
}

// shorter says that what was not read of the file is gone.
func (f *files) shorter() {
	f.losses = append(f.losses, event.Loss{Reason: event.Truncated, Text: "the file " + f.at + " is shorter than what was read of it; it is read from its beginning"})
}

// chop cuts what was read into entries.
func (f *files) chop(b *event.Batch) {
	for len(f.rest) > 0 && len(b.Events) < mostRecords {
		e, n := f.cut.next(f.rest)
		f.rest = f.rest[n:]
		if e != nil {
			f.add(b, e, f.offset, f.shared)
			f.offset += e.size
		}
	}
}

// end hands on what a file ends in: an entry without the empty line after it.
func (f *files) end(b *event.Batch) {
	whole := f.cut.in == inLine && len(f.cut.line) == 0 // only the empty line is missing
	if e := f.cut.rest(); e != nil {
		f.add(b, e, f.offset, f.shared)
		f.offset += e.size
		if !whole {
			mark(&b.Events[len(b.Events)-1], "the file ends within this entry")
		}
	}
}

// begin opens a file at the offset; "" is the first one.
func (f *files) begin(name string) error {
	if name == "" {
		next, err := f.after("")
		if err != nil {
			return err
		}
		if next == "" {
			return io.EOF
		}
		name = next
	}
	at := f.path
	if name != filepath.Base(f.path) || isFolder(f.path) {
		at = filepath.Join(f.path, name)
	}
	file, err := os.OpenFile(at, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not wait for its writer
	if err != nil {
		return plugin.Retry(fmt.Errorf("journald: %w", err))
	}
	f.at = at
	switch info, err := file.Stat(); {
	case err == nil && !info.Mode().IsRegular():
		return plugin.Retry(errors.Join(fmt.Errorf("journald: %s is no file (name a file, or a folder of *.export)", at), file.Close()))
	case err == nil && info.Size() < f.offset:
		f.shorter()
		f.offset = 0
	}
	if _, err := file.Seek(f.offset, io.SeekStart); err != nil {
		return plugin.Retry(errors.Join(fmt.Errorf("journald: %w", err), file.Close()))
	}
	f.name, f.file, f.rest, f.final = name, file, nil, false
	f.cut.reset()
	f.shared = append(event.Fields{}, f.env.Shared...)
	f.shared.Set(schema.LogFilePath, event.String(at))
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// after returns the name of the file that follows another, "" for none.
func (f *files) after(name string) (string, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", plugin.Retry(fmt.Errorf("journald: %w", err))
	}
	if !info.IsDir() {
		if name == "" {
			return filepath.Base(f.path), nil
		}
		return "", nil
	}
	list, err := os.ReadDir(f.path)
	if err != nil {
		return "", plugin.Retry(fmt.Errorf("journald: %w", err))
	}
	i := slices.IndexFunc(list, func(d os.DirEntry) bool {
		return d.Name() > name && strings.HasSuffix(d.Name(), ".export") && d.Type().IsRegular()
	})
	if i < 0 {
		return "", nil
	}
	return list[i].Name(), nil
}

func (f *files) close() {
	if f.file != nil {
		_ = f.file.Close() // it was only read
		f.file = nil
	}
}

// Close implements plugin.Input.
func (f *files) Close() error {
	f.close()
	return nil
}
