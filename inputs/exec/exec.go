// Package exec takes what a program writes to its standard output, line by line:
// one that runs on, or one that is run again and again. What the lines mean is a
// decoder's.
//
// A goroutine reads the output and hands lines over a bounded channel, so that a
// program waits while the journal does. What a program wrote cannot be read
// again: at a stop everything that was read ahead is handed on.
package exec

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Plugin is the input `exec`.
var Plugin = plugin.NewInput("exec", "Lines that a program writes to its standard output, whether it runs on or is run at intervals.", defaults, build)

const (
	// ahead is how many lines are read ahead.
	ahead = 256
	// mostRecords is how many lines one Read adds to a batch at most.
	mostRecords = 1024
)

// Settings are the keys of an exec input.
type Settings struct {
	Command  []string      `yaml:"command" doc:"The program and its arguments. No shell reads them." example:"[/usr/bin/journalctl, -f, -o, json]" required:"true"`
	Decode   string        `yaml:"decode" doc:"The decoder of the lines."`
	Interval time.Duration `yaml:"interval" doc:"How long after its end the program is run again. A program that ends with an error is run again after a growing pause instead."`
	MaxLine  plugin.Size   `yaml:"max_line" doc:"The longest line; what is longer is cut, and flagged."`
}

func defaults() Settings {
	return Settings{Decode: "plain", Interval: 10 * time.Second, MaxLine: 1 << 20}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() (p plugin.Problems) {
	for _, c := range []struct {
		bad       bool
		key, text string
	}{
		{len(s.Command) == 0 || s.Command[0] == "", "command", "names no program"},
		{s.Decode == "", "decode", "is empty"},
		{s.Interval < 100*time.Millisecond, "interval", "must be 100ms at least"},
		{s.MaxLine < 1<<10 || s.MaxLine > 64<<20, "max_line", "must lie between 1KiB and 64MiB"},
	} {
		if c.bad {
			p = append(p, plugin.Problem{Key: c.key, Text: c.key + " of input exec " + c.text})
		}
	}
	return p
}

// line is one line, and whether it was cut.
type line struct {
	text string
	cut  bool
}

// input implements plugin.Fleeting.
type input struct {
	s           *Settings
	env         plugin.Env
	lines       chan line     // of the program that runs; nil without one, and once its output is closed
	ended       chan error    // takes how it ended, after lines is closed
	stop        chan struct{} // closed by Close: nothing is read any more
	cmd         *exec.Cmd
	out         io.Closer // what it writes to
	due         time.Time // when it is run again
	offset      int64     // where the next line stands; see Open
	runs, fails *meter.Counter
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	l := meter.Label{Name: "input", Value: env.Name}
	return &input{s: s, env: env, stop: make(chan struct{}),
		runs:  env.Meter.Counter("tallyman_exec_runs_total", "How often the program of an input exec was started.", l),
		fails: env.Meter.Counter("tallyman_exec_failures_total", "How often it could not be started, or ended with an error.", l)}, nil
}

// GivesOnce implements plugin.Fleeting.
func (in *input) GivesOnce() bool { return true }

// Open implements plugin.Input. There is no position. What has none still needs a
// place of its own, from which its id is made: bytes are counted from the time of the
// start in nanoseconds, so that the same line after another start is another event.
func (in *input) Open(context.Context, []byte) error {
	in.offset = in.env.Now().UnixNano()
	return nil
}

// Read implements plugin.Input.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	if in.gather(b); len(b.Events) > 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	if in.cmd == nil {
		if pause := in.due.Sub(in.env.Now()); pause > 0 {
			again := time.NewTimer(pause)
			defer again.Stop()
			select {
			case <-again.C:
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := in.start(); err != nil {
			in.fails.Inc()
			return plugin.Retry(fmt.Errorf("start %s: %w", in.s.Command[0], err))
		}
	}
	var ended chan error
	if in.lines == nil { // it may run on without an output
		ended = in.ended
	}
	select {
	case l, ok := <-in.lines:
		in.take(b, l, ok)
		in.gather(b)
		return nil
	case err := <-ended:
		return in.end(err)
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gather adds what is there.
func (in *input) gather(b *event.Batch) {
	for in.lines != nil && len(b.Events) < mostRecords {
		select {
		case l, ok := <-in.lines:
			in.take(b, l, ok)
		default:
			return
		}
	}
}

// take adds a line; ok says that there was one, and that the output is not closed.
func (in *input) take(b *event.Batch, l line, ok bool) {
	if !ok {
		in.lines = nil
		return
	}
	in.add(b, l)
}

func (in *input) add(b *event.Batch, l line) {
	if l.text == "" {
		return
	}
	var f event.Fields
	if l.cut {
		f = b.Take(nil, 1)
		f.AddString(schema.Tags, "tallyman_truncated")
	}
	b.Add(event.Event{Decode: in.s.Decode, Raw: l.text, Records: 1, Offset: in.offset, Seen: in.env.Now(), Fields: f, Shared: in.env.Shared})
	in.offset += int64(len(l.text)) + 1
}

// start runs the program, in a process group of its own so that Close ends its
// children too.
func (in *input) start() error {
	cmd := exec.Command(in.s.Command[0], in.s.Command[1:]...) //nolint:gosec // whoever writes the configuration names the program
	cmd.Dir = in.env.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	in.runs.Inc()
	in.cmd, in.out, in.lines, in.ended = cmd, out, make(chan line, ahead), make(chan error, 1)
	go read(bufio.NewReaderSize(out, 64<<10), int(in.s.MaxLine), in.lines, in.stop, func() { in.ended <- cmd.Wait() })
	return nil
}

// read hands on each line, and calls done when the program has closed its output.
func read(r *bufio.Reader, most int, lines chan<- line, stop <-chan struct{}, done func()) {
	defer done()
	defer close(lines)
	var text []byte
	cut := false
	for {
		part, err := r.ReadSlice('\n')
		if room := most - len(text); len(part) > room+1 {
			part, cut = part[:room], true
		}
		text = append(text, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		for n := len(text); n > 0 && (text[n-1] == '\n' || text[n-1] == '\r'); n = len(text) {
			text = text[:n-1]
		}
		if len(text) > 0 {
			select {
			case lines <- line{string(text), cut}:
			case <-stop:
				return
			}
		}
		if err != nil {
			return
		}
		text, cut = text[:0], false
	}
}

// end says how the program ended, and when it runs again.
func (in *input) end(err error) error {
	in.cmd = nil
	in.due = in.env.Now().Add(in.s.Interval)
	switch {
	case err != nil:
		in.fails.Inc()
		in.due = time.Time{} // the engine's pause grows
		err = fmt.Errorf("%s ended: %w", in.s.Command[0], err)
		if in.env.Once {
			return plugin.Permanent(err)
		}
		return plugin.Retry(err)
	case in.env.Once:
		return io.EOF
	}
	return nil
}

// Close implements plugin.Input.
func (in *input) Close() error {
	close(in.stop)
	if in.cmd == nil {
		return nil
	}
	pid := in.cmd.Process.Pid
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end process group %s: %w", strconv.Itoa(pid), err)
	}
	_ = in.out.Close() // a child that left the group may hold its other end open for ever
	how := <-in.ended  // known: it was killed, or had ended by itself
	_ = how
	in.cmd, in.lines = nil, nil
	return nil
}
