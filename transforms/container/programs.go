package container

// The programs that lives run, one copy of each.

import "strings"

// programs are those that some life runs: no more than there are lives, also where
// each has a name of its own. A program is never changed, and outlives its number
// where someone still reads it.
type programs struct {
	numbered[*running]
	by   map[program]ordinal
	late [64]ordinal // those of late, by what is cheap to tell of a program: most processes run few
}

// running is a program, and how many lives run it.
type running struct {
	program
	lives int
}

func newPrograms() programs {
	return programs{numbered: numbered[*running]{list: []*running{{}}}, by: map[program]ordinal{}}
}

// program returns what l runs; nobody changes it.
func (t *table) program(l *life) *program { return &t.progs.list[l.runs].program }

// run notes what l runs.
func (t *table) run(l *life, n ordinal) {
	was := l.runs
	if was == n {
		return
	}
	if l.runs = n; n != 0 {
		t.progs.list[n].lives++
	}
	if was != 0 {
		t.progs.leave(was)
	}
}

// leave notes that a life less runs a program; one that nobody runs has no number.
func (p *programs) leave(n ordinal) {
	at := p.list[n]
	if at.lives--; at.lives == 0 {
		delete(p.by, at.program)
		p.drop(n)
	}
}

// starts notes that l runs the program of a name and a path, which may be views.
func (t *table) starts(l *life, name, exe string) { t.run(l, t.progs.of(name, exe)) }

// of returns the number of a program, which a life is to run at once: nothing else
// keeps it.
func (p *programs) of(name, exe string) ordinal {
	if name == "" && exe == "" {
		return 0
	}
	late := &p.late[latePlace(name, exe)%len(p.late)]
	if at := p.list[*late]; at.name == name && at.exe == exe {
		return *late
	}
	n, ok := p.by[program{name, exe}]
	if !ok {
		at := &running{program: program{strings.Clone(name), strings.Clone(exe)}}
		n = p.add(at)
		p.by[at.program] = n
	}
	*late = n
	return n
}

// latePlace tells most programs of a host apart by their lengths and the ends of their
// names.
func latePlace(name, exe string) int {
	n := len(name) + 7*len(exe)
	if len(name) > 1 {
		n += 3*int(name[0]) + 5*int(name[len(name)-1])
	}
	return n
}
