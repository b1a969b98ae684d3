package audit

// syscall reads a SYSCALL record.
func (f *facts) syscall(r *Record) {
	text := r.Body
	known, tail, h := f.knownCall(r)
	if known {
		f.callOf()
		return
	}
	r.partBody()
	from := 0
	if !f.sys && !f.walkOnly { // nothing is set yet
		from = f.inOrder(r.Body)
	}
	f.sys, f.cur = true, r.Body
	var t Token
	w := Walk{s: r.Body, i: from}
	for w.next(&t) {
		switch t.Key {
		case "arch":
			if f.archHex == "" {
				f.archOf(t.Val)
			}
			f.first(&f.archHex, t.Key, t.Val)
		case "syscall":
			f.first(&f.nr, t.Key, t.Val)
		case "success":
			f.first(&f.success, t.Key, t.Val)
		case "exit":
			f.first(&f.exit, t.Key, t.Val)
		case "a0", "a1", "a2", "a3":
			f.first(&f.arg[t.Key[1]-'0'], t.Key, t.Val)
		case "items":
			f.first(&f.nPaths, t.Key, t.Val) // the number of PATH records; whole looks whether they are there
		case "subj":
			f.rest(&t)
			f.context(t.Key, t.Val)
		default:
			if !f.common(&t) {
				f.rest(&t)
			}
		}
	}
	f.cur = ""
	f.seen(&w)
	f.enriched(r)
	if tail > 0 {
		f.learnCall(r, text, tail, h)
	}
	f.callOf()
}

// callOf finds the call by its number.
func (f *facts) callOf() {
	if nr, ok := decimal(f.nr); ok {
		f.call = f.arch.call(nr)
	}
}

// inOrder takes the fields of a SYSCALL record that stand in the kernel's order,
// and returns where it stopped.
func (f *facts) inOrder(s string) int {
	i := ordered(s, 0, callSteps, f.callSlots[:])
	if f.archHex != "" {
		f.archOf(f.archHex)
	}
	val, next := quotedAt(s, i, "comm=")
	if next == 0 {
		return i
	}
	f.comm, i = val, next
	if val, next = quotedAt(s, i, "exe="); next > 0 {
		f.exe, i = val, next
	}
	return i
}

func (f *facts) archOf(s string) {
	if s == "c000003e" {
		f.arch = f.t.tables.x64
	} else {
		f.arch = f.t.tables.arches[s]
	}
	if f.arch == nil {
		f.leftover("arch", s)
	}
}

// common takes the fields that mean the same in every record; false for others.
func (f *facts) common(t *Token) bool {
	id := f.ids
	switch t.Key {
	case "pid":
		f.first(&f.pid, t.Key, t.Val)
	case "ppid":
		f.first(&f.ppid, t.Key, t.Val)
	case "auid":
		f.first(&id.auid, t.Key, t.Val)
	case "uid":
		f.first(&id.uid, t.Key, t.Val)
	case "gid":
		f.first(&id.gid, t.Key, t.Val)
	case "euid":
		f.first(&id.euid, t.Key, t.Val)
	case "suid":
		f.first(&id.suid, t.Key, t.Val)
	case "fsuid":
		f.first(&id.fsuid, t.Key, t.Val)
	case "egid":
		f.first(&id.egid, t.Key, t.Val)
	case "sgid":
		f.first(&id.sgid, t.Key, t.Val)
	case "fsgid":
		f.first(&id.fsgid, t.Key, t.Val)
	case "ses":
		f.first(&f.ses, t.Key, t.Val)
	case "tty", "terminal":
		f.first(&f.tty, t.Key, t.Val)
	case "comm":
		f.first(&f.comm, t.Key, f.text(t))
	case "exe":
		f.first(&f.exe, t.Key, f.text(t))
	case "key":
		f.key(f.text(t))
	default:
		return false
	}
	return true
}

// key takes the keys of an audit rule; several are parted by 0x01.
func (f *facts) key(s string) {
	for from, i := 0, 0; i <= len(s); i++ {
		if i == len(s) || s[i] == 0x01 {
			if i > from {
				f.keys = append(f.keys, s[from:i])
			}
			from = i + 1
		}
	}
}

// enriched reads the names that auditd added. What it made of arch, syscall and
// saddr says nothing that the record does not.
func (f *facts) enriched(r *Record) {
	if r.Enriched == "" {
		return
	}
	id := f.ids
	var t Token
	w := NewWalk(r.Enriched)
	for w.next(&t) {
		switch t.Key {
		case "AUID":
			id.name(&id.auidName, 1, t.Val)
		case "UID":
			id.name(&id.uidName, 2, t.Val)
		case "GID":
			id.name(&id.gidName, 4, t.Val)
		case "EUID":
			id.name(&id.euidName, 8, t.Val)
		case "ID":
			id.name(&id.idName, 16, t.Val)
		case "SYSCALL":
			f.nrTag = t.Val
		default:
			if !seam(r.Enriched[t.Pos:]) {
				f.leftover(t.Key, t.Val)
			}
		}
	}
	f.seen(&w)
}

// seen ends the walk over a text: where a mark is missing the line was cut, or it is
// not clear where a value ends.
func (f *facts) seen(w *Walk) { f.ambiguous = f.ambiguous || w.odd }

// translated flags a record whose enriched part names what its body has not.
func (f *facts) translated(r *Record) {
	if r.Enriched == "" {
		return
	}
	var t Token
	for w := NewWalk(r.Enriched); w.next(&t); {
		if !translates(r.Body, t.Key) {
			f.ambiguous = true
			return
		}
	}
}

// name takes the first word of auditd on one of the ids. It translates every id
// of a record, those of a program's text after those of the kernel.
func (id *ids) name(dst *string, bit uint8, val string) {
	if id.named&bit == 0 {
		id.named |= bit
		nameOf(dst, val)
	}
}

// nameOf takes a name that auditd found; it writes unknown(1234) and unset where
// it found none.
func nameOf(dst *string, val string) {
	if *dst == "" && val != "unset" && val != "" && (len(val) <= 8 || val[:8] != "unknown(") {
		*dst = val
	}
}
