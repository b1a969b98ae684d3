package journald

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
)

// journal reads what journalctl prints. The position is the cursor of the last
// entry. journalctl is asked for that entry again: when it comes, nothing was lost.
type journal struct {
	common
	cursor string // of the entry that was read last, "" for none
	check  bool   // the entry that comes first has to be that one

	cmd   *exec.Cmd // nil while it does not run
	out   *os.File  // what it prints
	said  *bounded  // what it says
	cut   cutter
	buf   []byte
	rest  []byte
	count int64

	starts *meter.Counter
}

// Open implements plugin.Input. journalctl is started by Read.
func (j *journal) Open(_ context.Context, from []byte) error {
	j.cursor, j.cut.max = string(from), int(j.s.MaxEntry)
	return nil
}

// Read implements plugin.Input.
func (j *journal) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.chop(b)
	for end := time.Now().Add(wait); len(b.Events) == 0; {
		if j.cmd == nil {
			if err := j.start(); err != nil {
				return err
			}
		}
		if err := j.more(ctx, b, end); errors.Is(err, os.ErrDeadlineExceeded) {
			return ctx.Err()
		} else if err != nil {
			return err
		}
		j.chop(b)
	}
	if len(b.Events) > 0 {
		b.Position = []byte(j.cursor)
	}
	return nil
}

// more reads what there is, until a time.
func (j *journal) more(ctx context.Context, b *event.Batch, end time.Time) error {
	if err := j.out.SetReadDeadline(end); err != nil {
		return plugin.Permanent(fmt.Errorf("journald: %w", err))
	}
	out := j.out
	stop := context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n, err := j.out.Read(j.buf)
	j.rest = j.buf[:n]
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		if n > 0 {
			return nil
		}
		return err
	}
	return j.ended(b, err)
}

// start starts journalctl where the position says.
func (j *journal) start() error {
	r, w, err := os.Pipe()
	if err != nil {
		return plugin.Retry(fmt.Errorf("journald: %w", err))
	}
	cmd := exec.Command(j.s.Program, j.args()...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	said := &bounded{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = w, said, time.Second
	err = cmd.Start()
	_ = w.Close() // the child has its own
	if err != nil {
		_ = r.Close()
		return plugin.Retry(fmt.Errorf("journald: start %s: %w (is systemd's journalctl installed?)", j.s.Program, err))
	}
	j.starts.Inc()
	if j.buf == nil {
		j.buf = make([]byte, chunk)
	}
	j.cmd, j.out, j.said, j.check = cmd, r, said, j.cursor != ""
	j.cut.reset()
	return nil
}

// args are the arguments of journalctl.
func (j *journal) args() []string {
	list := []string{"--output=export", "--no-pager", "--quiet"}
	if j.s.Directory != "" {
		list = append(list, "--directory="+absolute(j.env.Dir, j.s.Directory))
	}
	switch {
	case j.cursor != "":
		list = append(list, "--cursor="+j.cursor)
	case j.s.StartAt == "end":
		list = append(list, "--lines=0")
	}
	if !j.env.Once {
		list = append(list, "--follow")
		if j.cursor != "" || j.s.StartAt != "end" {
			list = append(list, "--no-tail")
		}
	}
	for _, m := range j.s.Matches {
		list = append(list, m.Value)
	}
	return list
}

// chop cuts what was read into entries.
func (j *journal) chop(b *event.Batch) {
	for len(j.rest) > 0 && len(b.Events) < mostRecords {
		e, n := j.cut.next(j.rest)
		j.rest = j.rest[n:]
		if e == nil {
			continue
		}
		cursor := value(e.text, "__CURSOR")
		if j.check {
			j.check = false
			if same(cursor, j.cursor) {
				continue
			}
			j.forgotten(b)
		}
		if cursor != "" {
			j.cursor = cursor
		}
		j.add(b, e, j.place(cursor), j.env.Shared)
	}
}

// forgotten raises that the journal has no more the entry that was read last.
func (j *journal) forgotten(b *event.Batch) {
	b.Losses = append(b.Losses, event.Loss{Reason: event.Misplaced,
		Text: "the journal does not have the entry any more that was read last (" + j.cursor + "): what followed it may be missing"})
}

// place is the number of an entry in its journal, from its cursor.
func (j *journal) place(cursor string) int64 {
	if n, err := strconv.ParseInt(part(cursor, "i="), 16, 64); err == nil {
		return n
	}
	j.count++
	return j.count
}

// same reports whether two cursors name one entry: the same number (i) of the same
// journal (s). The other parts help to find it elsewhere.
func same(a, b string) bool {
	return a == b || part(a, "s=") != "" && part(a, "s=") == part(b, "s=") && part(a, "i=") == part(b, "i=")
}

// part returns one part of a cursor: s=…;i=…;b=…;m=…;t=…;x=….
func part(cursor, name string) string {
	for p := range strings.SplitSeq(cursor, ";") {
		if v, ok := strings.CutPrefix(p, name); ok {
			return v
		}
	}
	return ""
}

// ended takes up that journalctl prints nothing more. What it left unfinished it
// prints again when it is started again.
func (j *journal) ended(b *event.Batch, read error) error {
	_ = j.out.Close() // it was only read
	err := j.cmd.Wait()
	said := strings.TrimSpace(j.said.String())
	j.cmd = nil
	if j.env.Once && err == nil && errors.Is(read, io.EOF) {
		if j.check {
			j.check = false
			j.forgotten(b)
		}
		return io.EOF
	}
	if err == nil {
		err = errors.New("it ended by itself")
	}
	if said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	hint := ""
	if strings.Contains(strings.ToLower(said), "permission") || strings.Contains(said, "insufficient") {
		hint = " (the user that runs tallyman needs the group systemd-journal)"
	}
	return plugin.Retry(fmt.Errorf("journald: %s: %w%s", filepath.Base(j.s.Program), err, hint))
}

// Close implements plugin.Input. journalctl keeps nothing that could be lost.
func (j *journal) Close() error {
	if j.cmd == nil {
		return nil
	}
	err := j.cmd.Process.Kill()
	_ = j.out.Close()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	_ = j.cmd.Wait() // that it was killed is no error
	j.cmd = nil
	return err
}

// bounded keeps the first of what is written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := 1024 - b.Len(); room > 0 {
		_, _ = b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
