package container

// What the kernel told of processes, as bytes and back. A life that still ran
// may have ended since, and its pid may be another's: until /proc shows it with
// the same start it is only known for the time before.

import (
	"cmp"
	"maps"
	"slices"
)

// The flags of a kernel's life.
const (
	kflagRuns = 1 << iota
	kflagScanned
	kflags
)

// kernel writes the kernel's table:
//
//	clock texts lives
//
// with the texts of control groups that lives name by their place, counted from
// 1, and the lives of each pid, the oldest first.
func (w *saver) kernel(k *kernel) {
	if k == nil {
		w.Int(0)
		w.Uint(0)
		w.Uint(0)
		return
	}
	w.Int(k.clock)
	pids := slices.Sorted(maps.Keys(k.lives))
	texts, at := []string{}, map[*where]uint64{}
	n := uint64(0)
	for _, pid := range pids {
		for l := k.lives[pid]; l != nil; l = l.prev {
			n++
			if l.in != nil && at[l.in] == 0 {
				texts = append(texts, l.in.text)
				at[l.in] = uint64(len(texts))
			}
		}
	}
	w.Uint(uint64(len(texts)))
	for _, s := range texts {
		w.Str(s)
	}
	w.Uint(n)
	for _, pid := range pids {
		for l := k.lives[pid]; l != nil; l = l.prev {
			w.klife(l, at[l.in])
		}
	}
}

// klife writes one life; times are told from the start of the one before.
func (w *saver) klife(l *klife, in uint64) {
	start := l.start
	if start == always {
		start = 0
	}
	w.Uint(bit(l.end == never, kflagRuns) | bit(l.scanned, kflagScanned))
	w.Int(int64(l.pid))
	w.Int(int64(l.ppid))
	w.Int(start)
	if l.end != never {
		w.Int(l.end)
	}
	w.Uint(in)
	w.Int(l.since)
	w.Int(l.host)
	w.Int(l.exec)
	w.Uint(w.containers[l.told])
	w.Uint(uint64(l.hops))
	w.Uint(uint64(l.conf))
	w.id(l.id)
	if l.prog == nil {
		w.Uint(0)
		w.Uint(0)
		return
	}
	w.Uint(w.programs[l.prog.name])
	w.Uint(w.programs[l.prog.exe])
}

// kernel reads the kernel's table into one that may be filled already; use says
// whether it is of this boot of this host.
func (t *Transform) kernelTable(r *loaded, use bool) {
	clock := r.Int()
	var texts []string
	for n := r.Count(1); n > 0 && !r.Bad(); n-- {
		texts = append(texts, r.Str())
	}
	var lives []*klife
	for n := r.Count(13); n > 0 && !r.Bad(); n-- {
		l, text := r.klife(len(texts))
		if !use || t.kernel == nil || r.Bad() {
			continue
		}
		if text > 0 {
			l.in = t.kernel.place([]byte(texts[text-1]))
		}
		if l.prog != nil {
			l.prog = t.kernel.run(l.prog.name, l.prog.exe)
		}
		lives = append(lives, l)
	}
	if !r.Bad() && len(lives) > 0 {
		t.kernel.remember(lives, clock)
	}
}

func (r *loaded) klife(texts int) (l *klife, text uint64) {
	flag := r.Below(kflags)
	l = &klife{pid: int32(r.Int()), ppid: int32(r.Int()), start: r.Int(), end: never, kept: true, scanned: flag&kflagScanned != 0}
	if l.start == 0 {
		l.start = always
	}
	if flag&kflagRuns == 0 {
		l.end, l.kept = r.Int(), false
	}
	text = r.Below(uint64(texts) + 1)
	l.since, l.host, l.exec = r.Int(), r.Int(), r.Int()
	l.told = r.container()
	l.hops, l.conf = uint8(r.Below(256)), confidence(r.Below(uint64(confidences)))
	l.id = r.id()
	if p := (program{r.program(), r.program()}); p != (program{}) {
		l.prog = &p
	}
	return l, text
}

// remember adds lives of before a restart. What runs now goes on where it is the
// same process.
func (k *kernel) remember(lives []*klife, clock int64) {
	k.keptAt = clock
	slices.SortFunc(lives, func(a, b *klife) int { return cmp.Compare(a.start, b.start) })
	var ended []*klife
	for _, l := range lives {
		if k.count >= k.max {
			break
		}
		if k.resumed(l) {
			continue
		}
		if l.end == never && k.clock > 0 {
			l.end = max(clock, l.start) // it is not in /proc any more
		}
		k.insert(l)
		if l.end != never {
			ended = append(ended, l)
		}
	}
	slices.SortFunc(ended, func(a, b *klife) int { return cmp.Compare(a.end, b.end) })
	k.ended, k.first = append(ended, k.ended[k.first:]...), 0
}

// resumed gives a life that was seen since what was known of it before; it is
// false where there is none.
func (k *kernel) resumed(old *klife) bool {
	for l := k.lives[old.pid]; l != nil; l = l.prev {
		if l.start < old.start-2*grain || l.start > old.start+2*grain || old.start == always {
			continue
		}
		l.start, l.scanned = old.start, old.scanned
		l.id, l.exec = old.id, max(l.exec, old.exec)
		switch {
		case old.in != nil && old.in.strong:
			l.in, l.since, l.hops = old.in, old.since, old.hops
		case l.in == nil && l.host == 0:
			l.in, l.since, l.hops, l.host = old.in, old.since, old.hops, old.host
		}
		if l.told == nil && l.in == nil {
			l.told, l.conf, l.hops = old.told, old.conf, old.hops
		}
		return true
	}
	return false
}

// insert puts a life among those of its pid.
func (k *kernel) insert(l *klife) {
	k.count++
	at := k.lives[l.pid]
	if at == nil || at.start <= l.start {
		l.prev = at
		k.lives[l.pid] = l
		return
	}
	for at.prev != nil && at.prev.start > l.start {
		at = at.prev
	}
	l.prev, at.prev = at.prev, l
	l.end = min(l.end, at.start)
}
