package journal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"tallyman/pipeline/vfs"
)

// pause is how long the writer waits before it tries a failed disk again.
const pause = time.Second

// group is what one commit writes: frames laid out as they will stand in the
// segment, but for what only the commit knows.
type group struct {
	buf     []byte
	frames  []waiting
	started time.Time // of the first frame
}

// waiting is one frame of a group.
type waiting struct {
	header
	off  int
	done func(error)
}

// reset empties the group. Its memory is kept for the next commit, but for more than
// most bytes: what one large frame needed is not kept for all that follow.
func (g *group) reset(most int) {
	clear(g.frames)
	g.buf, g.frames = g.buf[:0], g.frames[:0]
	if cap(g.buf) > most {
		g.buf = nil
	}
}

// grow makes room for n more bytes. It doubles the memory as append does, but not
// past most, unless these bytes need more.
func (g *group) grow(n, most int) {
	need := len(g.buf) + n
	if need <= cap(g.buf) {
		return
	}
	buf := make([]byte, len(g.buf), max(need, min(2*cap(g.buf), most)))
	copy(buf, g.buf)
	g.buf = buf
}

// Append puts a frame in line for the next commit and returns its sequence; the
// frame's bytes are the caller's again. It blocks while a commit is under way and
// the next one is as large as it may become, which is for long when the journal is
// full, and a frame that is not Urgent while only the reserve is left. That the
// frame is on stable storage, Done and Sync say.
//
// ErrTooLarge says that the frame takes about half of the journal or more;
// nothing of it was taken.
func (j *Journal) Append(ctx context.Context, f Frame) (uint64, error) {
	payload, flags := f.Payload, byte(0)
	if j.pack != nil {
		buf, _ := j.bufs.Get().(*[]byte)
		if buf == nil {
			buf = new([]byte)
		}
		defer j.bufs.Put(buf)
		if packed, ok := j.pack.pack((*buf)[:0], f.Payload); ok {
			*buf, payload, flags = packed, packed, flagZstd
		}
	}
	marks := marksSize(f.Marks)
	length := marks + len(payload)
	j.mu.Lock()
	for (j.crowded(headerSize+length, f.Urgent) || j.waits(f.Urgent)) && !j.closing && !j.gone {
		changed := j.changed
		j.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		j.mu.Lock()
	}
	defer j.mu.Unlock()
	if j.closing {
		return 0, ErrClosed
	}
	if j.gone {
		return 0, fmt.Errorf("%w: %s", ErrGone, j.o.Dir)
	}
	if !j.mayHold(int64(length)) {
		return 0, fmt.Errorf("a frame of %d bytes: %w", length, ErrTooLarge)
	}
	g := j.filling
	g.grow(headerSize+length, j.most(f.Urgent))
	w := waiting{off: len(g.buf), done: f.Done}
	g.buf = appendMarks(g.buf[:w.off+headerSize], f.Marks) // put writes the header
	g.buf = append(g.buf, payload...)
	w.header = header{kind: kindBatch, flags: flags, length: uint32(length), marks: uint32(marks), seq: j.seq,
		before: j.totals, records: f.Records, generated: f.Generated}
	if len(g.frames) == 0 {
		g.started = time.Now()
	}
	g.frames = append(g.frames, w)
	j.seq++
	j.totals = j.totals.plus(f.Records, f.Generated)
	if len(g.frames) == 1 || len(g.buf) >= j.o.CommitBytes {
		j.poke()
	}
	return w.seq, nil
}

// urgency is how many times as large a commit may become by urgent frames as by
// others: what their sources say meanwhile waits nowhere else.
const urgency = 4

// crowded reports whether a frame of size bytes has to wait until the writer takes
// the group that fills, which it then shall do as soon as it can. j.mu is held.
func (j *Journal) crowded(size int, urgent bool) bool {
	if n := len(j.filling.buf); n == 0 || n+size <= j.most(urgent) {
		return false
	}
	j.flush = true
	j.poke()
	return true
}

// most is how many bytes a commit may become by such a frame, unless it is the only one.
func (j *Journal) most(urgent bool) int {
	if urgent {
		return urgency * j.o.CommitBytes
	}
	return j.o.CommitBytes
}

// Fits reports whether the journal may hold a frame of that many bytes.
func (j *Journal) Fits(length int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mayHold(int64(length))
}

// mayHold reports whether a frame of that length fits a segment of its own
// beside one as large, which is when it always finds room. j.mu is held.
func (j *Journal) mayHold(length int64) bool {
	if length <= j.o.SegmentSize/2 {
		return true
	}
	return segmentHeaderSize+2*headerSize+int64(len(j.snapshot()))+length <= (j.soft()-fixedSize-j.o.Quarantine)/2
}

// write is the writer: it commits group after group until Close.
func (j *Journal) write() {
	defer j.writer.Done()
	for {
		g, closing := j.collect()
		if g != nil {
			if !j.commit(g) {
				j.refuseRest()
				return
			}
			continue
		}
		if closing {
			return
		}
	}
}

// collect waits until there is something to commit and takes it. It returns nil
// and true when there is nothing and the journal closes.
func (j *Journal) collect() (*group, bool) {
	j.mu.Lock()
	g := j.filling
	wait := j.o.CommitInterval - time.Since(g.started)
	switch {
	case len(g.frames) == 0:
		if j.flush = false; j.closing {
			j.mu.Unlock()
			return nil, true
		}
		wait = time.Hour
	case wait <= 0, len(g.buf) >= j.o.CommitBytes, j.flush, j.closing:
		j.filling, j.spare, j.flush = j.spare, nil, false
		j.announce() // who waits to append has room
		j.mu.Unlock()
		return g, false
	}
	j.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-j.kick:
	case <-j.quit:
	}
	return nil, false
}

// commit puts a group on stable storage, in as many segments as it takes, and
// says so to those who wait. A write or sync that fails is never retried on its
// descriptor: the segment is given up and the frames go to a fresh one.
func (j *Journal) commit(g *group) bool {
	defer func() {
		g.reset(j.o.CommitBytes)
		j.mu.Lock()
		j.spare = g
		j.mu.Unlock()
	}()
	for i := 0; i < len(g.frames); {
		if j.lookGone() {
			refuse(g.frames[i:], ErrGone)
			return false
		}
		n := j.fitting(g.frames[i:])
		if n == 0 {
			if err := j.rotate(&g.frames[i].header); err != nil {
				refuse(g.frames[i:], err)
				return false
			}
			n = max(j.fitting(g.frames[i:]), 1)
		}
		if err := j.put(g, i, i+n); err != nil {
			j.abandon(err)
			if !j.rest() {
				refuse(g.frames[i:], ErrClosed)
				return false
			}
			continue
		}
		for k := i; k < i+n; k++ {
			if done := g.frames[k].done; done != nil {
				done(nil)
			}
		}
		i += n
	}
	return true
}

// refuseRest refuses what waits: after a refused frame nothing may be accepted, or
// its marks would cover what was not.
func (j *Journal) refuseRest() {
	j.mu.Lock()
	g := j.filling
	j.filling = &group{}
	j.mu.Unlock()
	refuse(g.frames, ErrClosed)
}

func refuse(list []waiting, err error) {
	for i := range list {
		if list[i].done != nil {
			list[i].done(err)
		}
	}
}

// fitting returns how many of the frames the active segment has room for.
func (j *Journal) fitting(list []waiting) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.active == nil || j.ripe() {
		return 0
	}
	room := j.active.size - j.active.end
	n := 0
	for n < len(list) && room >= list[n].size() {
		room -= list[n].size()
		n++
	}
	return n
}

// put writes the frames from i to k and makes them durable.
func (j *Journal) put(g *group, i, k int) error {
	j.mu.Lock()
	s, f, durable := j.active, j.out, j.durable
	j.mu.Unlock()
	from, to := g.frames[i].off, len(g.buf)
	if k < len(g.frames) {
		to = g.frames[k].off
	}
	for n := i; n < k; n++ {
		w := &g.frames[n]
		body := g.buf[w.off+headerSize : w.off+int(w.size())]
		w.synced, w.sum = durable, s.key.sum(body)
		w.put(g.buf[w.off:], s.key)
	}
	begun := time.Now()
	if _, err := f.WriteAt(g.buf[from:to], s.end); err != nil {
		return fmt.Errorf("write %s: %w", s.name, err)
	}
	if err := f.Datasync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.name, err)
	}
	j.m.commits.Inc()
	j.m.commitNanos.Add(uint64(time.Since(begun)))
	j.m.bytes.Add(uint64(to - from))

	j.mu.Lock()
	defer j.mu.Unlock()
	s.end += int64(to - from)
	for n := i; n < k; n++ {
		w := &g.frames[n]
		j.accepted = j.accepted.plus(w.records, w.generated)
		if w.marks == 0 {
			continue
		}
		at := w.off + headerSize
		if err := replaceMarks(j.marks, g.buf[at:at+int(w.marks)]); err != nil {
			panic("journal: marks that Append wrote do not parse") // a mistake in this package
		}
	}
	j.durable = g.frames[k-1].seq
	j.failed = nil
	j.announce()
	return nil
}

// abandon gives up the active segment after a failure; what is durable in it
// stays readable.
func (j *Journal) abandon(err error) {
	j.o.Log.Error("the journal could not make events durable; it goes on in a fresh segment", "error", err)
	j.m.failures.Inc()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failed = err
	if j.active == nil {
		return
	}
	if err := j.out.Truncate(j.active.end); err == nil { // what was not accepted must not look so after a kill
		j.size -= j.active.size - j.active.end
		j.active.size = j.active.end
	}
	if err := j.out.Close(); err != nil {
		j.o.Log.Warn("close of a failed segment failed too", "error", err)
	}
	j.active, j.out = nil, nil
}

// seal ends the active segment. j.mu is held.
func (j *Journal) seal() {
	s := j.active
	if s == nil {
		return
	}
	err := j.out.Truncate(s.end)
	if err == nil {
		j.size -= s.size - s.end
		s.size = s.end
	}
	if err = errors.Join(err, j.out.Close()); err != nil {
		j.o.Log.Warn("the end of a journal segment could not be set", "segment", s.name, "error", err)
	}
	j.active, j.out = nil, nil
}

// rotate begins a segment whose first frame is h. It returns an error only when
// the journal closes; until then it waits for room, and for the disk.
func (j *Journal) rotate(h *header) error {
	j.mu.Lock()
	j.seal()
	snap := j.snapshot()
	j.mu.Unlock()
	size := max(j.o.SegmentSize, segmentHeaderSize+int64(len(snap))+2*headerSize+h.size())
	for {
		if err := j.makeRoom(h, size); err != nil {
			return err
		}
		err := j.create(h, snap, size)
		if err == nil {
			return nil
		}
		j.o.Log.Error("the journal could not begin a segment; it tries again", "error", err)
		j.number++ // the name may be there still
		j.m.failures.Inc()
		j.mu.Lock()
		j.failed = err
		j.mu.Unlock()
		full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
		if full && j.evictOne() {
			continue
		}
		if !j.rest() {
			return ErrClosed
		}
	}
}

// snapshot is the body of a snapshot: the marks, and the state.
func (j *Journal) snapshot() []byte {
	marks := make([]Mark, 0, len(j.marks))
	for k, v := range j.marks {
		marks = append(marks, Mark{k, v})
	}
	b := appendMarks(make([]byte, 8), marks)
	binary.LittleEndian.PutUint64(b, uint64(len(b)-8))
	return j.state().append(b)
}

// create makes a segment with its header and snapshot. They become durable with
// the first frame.
func (j *Journal) create(h *header, snap []byte, size int64) error {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	s := &segment{number: j.number, first: h.seq, id: binary.LittleEndian.Uint64(id[:]), before: h.before, known: true, size: size,
		begun: uint32(j.o.Now().Unix())}
	s.name, s.key = segmentName(s.number, s.first, s.id), newKey(s.id)
	marks := binary.LittleEndian.Uint64(snap)
	body := snap[8:]
	sh := header{kind: kindSnapshot, length: uint32(len(body)), marks: uint32(marks), seq: h.seq, before: h.before, sum: s.key.sum(body)}
	b := append(s.header(), make([]byte, headerSize)...)
	sh.put(b[segmentHeaderSize:], s.key)
	b = append(b, body...)

	path := filepath.Join(j.o.Dir, s.name)
	f, err := j.o.FS.Open(path, vfs.CreateNew)
	if err != nil {
		return err
	}
	err = f.Allocate(size)
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err == nil {
		err = f.Datasync()
	}
	if err == nil {
		err = j.o.FS.SyncDir(j.o.Dir)
	}
	if err != nil {
		return errors.Join(err, f.Close(), j.o.FS.Remove(path))
	}
	s.end = int64(len(b))
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number++
	j.segments = append(j.segments, s)
	j.active, j.out = s, f
	j.size += size
	return nil
}

// rest waits before the disk is tried again; false says that the journal closes.
func (j *Journal) rest() bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-j.quit:
		return false
	}
}
