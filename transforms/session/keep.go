package session

import (
	"time"

	"tallyman/pipeline/keep"
)

// A snapshot is the seed of sums, the sessions, the processes, the execs, the
// starts, the clients and the runs, each a count and what was used or came first first.
const (
	keepMark    = "TLYSESSN"
	keepVersion = 2
)

// Snapshot appends everything that is remembered.
func (t *Transform) Snapshot(dst []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, w := t.known, keep.NewWriter(dst, keepMark, keepVersion)
	w.Bytes(k.words.seal.Seed[:])
	k.sessions.save(w, func(key loginKey, l *login) {
		texts(w, key.host, key.boot, key.ses)
		writeMark(w, l.mark)
		w.Time(l.opened)
		w.Time(l.last)
	})
	k.processes.save(w, func(key processKey, p *process) {
		texts(w, key.host, key.boot, key.container, key.entity)
		writeMark(w, p.mark)
		w.Int(key.pid)
		w.Int(p.tree)
		w.Time(p.last)
	})
	k.execs.save(w, func(v *evidence) {
		texts(w, v.how, v.id, v.user, v.from, v.key)
		w.Bytes(v.command[:])
		where(w, v.at, v.place, v.box)
		w.Bool(v.found)
		w.Bool(v.used)
	})
	k.starts.save(w, func(p *start) {
		where(w, p.at, p.place, p.box)
		w.Bytes(p.line.exact[:])
		w.Bytes(p.line.spaced[:])
		w.Int(p.pid)
		texts(w, p.entity, p.execID)
		w.Bool(p.unsure)
		w.Bool(p.known)
		w.Int(p.tree)
		writeMark(w, p.told)
	})
	k.clients.save(w, func(c *client) {
		where(w, c.at, c.place, box{})
		w.Uint(uint64(len(c.targets)))
		for i := range c.targets {
			w.Bytes(c.targets[i].name[:])
			w.Int(int64(c.targets[i].length))
			w.Bytes(c.targets[i].rest[:])
		}
		texts(w, c.ses, c.user, c.from, c.by)
	})
	k.runs.save(w, func(key processKey, r *run) {
		texts(w, key.host, key.boot, r.container, r.execID)
		w.Int(key.pid)
		w.Time(r.at)
	})
	w.Int(k.trees)
	return w.End(), nil
}

// Restore takes back a snapshot; of more than fits, the newest are kept.
func (t *Transform) Restore(snapshot []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = t.known.empty()
	r, err := keep.NewReader(snapshot, keepMark, keepVersion)
	if err != nil {
		return err
	}
	k := t.known.empty()
	seal := keep.NewSeal()
	copy(seal.Seed[:], r.Bytes())
	k.words = newWords(seal)
	k.sessions.load(r, func() (loginKey, login) {
		return loginKey{place{r.Str(), r.Str()}, r.Str()}, login{readMark(r), r.Time(), r.Time()}
	})
	k.processes.load(r, func() (processKey, process) {
		key := processKey{place: place{r.Str(), r.Str()}, container: r.Str(), entity: r.Str()}
		p := process{mark: readMark(r)}
		key.pid, p.tree, p.last = r.Int(), r.Int(), r.Time()
		return key, p
	})
	k.execs.load(r, func() *evidence {
		v := &evidence{how: r.Str(), id: r.Str(), user: r.Str(), from: r.Str(), key: r.Str(), command: readSum(r)}
		v.at, v.place, v.box = readWhere(r)
		v.found, v.used = r.Bool(), r.Bool()
		return v
	})
	k.starts.load(r, func() *start {
		p := &start{}
		p.at, p.place, p.box = readWhere(r)
		p.line, p.pid, p.entity, p.execID = cmdline{readSum(r), readSum(r)}, r.Int(), r.Str(), r.Str()
		p.unsure, p.known, p.tree, p.told = r.Bool(), r.Bool(), r.Int(), readMark(r)
		return p
	})
	k.clients.load(r, func() *client {
		c := &client{}
		c.at, c.place, _ = readWhere(r)
		c.targets, c.ses, c.user, c.from, c.by = readTargets(r), r.Str(), r.Str(), r.Str(), r.Str()
		return c
	})
	k.runs.load(r, func() (processKey, run) {
		key := processKey{place: place{r.Str(), r.Str()}}
		v := run{container: r.Str(), execID: r.Str()}
		key.pid, v.at = r.Int(), r.Time()
		return key, v
	})
	k.trees = r.Int()
	if err := r.Close(); err != nil {
		return err
	}
	t.known = k
	return nil
}

func texts(w *keep.Writer, list ...string) {
	for _, s := range list {
		w.Str(s)
	}
}

func readSum(r *keep.Reader) (v keep.Sum) {
	copy(v[:], r.Bytes())
	return v
}

func readTargets(r *keep.Reader) (list []target) {
	for n := r.Count(3); n > 0 && !r.Bad(); n-- {
		list = append(list, target{readSum(r), int(r.Int()), readSum(r)})
	}
	return list
}

func writeMark(w *keep.Writer, m mark) { texts(w, m.user, m.how, m.id, m.confidence, m.from) }

func readMark(r *keep.Reader) mark { return mark{r.Str(), r.Str(), r.Str(), r.Str(), r.Str()} }

func where(w *keep.Writer, at time.Time, p place, b box) {
	w.Time(at)
	texts(w, p.host, p.boot, b.id, b.name, b.cluster, b.namespace, b.pod, b.container)
}

func readWhere(r *keep.Reader) (time.Time, place, box) {
	return r.Time(), place{r.Str(), r.Str()}, box{r.Str(), r.Str(), r.Str(), r.Str(), r.Str(), r.Str()}
}
