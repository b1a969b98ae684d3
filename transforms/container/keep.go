package container

// What is remembered of processes and containers as bytes, and back.

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
	"tallyman/pipeline/plugin"
)

var _ plugin.Keeper = (*Transform)(nil)

// A snapshot is
//
//	boot own first nodes containers programs chains kernel learnt
//
// with the id of the boot and the name of this host, the numbers of the other
// hosts, the containers, the names of programs, for each pid the lives it had,
// the newest first, what the kernel told of processes (keepkernel.go), and the ids
// of the events that were learnt from and are kept (await.go); version 3 has not
// these. Lives name containers and programs by their place in
// those lists, counted from 1; 0 is none. Times are told from the first of the
// life, and that from the first of the life before.
const (
	keepMark    = "TLYPROCS"
	keepVersion = 4
)

// The flags of a life.
const (
	flagBrought = 1 << iota
	flagVouched
	flagEntered
	flagStale
	flagEnded
	flagBorn
	flagHost
	flagAmbiguous
	flagRuns // end is never
	flagExec // execAt is known
	flagDoubted
	flagEngine
	flagShown
	flags
)

// Snapshot appends the processes and containers that are known.
func (t *Transform) Snapshot(dst []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kernel != nil {
		t.kernel.mu.Lock()
		defer t.kernel.mu.Unlock()
	}
	w := &saver{Writer: keep.NewWriter(dst, keepMark, keepVersion), containers: map[*container]uint64{}, programs: map[string]uint64{"": 0}}
	w.Str(t.boot())
	w.Str(t.nodes.own)
	w.Bool(t.nodes.first)
	w.Uint(uint64(len(t.nodes.byName)))
	for _, name := range slices.Sorted(maps.Keys(t.nodes.byName)) {
		w.Str(name)
		w.Uint(uint64(t.nodes.byName[name]))
	}
	chains, lives := t.table.chains()
	w.list(t, lives)
	w.Grow(len(lives) * usualLife)
	w.Uint(uint64(len(chains)))
	for _, c := range chains {
		w.Uint(uint64(c.node))
		w.Int(int64(c.pid))
		w.Uint(uint64(c.lives))
		for _, l := range lives[:c.lives] {
			w.life(t.table, l)
		}
		lives = lives[c.lives:]
	}
	w.kernel(t.kernel)
	ids := slices.Collect(maps.Keys(t.learnt))
	for id := range t.resumed {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	w.Uint(uint64(len(ids)))
	for _, id := range ids {
		w.id(id)
	}
	return w.End(), nil
}

// pidLives is a pid, and how many lives it had.
type pidLives struct {
	who
	lives int
}

// chains returns all pids in their order, and the lives of each, the newest first. A step from
// life to life waits for memory, so it is taken once.
func (t *table) chains() ([]pidLives, []*life) {
	chains, lives := make([]pidLives, 0, t.lives.n), make([]*life, 0, t.lives.n)
	for w := range t.lives.all() {
		chains = append(chains, pidLives{who: w})
	}
	slices.SortFunc(chains, func(a, b pidLives) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.pid, b.pid))
	})
	for i := range chains {
		before := len(lives)
		for l := t.newest(chains[i].who); l != nil; l = t.older(l) {
			lives = append(lives, l)
		}
		chains[i].lives = len(lives) - before
	}
	return chains, lives
}

// boot returns the id of the boot, "" where it may not be known.
func (t *Transform) boot() string {
	if t.proc == nil {
		return ""
	}
	return t.proc.bootID()
}

// saver writes a snapshot.
type saver struct {
	*keep.Writer
	containers map[*container]uint64 // their places
	programs   map[string]uint64
	ran        [][2]uint64 // by the number of a program in the table: the places of its name and path
	from       int64       // the first of the life before
}

// usualLife is what a life takes, or little more.
const usualLife = 56

// list writes the containers and programs that are known or that lives name.
func (w *saver) list(t *Transform, lives []*life) {
	var containers []*container
	add := func(c *container) {
		if c != nil && w.containers[c] == 0 {
			containers = append(containers, c)
			w.containers[c] = uint64(len(containers))
		}
	}
	var programs []string
	runs := func(names ...string) {
		for _, p := range names {
			if _, ok := w.programs[p]; !ok {
				programs = append(programs, p)
				w.programs[p] = uint64(len(programs))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.reg.byID)) {
		add(t.reg.byID[id])
	}
	known := len(containers)
	w.ran = make([][2]uint64, len(t.table.progs.list))
	for _, l := range lives {
		add(t.table.in(l))
		if l.role != 0 {
			r := t.table.role(l)
			add(r.started)
			add(r.watches)
		}
		if ran := &w.ran[l.runs]; ran[0]|ran[1] == 0 {
			p := t.table.program(l)
			runs(p.name, p.exe)
			*ran = [2]uint64{w.programs[p.name], w.programs[p.exe]}
		}
	}
	if t.kernel != nil {
		for _, pid := range slices.Sorted(maps.Keys(t.kernel.lives)) {
			for l := t.kernel.lives[pid]; l != nil; l = l.prev {
				if add(l.told); l.prog != nil {
					runs(l.prog.name, l.prog.exe)
				}
			}
		}
	}
	w.Uint(uint64(len(containers)))
	for i, c := range containers {
		w.Bool(i < known)
		w.container(c)
	}
	w.Uint(uint64(len(programs)))
	for _, p := range programs {
		w.Str(p)
	}
}

func (w *saver) container(c *container) {
	k := &c.known
	w.Str(c.id)
	w.Int(c.used)
	w.Uint(bit(c.rooted, 1) | bit(c.named, 2) | bit(k.kube, 4))
	for _, s := range [...]string{k.name, k.runtime, k.image, k.imageID, k.digest, k.pod, k.parent} {
		w.Str(s)
	}
	switch {
	case k.privileged == nil:
		w.Uint(0)
	case *k.privileged:
		w.Uint(2)
	default:
		w.Uint(1)
	}
	w.Uint(uint64(len(k.labels)))
	for _, name := range slices.Sorted(maps.Keys(k.labels)) {
		w.Str(name)
		w.Str(k.labels[name])
	}
}

func bit(on bool, flag uint64) uint64 {
	if on {
		return flag
	}
	return 0
}

func (w *saver) id(id event.ID) {
	if id.IsZero() {
		w.Str("")
		return
	}
	w.Str(string(id[:]))
}

// place returns the place of a container, 0 for none.
func (w *saver) place(c *container) uint64 {
	if c == nil {
		return 0
	}
	return w.containers[c]
}

func (w *saver) life(t *table, l *life) {
	r := t.role(l)
	w.Uint(bit(r.brought, flagBrought) | bit(r.vouched, flagVouched) | bit(l.entered, flagEntered) | bit(l.stale, flagStale) |
		bit(l.ended, flagEnded) | bit(l.has(markBorn), flagBorn) | bit(l.got.host, flagHost) | bit(l.got.ambiguous, flagAmbiguous) |
		bit(l.end == never, flagRuns) | bit(l.execAt != 0, flagExec) |
		bit(r.doubted, flagDoubted) | bit(l.has(markEngine), flagEngine) | bit(l.has(markShown), flagShown))
	w.Int(int64(l.ppid))
	w.Int(l.first - w.from)
	w.from = l.first
	w.Int(l.last - l.first)
	if l.end != never {
		w.Int(l.end - l.first)
	}
	if l.execAt != 0 {
		w.Int(l.execAt - l.first)
	}
	w.Uint(w.place(t.in(l)))
	w.Uint(uint64(l.got.method))
	w.Uint(uint64(l.got.conf))
	w.Uint(uint64(l.got.hops))
	w.Uint(w.place(r.started))
	w.Uint(w.place(r.watches))
	if l.entered {
		w.Int(int64(r.from))
		w.Int(r.since - l.first)
		w.Int(int64(r.giver))
	}
	w.id(l.id)
	w.Uint(w.ran[l.runs][0])
	w.Uint(w.ran[l.runs][1])
}
