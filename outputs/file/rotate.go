package file

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// A rotated file is named after its file and the time of the rotation in UTC, so
// that names sort by age: events.jsonl.20260102T150405.000Z, and with its ending
// when it is compressed. No stamp of a file is used twice, and none is below an
// earlier one, whatever the clock does.
const stampLayout = "20060102T150405.000Z"

// part is what the name of a file that is being compressed ends with.
const part = ".part"

// endings are those of compressed files, by the word of `compress`.
var endings = map[string]string{"": "", "gzip": ".gz", "zstd": ".zst"}

// rotatedName is the name of a rotated file, taken apart.
type rotatedName struct {
	base   string    // the name of the file that it was
	stamp  time.Time // when it was rotated
	plain  string    // its name before it was compressed
	ending string    // .gz or .zst
	part   bool      // it is being compressed
}

// split takes the name of a rotated file apart.
func split(name string) (r rotatedName, ok bool) {
	rest, isPart := strings.CutSuffix(name, part)
	r.part = isPart
	for _, ending := range []string{".gz", ".zst"} {
		if cut, found := strings.CutSuffix(rest, ending); found {
			rest, r.ending = cut, ending
			break
		}
	}
	at := len(rest) - len(stampLayout)
	if at < 2 || rest[at-1] != '.' || isPart && r.ending == "" {
		return r, false
	}
	stamp, err := time.Parse(stampLayout, rest[at:])
	if err != nil {
		return r, false
	}
	r.base, r.stamp, r.plain = rest[:at-1], stamp, rest
	return r, true
}

// due says whether the file is to be rotated before the batch is appended.
func (t *target) due(size int64) bool {
	r := t.o.rotate
	if r == nil || size == 0 {
		return false
	}
	if r.Size > 0 && size+int64(len(t.buf)) > int64(r.Size) {
		return true
	}
	return r.Every > 0 && t.o.now().UTC().Truncate(r.Every).After(t.last.UTC().Truncate(r.Every))
}

// turn gives the file its name as a rotated one and closes it. Where that fails,
// events are still appended to it: a file that grows is better than none.
//
// Every line in it is as durable as `sync` says, since each batch was. The new
// name is made durable before the old one is used again, so that no power
// failure can leave the old name to the new file alone.
func (t *target) turn() (done bool, err error) {
	name, err := t.stamp()
	if err == nil {
		err = t.o.disk.rename(t.real, name)
	}
	if err != nil {
		t.o.unrotated.Inc()
		if !t.stuck {
			t.o.log.Warn("the file cannot be rotated and grows", "output", "file", "path", t.path, "error", explain(err))
		}
		t.stuck = true
		return false, nil
	}
	t.stuck = false
	t.o.rotated.Inc()
	t.unsynced = t.o.sync
	if err := t.close(); err != nil {
		return true, plugin.Retry(err)
	}
	return true, nil
}

// stamp returns the name that the file gets.
func (t *target) stamp() (string, error) {
	at := t.o.now().UTC().Truncate(time.Millisecond)
	entries, err := os.ReadDir(filepath.Dir(t.real))
	if err != nil {
		return "", fmt.Errorf("list its folder: %w", err)
	}
	base := filepath.Base(t.real)
	for _, e := range entries {
		if r, ok := split(e.Name()); ok && r.base == base && !r.stamp.Before(at) {
			at = r.stamp.Add(time.Millisecond)
		}
	}
	return t.real + "." + at.Format(stampLayout), nil
}
