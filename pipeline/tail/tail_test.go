package tail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reporter is a test, of testing or of rapid.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// rig is a folder with a log, and what reads it.
type rig struct {
	t     reporter
	path  string
	o     Options
	meter *meter.Registry
	tail  *Tail
	pos   []byte
	got   []string
}

func newRig(t testing.TB, change func(*Options)) *rig {
	t.Helper()
	return rigAt(t, filepath.Join(t.TempDir(), "audit.log"), change)
}

func rigAt(t reporter, path string, change func(*Options)) *rig {
	r := &rig{t: t, path: path, meter: new(meter.Registry)}
	r.o = Options{Path: path, Input: "audit", Decode: "audit", Meter: r.meter, Now: func() time.Time { return time.Unix(1e9, 0) },
		Poll: time.Hour}
	if change != nil {
		change(&r.o)
	}
	return r
}

func (r *rig) write(path, text string) {
	r.t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	r.ok(err)
}

func (r *rig) append(text string) { r.t.Helper(); r.write(r.path, text) }

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) name(n int) string {
	if n == 0 {
		return r.path
	}
	return fmt.Sprintf("%s.%d", r.path, n)
}

// rotate does what auditd does: every file gets the next number, what exceeds
// keep is deleted, and a new file is begun with text.
func (r *rig) rotate(keep int, text string) {
	r.t.Helper()
	_ = os.Remove(r.name(keep))
	for n := keep - 1; n >= 0; n-- {
		if err := os.Rename(r.name(n), r.name(n+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
	r.append(text)
}

// copyTruncate does what logrotate's copytruncate does.
func (r *rig) copyTruncate(keep int) {
	r.t.Helper()
	for n := keep - 1; n >= 1; n-- {
		if err := os.Rename(r.name(n), r.name(n+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
	text, err := os.ReadFile(r.path)
	r.ok(err)
	r.ok(os.WriteFile(r.name(1), text, 0o600))
	r.ok(os.Truncate(r.path, 0))
}

func (r *rig) start() {
	r.t.Helper()
	r.tail = New(r.o)
	r.ok(r.tail.Open(context.Background(), r.pos))
}

func (r *rig) stop() {
	r.t.Helper()
	r.ok(r.tail.Close())
}

// read reads until nothing comes twice.
func (r *rig) read() error {
	r.t.Helper()
	for idle := 0; idle < 2; idle++ {
		before := len(r.got)
		if err := r.readBatch(); err != nil {
			return err
		}
		if len(r.got) > before {
			idle = 0
		}
	}
	return nil
}

func (r *rig) readBatch() error {
	var b event.Batch
	err := r.tail.Read(context.Background(), &b, 0)
	r.take(&b)
	return err
}

func (r *rig) take(b *event.Batch) {
	for _, e := range b.Events {
		r.got = append(r.got, strings.Clone(e.Raw))
	}
	if b.Position != nil {
		r.pos = slices.Clone(b.Position)
	}
}

func (r *rig) want(lines ...string) {
	r.t.Helper()
	r.ok(r.read())
	r.wantRead(lines...)
}

func (r *rig) wantRead(lines ...string) {
	r.t.Helper()
	if !slices.Equal(r.got, lines) {
		r.t.Fatalf("read %.600q, want %.600q; position %s", r.got, lines, r.pos)
	}
	r.got = nil
}

func (r *rig) counter(name, reason string) float64 {
	sum := 0.0
	r.meter.Each(func(s meter.Sample) {
		if s.Name == name && (reason == "" || slices.Contains(s.Labels, meter.Label{Name: "reason", Value: reason})) {
			sum += s.Value
		}
	})
	return sum
}

func (r *rig) noLoss() {
	r.t.Helper()
	if n := r.counter("tallyman_input_losses_total", ""); n != 0 {
		r.t.Errorf("%v losses were counted", n)
	}
}

func TestLinesAreRecords(t *testing.T) {
	r := newRig(t, nil)
	r.append("one\n\nthree\r\nfo")
	r.start()
	defer r.stop()
	var b event.Batch
	r.ok(r.tail.Read(t.Context(), &b, 0))
	if len(b.Events) != 2 || b.Position == nil {
		t.Fatalf("read %+v", b)
	}
	e := b.Events[1]
	if e.Raw != "three\r" || e.Offset != 5 || e.Records != 1 || e.Decode != "audit" || !e.Seen.Equal(time.Unix(1e9, 0)) {
		t.Errorf("the record is %+v", e)
	}
	if got := e.Get(schema.LogFilePath).Str(); got != r.path {
		t.Errorf("log.file.path is %q", got)
	}
	r.append("ur\n")
	r.want("four")
	r.noLoss()
}
