package audit

import (
	"hash/maphash"
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// What a SYSCALL record says from auid= on is the same in record after record of one
// kind of process, and what PATH says from dev= on in those of most files: the same
// user, the same program, the same rights. Such an end of a record is read once and
// found again by its text; what stands before it is plain numbers, read by place.
//
//	arch=c000003e syscall=257 … ppid=1 pid=2 auid=1000 … exe="/usr/bin/cat" key="k"␝ARCH=… AUID="ana" …
//	└─ read each time ───────────────────┘ └─ a tail, to the end of the line ─────────────────────────┘
//
// A tail counts only where reading it gave no doubt and set nothing that what stands
// before it may set, so that it means the same behind any other beginning.

// tails are the ends of records that are known, by their hash. K is what one says.
type tails[K any] struct {
	seed maphash.Seed
	at   [tailSets]tailSet[K]
}

const (
	// tailSets is half of how many are known at most: a host has some dozens of programs
	// that its rules tell of, and fewer kinds of files.
	tailSets = 256
	// tailBytes is the most that one has: what is known is held on to.
	tailBytes = 1024
)

// tailSet has the tails of some hashes. With one place for each, two that come often
// would keep each other out.
type tailSet[K any] struct {
	tails [2]tail[K]
	once  uint64 // the hash of the one that came last and is not known
}

type tail[K any] struct {
	hash   uint64
	text   string
	says   *K   // nil for none
	served bool // it was asked for since another wanted the place
}

// find returns what is known of a tail, nil for nothing, and its hash; also is what it
// depends on beside its text.
func (k *tails[K]) find(text string, also int) (*K, uint64) {
	h := maphash.String(k.seed, text) + uint64(also)
	set := &k.at[h%tailSets]
	for i := range set.tails {
		if at := &set.tails[i]; at.hash == h && at.says != nil && at.text == text {
			at.served = true
			return at.says, h
		}
	}
	return nil, h
}

// wanted reports whether a tail that is not known should be: it is when it comes for the
// second time, and one that has its place was not asked for meanwhile.
func (k *tails[K]) wanted(h uint64, size int) bool {
	set := &k.at[h%tailSets]
	if size > tailBytes {
		return false
	}
	if set.once != h {
		set.once = h
		return false
	}
	if set.tails[0].served && set.tails[1].served {
		set.tails[0].served, set.tails[1].served = false, false
		return false
	}
	return true
}

// keep takes a tail that is wanted.
func (k *tails[K]) keep(h uint64, text string, says *K) {
	set := &k.at[h%tailSets]
	at := &set.tails[0]
	if at.served {
		at = &set.tails[1]
	}
	*at = tail[K]{hash: h, text: strings.Clone(text), says: says}
}

// callTail is what a SYSCALL record says from auid= on.
type callTail struct {
	ids                      ids
	tty, ses, comm, exe, tag string // tag is the name that auditd gave the call's number
	keys                     []string
	data                     event.Fields // what has no name of its own
	groups                   event.Fields // what system adds to it of the other groups
	who, auditName, userID   string       // as in facts, and
	identity                 event.Fields // what identity writes, nil where that is not known
	identityAs               uint32       // with these names
}

// tailOfCall is the field that begins the tail.
const tailOfCall = "auid="

// headOfCall is how many of callSteps stand before it.
const headOfCall = 11

// knownCall takes a SYSCALL record whose tail is known. Of one that is not it returns
// where the tail begins and its hash; 0 where the record begins in another way.
func (f *facts) knownCall(r *Record) (known bool, from int, h uint64) {
	if r.parted || f.sys || f.walkOnly {
		return false, 0, 0
	}
	s := r.Body
	from = plainly(s, callSteps[:headOfCall], f.callSlots[:headOfCall])
	if from == 0 || len(s)-from < len(tailOfCall) || s[from:from+len(tailOfCall)] != tailOfCall || f.archHex == "" {
		for _, p := range f.callSlots[:headOfCall] {
			*p = ""
		}
		return false, 0, 0
	}
	k, h := f.calls.find(s[from:], 0)
	if k == nil {
		return false, from, h
	}
	f.sys, f.tail = true, k
	f.archOf(f.archHex)
	f.ids, f.tty, f.ses, f.comm, f.exe, f.nrTag = &k.ids, k.tty, k.ses, k.comm, k.exe, k.tag
	f.keys = append(f.keys, k.keys...)
	if len(k.data) > 0 {
		f.data = append(f.data, k.data...)
	}
	return true, from, h
}

// learnCall keeps what the tail of the SYSCALL record that was just read says. text is
// the record's body before it was parted.
func (f *facts) learnCall(r *Record, text string, from int, h uint64) {
	if !f.calls.wanted(h, len(text)-from) || f.arch == nil || !f.certain(r, text, from) {
		return
	}
	var t Token
	for w := NewWalk(r.Body[from:]); w.next(&t); {
		switch t.Key {
		case "arch", "syscall", "success", "exit", "a0", "a1", "a2", "a3", "items", "ppid", "pid":
			return
		}
	}
	k := &callTail{ids: f.ids.clone(), tty: strings.Clone(f.tty), ses: strings.Clone(f.ses), comm: strings.Clone(f.comm), exe: strings.Clone(f.exe),
		tag: strings.Clone(f.nrTag), data: cloned(f.data)}
	for _, key := range f.keys {
		k.keys = append(k.keys, strings.Clone(key))
	}
	for i, id := range [...]string{k.ids.egid, k.ids.sgid, k.ids.fsgid} {
		if id != "" {
			k.groups = append(k.groups, event.NewField(schema.AuditdData, groupNames[i], event.String(id)))
		}
	}
	f.calls.keep(h, text[from:], k)
}

// certain reports whether nothing that was read so far is in doubt, and the tail is parted
// from what auditd added wherever it stands.
func (f *facts) certain(r *Record, text string, from int) bool {
	return from <= len(r.Body) && partsAlike(r, text[from:], len(r.Body)-from) &&
		!f.duplicate && !f.ambiguous && !f.mixed && !f.turned && len(f.wants) == 0 && !r.torn
}

// partsAlike reports whether a tail, of which the first n bytes are the record's own, is
// parted there also behind what makes split look more closely.
func partsAlike(r *Record, tail string, n int) bool {
	const before = `name="ID=" `
	raw, enriched, torn := split(before + tail)
	return len(raw) == len(before)+n && enriched == r.Enriched && !torn
}

// ownIDs lets the ids be changed: what is known of a tail is not.
func (f *facts) ownIDs() {
	if f.ids != &f.mine {
		f.mine = *f.ids
		f.ids = &f.mine
	}
}

// clone returns the same with texts of their own.
func (id *ids) clone() ids {
	c := *id
	for _, s := range [...]*string{&c.auid, &c.uid, &c.gid, &c.euid, &c.suid, &c.fsuid, &c.egid, &c.sgid, &c.fsgid, &c.id, &c.acct,
		&c.auidName, &c.uidName, &c.gidName, &c.euidName, &c.idName} {
		*s = strings.Clone(*s)
	}
	return c
}

func cloned(fields event.Fields) event.Fields {
	c := slices.Clone(fields)
	for i := range c {
		c[i] = c[i].Clone()
	}
	return c
}

// pathTail is what a PATH record says from dev= on, or from nametype= where there is no
// inode.
type pathTail struct {
	rights  rights
	item    int
	members event.Fields
	inode   event.Fields // what inode writes behind the inode itself, nil where that is not known
	inodeAs uint32       // with these names
}

// headOfPath is how a PATH record begins, but for the digit of its item.
const headOfPath = `item=0 name="`

var headStart, headEnd = load(headOfPath, 0), load(headOfPath, 5)

// knownPath takes a PATH record whose tail is known, as knownCall does.
func (f *facts) knownPath(r *Record) (known bool, from int, h uint64) {
	item := len(f.paths)
	if r.parted || f.walkOnly || item >= readyItems {
		return false, 0, 0
	}
	const inode, device, kind = "inode=", "dev=", "nametype="
	s := r.Body
	if len(s) < len(headOfPath) || load(s, 0) != headStart+uint64(item)<<(5*8) || load(s, 5) != headEnd+uint64(item) {
		return false, 0, 0
	}
	end := endOfQuoted(s, len(headOfPath))
	if end <= len(headOfPath) || end+2 > len(s) || s[end+1] != ' ' {
		return false, 0, 0
	}
	name, number := s[len(headOfPath):end], ""
	from = end + 2
	if strings.HasPrefix(s[from:], inode) {
		i := from + len(inode)
		for from = i; from < len(s) && s[from]-'0' < 10; {
			from++
		}
		if number = s[i:from]; number == "" || !strings.HasPrefix(s[from:], " "+device) {
			return false, 0, 0
		}
		from++
	} else if !strings.HasPrefix(s[from:], kind) { // of a file that is not there
		return false, 0, 0
	}
	k, h := f.ends.find(s[from:], item)
	if k == nil || k.item != item {
		return false, from, h
	}
	f.paths = append(f.paths, path{name: name, inode: number, rights: &k.rights, tail: k})
	return true, from, h
}

// learnPath keeps what the tail of the PATH record that was just read says, whose
// members are those from first on.
func (f *facts) learnPath(r *Record, text string, from, first int, h uint64) {
	if !f.ends.wanted(h, len(text)-from) || !f.certain(r, text, from) {
		return
	}
	var t Token
	for w := NewWalk(r.Body[from:]); w.next(&t); {
		switch t.Key {
		case "item", "name", "inode":
			return
		}
	}
	item := len(f.paths) - 1
	if first++; f.paths[item].inode != "" { // members without its name and inode
		first++
	}
	k := &pathTail{rights: *f.paths[item].rights, item: item, members: cloned(f.items[first:])}
	for _, s := range [...]*string{&k.rights.dev, &k.rights.mode, &k.rights.ouid, &k.rights.ogid, &k.rights.rdev, &k.rights.kind, &k.rights.owner, &k.rights.group} {
		*s = strings.Clone(*s)
	}
	for i := range k.members { // names of one place are known again without a look at them
		if at := slices.Index(f.t.tables.paths[item][:], k.members[i].Name()); at >= 0 {
			k.members[i].SetName(f.t.tables.paths[item][at])
		}
	}
	f.ends.keep(h, text[from:], k)
}
