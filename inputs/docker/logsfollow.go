package docker

import (
	"context"
	"errors"
	"io"
)

const (
	// maxPrinted is the longest line that is put together of its pieces. A longer one
	// becomes several records.
	maxPrinted = 1 << 20

	// chunkLines and chunkBytes are what is handed to the lane at once.
	chunkLines = 256
	chunkBytes = 256 << 10
)

// printed is one line of a container.
type printed struct {
	stream int
	timed  bool // the engine said when
	at     mark // where its stream is with it
	text   string
	part   string // why it is not whole, "" where it is
}

// chunk is what a follower hands to the lane.
type chunk struct {
	of    *printer
	lines []printed
	lost  string // what may be missing before them
	end   bool   // the follower has ended
	err   error  // why, nil for the end of what there is
	ran   bool   // the container ran when it began
}

// follower reads one container's log from a place on, in a goroutine of its own.
type follower struct {
	of   *printer
	out  chan<- chunk
	from place // what was read before
	at   place
	past [streams]bool   // what was read before is passed
	seen [streams]uint64 // lines of the time of from that came again

	waits [streams]pending
	now   chunk
	bytes int
}

// pending is a line whose end has not come.
type pending struct {
	text  []byte
	stamp string
	nano  int64
}

// read reads body to its end and hands everything on; with ctx done it stops.
// A line whose end never came is handed on where ended says that none will come.
func (f *follower) read(ctx context.Context, body io.Reader, ended bool) error {
	in := newFrames(body, f.of.tty)
	in.ended = ended
	for {
		p, err := in.next()
		if err != nil {
			if ended && errors.Is(err, io.EOF) {
				f.rest()
			}
			f.waits = [streams]pending{} // it is read again
			if sent := f.send(ctx); sent != nil {
				return sent
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		f.take(&p)
		if len(f.now.lines) >= chunkLines || f.bytes >= chunkBytes || !in.ready() {
			if err := f.send(ctx); err != nil {
				return err
			}
		}
	}
}

// take adds a piece to its line. The line ends with a piece that says so, with one
// that is shorter than pieces are (the driver local says nothing), and where the
// next one has another time.
func (f *follower) take(p *piece) {
	w := &f.waits[p.stream]
	if len(w.text) > 0 && p.nano != w.nano {
		f.line(p.stream, w.stamp, w.nano, string(w.text), "")
		*w = pending{}
	}
	last := p.last || len(p.text) < pieceSize
	switch {
	case len(w.text) == 0 && w.stamp == "" && last:
		f.line(p.stream, p.stamp, p.nano, string(p.text), "")
		return
	case len(w.text) == 0:
		w.stamp, w.nano = p.stamp, p.nano
	case len(w.text)+len(p.text) > maxPrinted:
		f.line(p.stream, w.stamp, w.nano, string(w.text), "the line goes on in the next event: it is longer than one may be")
		w.text = w.text[:0]
	}
	if w.text = append(w.text, p.text...); last {
		f.line(p.stream, w.stamp, w.nano, string(w.text), "")
		*w = pending{}
	}
}

// rest hands on what waits: the container has ended.
func (f *follower) rest() {
	for i := range f.waits {
		if w := &f.waits[i]; len(w.text) > 0 {
			f.line(i, w.stamp, w.nano, string(w.text), "its end never came")
		}
	}
}

// line hands on a line unless it was read before. One without a time has that of
// the line before it.
func (f *follower) line(stream int, stamp string, nano int64, text, part string) {
	from, at := f.from[stream], &f.at[stream]
	if stamp == "" {
		nano = max(at.nano, 1)
	}
	if !f.past[stream] {
		switch {
		case nano < from.nano:
			return
		case nano == from.nano:
			if f.seen[stream]++; f.seen[stream] <= from.n {
				f.past[stream] = f.seen[stream] == from.n // what follows is new, whatever the clock said then
				return
			}
		default:
			if f.past[stream] = true; from.n > 0 && f.seen[stream] == 0 {
				f.now.lost = "the last line of container " + f.of.id[:12] + " that was read is no more in its log: it was rotated away, or the log was cleared; what was printed since may be missing"
			}
		}
	}
	if at.nano == nano {
		at.n++
	} else {
		*at = mark{nano, 1}
	}
	f.now.lines = append(f.now.lines, printed{stream: stream, timed: stamp != "", at: *at, text: text, part: part})
	f.bytes += len(text)
}

// send hands on what was gathered; it waits for the lane.
func (f *follower) send(ctx context.Context) error {
	if len(f.now.lines) == 0 && f.now.lost == "" {
		return nil
	}
	f.now.of = f.of
	select {
	case f.out <- f.now:
		f.now, f.bytes = chunk{}, 0
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// follow reads what a container printed since a place, and, while it runs, what it
// prints; its last chunk says why it ended.
func (in *logs) follow(ctx context.Context, p *printer, from place, runs bool) {
	f := &follower{of: p, out: in.chunks, from: from, at: from}
	err := in.readLog(ctx, f, runs)
	select {
	case in.chunks <- chunk{of: p, end: true, err: err, ran: runs}:
	case <-ctx.Done():
	}
}

func (in *logs) readLog(ctx context.Context, f *follower, runs bool) error {
	if !runs { // many may have ended; they are read a few at a time
		select {
		case in.few <- struct{}{}:
			defer func() { <-in.few }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := in.readOnce(ctx, f, runs, !runs)
	if err != nil || !runs {
		return err
	}
	// The engine ends the stream when the container does, and may do so before the
	// last lines are in it: what there is now is asked for once more. It may have
	// hung up on a container that runs, too, whose last line may not be whole.
	var i logInspection
	if err := in.api.get(ctx, "/containers/"+f.of.id+"/json", &i); err != nil {
		return err
	}
	f.from, f.past, f.seen = f.at, [streams]bool{}, [streams]uint64{}
	return in.readOnce(ctx, f, false, !i.State.Running)
}

// readOnce reads from f.from on to the end of the stream; ended says that the
// container prints no more.
func (in *logs) readOnce(ctx context.Context, f *follower, follow, ended bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	body, err := in.api.logs(ctx, f.of.id, f.from.since(), follow)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was read to its end, or is given up
	return f.read(ctx, body, ended)
}
