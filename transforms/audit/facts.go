package audit

import (
	"hash/maphash"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// facts are what the records of one event say, gathered record by record and
// then written as fields. They are reused for every event of a lane; every
// string is a view of a record, of the arena, or constant.
type facts struct {
	t         *Transform
	arena     arena
	users     names
	bound     binds // addresses of sockets
	made      binds // transports of sockets
	ips       ipCache
	recent    wordCache
	calls     tails[callTail]
	ends      tails[pathTail]
	solos     tails[soloTail]
	titles    tails[title]
	preambles preambles

	buf    []byte       // scratch
	out    event.Fields // the fields of the event
	data   event.Fields // what has no name of its own: auditd.data
	args   []string
	keys   []string
	people []string // related.user
	paths  []path
	items  event.Fields // auditd.paths
	argv   argv
	wants  []string // what could not be understood, for error.message

	callSlots [22]*string // where callSteps belong
	place     path        // the PATH record that is read
	ofPaths   [16]rights  // of PATH records
	mine      ids         // what ids points to, unless it is what is known of a tail
	walkOnly  bool        // tests: read no field by its place

	one
	aside
	told bool // aside may say something
}

// one is what is set back for every event.
type one struct {
	head  *part     // the record that says what the event is
	tail  *callTail // of the SYSCALL record, nil where it was not read by it
	sys   bool      // there is a SYSCALL record
	exec  bool      // there is an EXECVE record
	mixed bool      // there are records whose fields may repeat those of others

	turned   bool // a PATH record has another number than that of its place
	twoCalls bool // a second SYSCALL record was told

	duplicate bool   // a field that matters stood twice in a record, with different values
	ambiguous bool   // a value may hold what others took for fields, or the other way round
	cur       string // the record that is read, for duplicates
	capped    bool   // leftover minds dataLimit
	direct    bool   // leftover writes to out: what comes now is the last of auditd.data
	over      bool   // leftover found no room
	steps     int    // fields that leftover was compared with, for tests

	arch    *arch
	archHex string
	call    *call
	sub     *call // what socketcall stands for
	nr      string
	nPaths  string
	nrTag   string // the name that auditd gave the number
	arg     [4]string
	subArg  [4]string // those of sub

	success, exit       string
	pid, ppid           string
	comm, exe, tty, ses string
	ids                 *ids
	cwd, title, shown   string // shown is titleText where it is known
	titled              *title // what is kept of title, nil where that is nothing
	flags               uint64 // of an open, where flagged says that they were read
	flagged             bool
	sock                sock

	who, auditName string // user.name and user.audit.name
	userID, reason string // user.id and event.reason
	line           string // process.command_line
	path           string // file.path
	toPath         string // file.target_path
}

// aside is what only records say that most events do not have: it is set back where one was
// read.
type aside struct {
	res, fd                 string // fd is the descriptor of a socketcall
	op, cmd, unit           string
	addr, hostname          string
	grp                     string
	perms, verdict          string // of an AVC: "read write" (AppArmor: "open"), "denied"
	permissive, seccompCode string
	appArmor                string
	dev, ino                string // of the file that access control names
	acName, acPath          string // its last part, its path
	target                  string // process acted on, by name
	module                  string // kernel module
	oflag, omode            string // OPENAT2
	note                    string // what the message says of an event without op=
	packet                  packet
}

// ids are the identities of a record as they stand there, and the names that
// auditd added.
type ids struct {
	auid, uid, gid, euid, suid, fsuid, egid, sgid, fsgid, id, acct string
	auidName, uidName, gidName, euidName, idName                   string
	named                                                          uint8 // which names auditd gave; its first word counts, even that there is none
}

func (f *facts) init(t *Transform) {
	f.t = t
	f.users.init(t)
	f.data = make(event.Fields, 0, 32)
	seed := maphash.MakeSeed()
	f.calls.seed, f.ends.seed, f.solos.seed, f.titles.seed = seed, seed, seed, seed
	f.ids = &f.mine
	f.argv.reset()
	id := f.ids
	f.callSlots = [...]*string{&f.archHex, &f.nr, &f.success, &f.exit, &f.arg[0], &f.arg[1], &f.arg[2], &f.arg[3], &f.nPaths, &f.ppid, &f.pid,
		&id.auid, &id.uid, &id.gid, &id.euid, &id.suid, &id.fsuid, &id.egid, &id.sgid, &id.fsgid, &f.tty, &f.ses}
}

// reset begins an event, whose fields are of the memory of out.
func (f *facts) reset(out *event.Batch) {
	if f.ids == &f.mine {
		f.mine = ids{}
	}
	if f.exec {
		f.argv.reset()
	}
	f.one = one{ids: &f.mine}
	if f.told {
		f.aside, f.told = aside{}, false
	}
	f.out, f.data, f.items = out.Room(room), f.data[:0], f.items[:0]
	f.args, f.keys, f.people, f.paths, f.wants = f.args[:0], f.keys[:0], f.people[:0], f.paths[:0], f.wants[:0]
}

// letGo forgets what was read of the events of a batch: each text that is left in a list
// would hold on to the chunk of the log that it is a view of, however old that is.
func (f *facts) letGo() {
	if f.exec {
		f.argv.reset()
	}
	f.one, f.mine, f.place, f.ofPaths = one{ids: &f.mine}, ids{}, path{}, [len(f.ofPaths)]rights{}
	f.aside, f.told = aside{}, false
	f.data, f.items, f.paths = emptied(f.data), emptied(f.items), emptied(f.paths)
	f.args, f.keys, f.people, f.wants = emptied(f.args), emptied(f.keys), emptied(f.people), emptied(f.wants)
}

// emptied returns the memory of a list with nothing in it, none where that is much.
func emptied[S ~[]E, E any](list S) S {
	if cap(list) > 1024 {
		return nil
	}
	clear(list[:cap(list)])
	return list[:0]
}

// gather reads every record of an event.
func (f *facts) gather(p *pending) {
	var calls int
	f.head, calls = f.chief(p)
	if calls > 0 { // what it says of the process counts, whatever other records say first
		f.callRecords(p, calls)
	}
	for i := range p.parts {
		r := &p.parts[i]
		switch r.typ {
		case typeSyscall:
		case typePath:
			f.pathRecord(&r.rec)
		case typeExecve:
			f.execve(&r.rec)
		case typeProctitle:
			f.proctitle(&r.rec)
		case typeCwd:
			f.cwdRecord(&r.rec)
		case typeSockaddr:
			f.sockaddr(&r.rec)
		case typeEOE:
			r.rec.partBody()
		default:
			f.mixed, f.told = true, true
			f.ownIDs()
			f.other(r)
		}
		if r.rec.torn { // only the names that begin a record may have the byte
			body := r.rec.Body
			f.ambiguous = f.ambiguous || strings.IndexByte(body[max(0, nameEnd(r.typ, body)):], separator) >= 0
		}
	}
	if f.exec {
		f.finishArgv(p)
	}
	if f.turned {
		f.pathsInTurn(p)
	}
	f.whole(p)
}

// callRecords reads the SYSCALL records of an event, of which there is more than one only
// where serials are mixed up.
func (f *facts) callRecords(p *pending, n int) {
	var call *Record
	for i := 0; n > 0; i++ {
		switch r := &p.parts[i]; {
		case r.typ != typeSyscall:
			continue
		case call == nil:
			call = &r.rec
			f.syscall(call)
		default:
			f.callAgain(call, &r.rec)
		}
		n--
	}
}

// whole looks for records that the event must have had: the kernel drops single
// records when its backlog is full, and a late record comes without the others.
func (f *facts) whole(p *pending) {
	if p.late {
		return // the tag says that the rest went on before
	}
	// The parent folder of a message queue is counted as an item, and hidden.
	queue := f.call != nil && strings.HasPrefix(f.call.name, "mq_")
	if n, ok := decimal(f.nPaths); ok && n > int64(len(f.paths)) && !queue {
		f.leftover("items", f.nPaths)
		f.want("PATH records are missing")
	}
	if f.sys && (f.nr == "" || f.pid == "" || f.exe == "") {
		f.want("the SYSCALL record is cut")
	}
	if f.sys && !f.exec && f.success == "yes" && f.call != nil && f.call.executes() {
		f.want("the EXECVE record is missing")
	}
	if p.bare && !single(f.head.typ) {
		f.want("the record has no serial to join it by")
		return
	}
	if !f.sys && auxiliary(f.head.typ) && f.head.typ != typeEOE && f.head.typ != typeModule {
		f.want("the SYSCALL record is missing")
	}
}

// chief returns the record that says what the event is: the first that has an
// action with a name of its own, else SYSCALL, else the first that is no part of a call. A
// BPF record stands beside the call that loaded a program, or beside the one (or
// none) that happened to free the last use of it; then it is the record that
// counts. calls is how many records are of type SYSCALL.
func (f *facts) chief(p *pending) (head *part, calls int) {
	var call, named, other *part
	for i := range p.parts {
		switch r := &p.parts[i]; {
		case r.typ == typeSyscall:
			call = r
			calls++
		case r.typ == typeExecve && call == nil: // an exec, should SYSCALL be lost
			call = r
		case auxiliary(r.typ), named != nil:
		case r.typ == typeBPF || f.t.tables.records.named(r.typ):
			named = r
		case other == nil:
			other = r
		}
	}
	switch {
	case named != nil:
		return named, calls
	case call != nil:
		return call, calls
	case other != nil:
		return other, calls
	}
	return &p.parts[0], calls
}

// want notes that something of the event is missing or not understood.
func (f *facts) want(what string) { f.wants = append(f.wants, what) }

// first sets *dst, unless a record before said something else: then the second
// saying is kept as a leftover.
func (f *facts) first(dst *string, key, val string) {
	if *dst == "" {
		*dst = val
	} else if *dst != val {
		f.leftover(key, val)
		f.duplicate = f.duplicate || twice(f.cur, key)
	}
}

// rest keeps a field that has no place of its own. What stands bare for nothing
// is absent; in quotes it is a text like any other.
func (f *facts) rest(t *Token) {
	if t.Form != Bare || !none(t.Val) {
		f.leftover(t.Key, f.value(t))
	}
}

// known keeps a value of a program's record unless it says that there is none.
func (f *facts) known(name, val string) {
	if !none(val) {
		f.leftover(name, val)
	}
}

// leftover keeps a value under auditd.data, once where it repeats unchanged.
func (f *facts) leftover(name, val string) {
	if val == "" {
		return
	}
	if name == "" {
		name = "text" // words that are no field
	}
	if f.mixed {
		n := min(len(f.data), dataLimit)
		f.steps += n
		for i := range f.data[:n] {
			if f.data[i].Named(name) && f.data[i].Str() == val {
				return
			}
		}
	}
	if f.capped && len(f.data) >= dataLimit {
		f.over = true
		return
	}
	to := &f.data
	if f.direct {
		to = &f.out
	}
	*to = append(*to, event.NewField(schema.AuditdData, name, event.String(val)))
}
