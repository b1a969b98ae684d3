package container

// What of /proc goes into the kernel's table.

import "strings"

func (p *program) engine() bool { return p.moves() || p.name == initName }

// moves reports whether what a program starts may be moved into a container after it
// was seen on the host.
func (p *program) moves() bool { return engine(p.exe) || engine(p.name) }

// run returns the one copy of a program.
func (k *kernel) run(name, exe string) *program {
	p := program{name, exe}
	if kept := k.progs[p]; kept != nil {
		return kept
	}
	if len(k.progs) >= 1<<14 {
		clear(k.progs)
	}
	kept := &program{strings.Clone(name), strings.Clone(exe)}
	k.progs[*kept] = kept
	return kept
}

// reading is what was read of a process in /proc.
type reading struct {
	start int64 // wall clock, give or take grain
	at    int64 // when it was read, or a little before
	ppid  int32
	text  []byte // of cgroup
	outer bool   // in the pid namespace of process 1
	name  string
	exe   string // "" where it was not read
}

// saw notes what was read of a life.
func (k *kernel) saw(l *klife, r *reading) {
	if l.start != always && (r.start > l.start+2*grain || r.start < l.start-2*grain) {
		return // the pid is another's by now
	}
	if l.start == always {
		l.start, l.ppid = r.start, r.ppid
	}
	if r.exe != "" || l.prog == nil {
		l.prog = k.run(r.name, r.exe)
	}
	w := k.place(r.text)
	switch {
	case w.host && l.in != nil && l.in.strong && l.since >= r.at: // it was moved since
	case w.host && r.outer:
		l.host = max(l.host, r.at)
		l.in = nil
	case !w.host && (l.in == nil || !l.in.strong):
		if l.in != w {
			l.in, l.since, l.hops = w, r.at, 0
		}
		if l.host == 0 && r.at-l.start < slack {
			l.since = l.start // nobody can move so soon what it has just made
		}
	}
}

// place returns what a text of /proc/PID/cgroup says.
func (k *kernel) place(text []byte) *where {
	if w := k.texts[string(text)]; w != nil {
		return w
	}
	w := &where{text: string(text)}
	var ok bool
	if w.groups, ok = parseGroups(w.text); ok && len(w.groups) > 0 {
		w.host = true
		for i := range w.groups {
			w.host = w.host && w.groups[i].host
		}
		m := &w.groups[glance{where: w.groups}.main()]
		w.id, w.strong = m.id, m.id != "" && !m.weak && m.parent == ""
	}
	if len(k.texts) >= 1<<14 {
		clear(k.texts)
	}
	k.texts[w.text] = w
	return w
}
