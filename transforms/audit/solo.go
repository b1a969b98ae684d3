package audit

import (
	"slices"
	"strings"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// Programs write the same record again and again, each time with the process that does
// it: cron opens a session every minute, systemd starts a service. Of such a record, which
// is an event by itself, all is known that stands behind the process.
//
//	pid=712 uid=0 auid=4294967295 … msg='op=PAM:session_open … res=success'␝UID="root" …
//	        └─ a tail, to the end of the line ────────────────────────────────────────┘

// soloTail is the event that a record becomes.
type soloTail struct {
	typ      uint16
	kind     string // as the log names it
	fields   event.Fields
	pid, seq int // which of them are the process's and the serial
	as       uint32
}

// knownSolo writes the event of a record whose tail is known. Of another it returns where
// the tail begins and its hash, 0 where the record begins in another way or is not alone.
func (f *facts) knownSolo(p *pending) (known bool, from int, h uint64) {
	const head = "pid="
	if len(p.parts) != 1 || p.bare || p.node != "" || f.walkOnly {
		return false, 0, 0
	}
	part := &p.parts[0]
	r := &part.rec
	s := r.Body
	if r.parted || !single(part.typ) || !strings.HasPrefix(s, head) {
		return false, 0, 0
	}
	pid, end := digits(s, len(head))
	if end == len(head) || end >= len(s) || s[end] != ' ' {
		return false, 0, 0
	}
	from = end + 1
	if keyLen(s[from:]) == 0 { // the value goes on
		return false, 0, 0
	}
	k, h := f.solos.find(s[from:], int(part.typ))
	if k == nil || k.typ != part.typ || k.kind != r.Type || k.as != f.users.changes {
		return false, from, h
	}
	f.out = append(f.out, k.fields...)
	f.out[k.pid].SetValue(event.Int(int64(pid)))
	f.out[k.seq].SetValue(sequence(p.serial))
	return true, from, h
}

// learnSolo keeps the event that was just written of a record; text is the record's body
// before it was parted.
func (f *facts) learnSolo(p *pending, text string, from int, h uint64) {
	r := &p.parts[0].rec
	f.mixed = false // it is the record itself
	if !f.solos.wanted(h, len(text)-from) || p.late || f.call != nil || f.sub != nil || !f.certain(r, text, from) {
		return
	}
	var t Token
	for w := NewWalk(r.Body[from:]); w.next(&t); {
		if t.Key == "pid" {
			return
		}
	}
	of := func(key schema.Key) int {
		return slices.IndexFunc(f.out, func(x event.Field) bool { return x.Key == key })
	}
	k := &soloTail{typ: p.parts[0].typ, kind: strings.Clone(r.Type), pid: of(schema.ProcessPID), seq: of(schema.EventSequence), as: f.users.changes}
	if k.pid < 0 || k.seq < 0 {
		return
	}
	k.fields = cloned(f.out)
	f.solos.keep(h, text[from:], k)
}
