package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
	"tallyman/pipeline/vfs"
)

// DeadLetters are the dead letters in a journal's folder, for who looks at them
// from outside the process that writes them.
type DeadLetters struct {
	fs  deadFS
	dir string // of the journal
}

// DeadLettersOf returns those of the journal in dir; nothing is read yet.
func DeadLettersOf(dir string) *DeadLetters { return &DeadLetters{fs: osDead{vfs.OS()}, dir: dir} }

func (d *DeadLetters) folder() string { return filepath.Join(d.dir, deadDir) }

// DeadLetter is an event that a destination refused for good, as its file has it.
type DeadLetter struct {
	Time   time.Time // when it was refused, UTC
	Output string    // whose file it is in
	ID     string    // event.id, "" where the event has none
	Reason string    // what the destination said
	Raw    string    // the source text, with U+FFFD for what is not UTF-8; "" where the event keeps none
	Event  []byte    // a batch of one event, as pipeline/codec encodes it
	Size   int       // bytes of its line

	at int // its piece of the file
}

// Decode returns the event, whose Raw is the source text byte for byte.
func (d *DeadLetter) Decode() (*event.Event, error) {
	var b event.Batch
	if err := codec.NewDecoder().Decode(d.Event, &b); err != nil {
		return nil, fmt.Errorf("dead letter %s: %w", d.ID, err)
	}
	if len(b.Events) != 1 {
		return nil, fmt.Errorf("dead letter %s: it holds %d events, not one", d.ID, len(b.Events))
	}
	return &b.Events[0], nil
}

// DeadLetterFile is the file of one output as it was read.
type DeadLetterFile struct {
	Output  string
	Letters []DeadLetter // in the order in which they were refused
	Damaged int          // pieces that are no letter
	Torn    bool         // the last of them has no line end: it is being written, or a crash left it

	pieces [][]byte // all of the file, without line ends; nil for what is to go
}

// Outputs returns the names of the outputs that have a file, sorted. A journal
// where nothing was ever refused has none.
func (d *DeadLetters) Outputs() ([]string, error) {
	list, err := d.fs.ReadDir(d.folder())
	if errors.Is(err, fs.ErrNotExist) {
		_, err = d.fs.ReadDir(d.dir) // the journal's folder may be a wrong one
	}
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	var names []string
	for _, e := range list {
		if name, ok := strings.CutSuffix(e.Name, deadExt); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// Lock keeps others from changing the files until Close. ErrDeadBusy says who
// does so now.
func (d *DeadLetters) Lock(owner string) (io.Closer, error) { return lockDead(d.fs, d.folder(), owner) }

// Read reads the file of an output. One that is not there has no letters.
func (d *DeadLetters) Read(output string) (*DeadLetterFile, error) {
	if output == "" || output != filepath.Base(output) {
		return nil, fmt.Errorf("read dead letters: %q is no name of an output", output)
	}
	f := &DeadLetterFile{Output: output}
	text, err := d.content(output)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	f.pieces = pieces(text)
	for i, piece := range f.pieces {
		l, ok := parseLetter(output, piece)
		if !ok {
			f.Damaged++
			f.Torn = i == len(f.pieces)-1 && text[len(text)-1] != '\n'
			continue
		}
		l.at = i
		f.Letters = append(f.Letters, l)
	}
	return f, nil
}

func (d *DeadLetters) content(output string) ([]byte, error) {
	f, err := d.fs.Open(filepath.Join(d.folder(), output+deadExt), vfs.Read)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	text := make([]byte, size)
	return text, readFull(f, text, 0)
}

func readFull(f io.ReaderAt, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// parseLetter reads one line.
func parseLetter(output string, line []byte) (DeadLetter, bool) {
	var d deadLetter
	if err := json.Unmarshal(line, &d); err != nil || len(d.Event) == 0 {
		return DeadLetter{}, false
	}
	return DeadLetter{Time: d.Time, Output: output, ID: d.ID, Reason: d.Reason, Raw: d.Raw, Event: d.Event, Size: len(line) + 1}, true
}

// opens is how the line of a letter begins. Inside a letter it cannot be: there
// its quotes are escaped.
const opens = `{"time":"`

// pieces parts a file into its lines, and a line where a letter was appended to
// the half one that a crash left.
func pieces(text []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		for len(line) > 0 {
			end := len(line)
			if i := bytes.Index(line[1:], []byte(opens)); i >= 0 {
				end = i + 1
			}
			out = append(out, line[:end:end])
			line = line[end:]
		}
	}
	return out
}

// Drop takes the letters of which gone says so out of the file, and with damaged
// what is no letter too, durably: after a crash the file is as it was or as it is
// to be. What stays does so byte for byte. The caller holds the lock since before
// Read.
func (d *DeadLetters) Drop(f *DeadLetterFile, gone func(*DeadLetter) bool, damaged bool) error {
	stays := make([]bool, len(f.pieces))
	for i := range stays {
		stays[i] = !damaged
	}
	changed := damaged && f.Damaged > 0
	for i := range f.Letters {
		drop := gone(&f.Letters[i])
		stays[f.Letters[i].at] = !drop
		changed = changed || drop
	}
	if !changed {
		return nil
	}
	for i := range stays {
		if !stays[i] {
			f.pieces[i] = nil
		}
	}
	return d.save(f)
}

// save writes the pieces of f in the place of its file.
func (d *DeadLetters) save(f *DeadLetterFile) error {
	var text []byte
	for _, piece := range f.pieces {
		if piece != nil {
			text = append(append(text, piece...), '\n')
		}
	}
	if err := d.replace(f.Output, text); err != nil {
		return fmt.Errorf("write dead letters of output %s: %w", f.Output, err)
	}
	return nil
}

func (d *DeadLetters) replace(output string, text []byte) error {
	name, temp := filepath.Join(d.folder(), output+deadExt), filepath.Join(d.folder(), output+deadTemp)
	if len(text) == 0 {
		if err := d.fs.Remove(name); err != nil {
			return err
		}
		return d.fs.SyncDir(d.folder())
	}
	if err := d.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // of a rewrite that was killed
	}
	err := d.write(temp, text)
	if err == nil {
		err = d.fs.Rename(temp, name)
	}
	if err != nil {
		if gone := d.fs.Remove(temp); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return d.fs.SyncDir(d.folder())
}

// write makes a file and puts it on stable storage.
func (d *DeadLetters) write(name string, text []byte) error {
	f, err := d.fs.Open(name, vfs.CreateNew)
	if err != nil {
		return err
	}
	if err = d.fs.Give(name); err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Datasync()
	}
	return errors.Join(err, f.Close())
}
