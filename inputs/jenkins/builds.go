package jenkins

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tallyman/pipeline/meter"
)

const (
	// lookEvery is how often it is looked whether builds have ended.
	lookEvery = time.Second
	// mostOpen is how many builds without a result are waited for.
	mostOpen = 4096
	// mostXML is how much of a build.xml is read; a larger one is not understood,
	// and its start is kept.
	mostXML = 4 << 20
	// mark begins a position of this input.
	mark = "jenkins 1 "
)

// builds are those whose log was begun, and whose build.xml had no result yet.
// They are a part of the position: what ended while we were away is told after.
type builds struct {
	open      []string // folders, in the order of their begin
	looked    time.Time
	forgotten *meter.Counter
}

// ended is the build.xml of a build that is over.
type ended struct{ path, text string }

// begun adds a build.
func (b *builds) begun(dir string, log *slog.Logger) {
	for _, one := range b.open {
		if one == dir {
			return
		}
	}
	if len(b.open) >= mostOpen {
		b.forgotten.Inc()
		log.Warn("jenkins: too many builds have no result; the oldest is not waited for any more", "build", b.open[0])
		b.open = b.open[1:]
	}
	b.open = append(b.open, dir)
}

// ended returns the builds that are over and forgets them; now or never, where
// the source is read to its end.
func (b *builds) ended(now time.Time, atOnce bool) (list []ended) {
	if len(b.open) == 0 || !atOnce && now.Sub(b.looked) < lookEvery && !now.Before(b.looked) {
		return nil
	}
	b.looked = now
	still := b.open[:0]
	for _, dir := range b.open {
		path := filepath.Join(dir, "build.xml")
		text, err := read(path)
		switch {
		case err == nil && strings.Contains(text, "<result>"):
			list = append(list, ended{path, text})
		case err != nil && gone(dir):
			// Jenkins has deleted the build before it was over.
		default:
			still = append(still, dir)
		}
	}
	b.open = still
	return list
}

// gone reports whether a folder is no more.
func gone(dir string) bool {
	_, err := os.Lstat(dir)
	return os.IsNotExist(err)
}

// read reads a file that is no link. Jenkins puts a new one in its place whole.
func read(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", os.ErrInvalid
	}
	text, err := io.ReadAll(io.LimitReader(f, mostXML))
	return string(text), err
}

// encode appends the position: that of the Set, whose length stands first, and
// after it a line for each build that is open.
func (b *builds) encode(dst, set []byte) []byte {
	dst = append(dst, mark...)
	dst = strconv.AppendInt(dst, int64(len(set)), 10)
	dst = append(append(dst, '\n'), set...)
	for _, dir := range b.open {
		dst = append(append(dst, dir...), '\n')
	}
	return dst
}

// restore takes a position apart, and returns that of the Set. What is none of
// ours is the Set's to judge.
func (b *builds) restore(from []byte) (set []byte) {
	b.open = nil
	rest, ok := bytes.CutPrefix(from, []byte(mark))
	if !ok {
		return bytes.Clone(from)
	}
	head, rest, ok := bytes.Cut(rest, []byte{'\n'})
	n, err := strconv.Atoi(string(head))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return bytes.Clone(from)
	}
	for line := range strings.Lines(string(rest[n:])) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && len(b.open) < mostOpen {
			b.open = append(b.open, line)
		}
	}
	if n == 0 {
		return nil
	}
	return bytes.Clone(rest[:n])
}
