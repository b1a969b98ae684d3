package audit

import (
	"errors"
	"math"
	"math/bits"
	"strings"
)

// ErrNoRecord says that a line is no audit record. Its text is for people; the
// caller keeps the line.
var ErrNoRecord = errors.New("audit: not an audit record: want [node=NAME] type=TYPE msg=audit(SEC.MS:SERIAL): …")

// Record is one audit record; every string is a view of the line it came from.
//
//	node=web-1 type=SYSCALL msg=audit(1795231896.857:584882): arch=… key=(null)␝ARCH=x86_64 …
//	└─ Node ─┘ └─ Type ──┘            └──── Sec, Milli, Serial ┘  └── Body ─────┘ └─ Enriched ──┘
type Record struct {
	Node     string // "" where the line has none
	Type     string // "SYSCALL", "UNKNOWN[1423]", or a number ("1300") in the kernel's own form
	Sec      int64  // seconds since 1970
	Milli    uint16 // 0 to 999
	torn     bool   // 0x1D stands in Body: a name holds it, or what auditd added was cut
	parted   bool   // Body is without Enriched; else it is all behind the head, and partBody was not called yet
	Serial   uint64
	Body     string // the fields as the kernel or the program wrote them
	Enriched string // what auditd added with log_format=ENRICHED, after 0x1D; often ""
}

// Parse reads one line, without its line feed, in the forms of auditd's log
// (RAW and ENRICHED, with or without node=) and of the kernel log
// ("audit: type=1300 audit(…): …"). It returns ErrNoRecord for everything else.
func Parse(line string) (Record, error) {
	var r Record
	if !r.read(line, &stampMemo{}) {
		return Record{}, ErrNoRecord
	}
	r.partBody()
	return r, nil
}

// partBody parts the body from what auditd added. Of most records it is known without.
func (r *Record) partBody() {
	if !r.parted {
		r.Body, r.Enriched, r.torn = split(r.Body)
		r.parted = true
	}
}

// stampMemo is the stamp that was read last: four of five records have that of
// the record before them, and to see that takes a tenth of reading it.
type stampMemo struct {
	text   string // "SEC.MS:SERIAL)"; "" for none
	head   string // all that stood between type and body of a record with it, " msg=audit(SEC.MS:SERIAL): "; "" for none
	sec    int64
	serial uint64
	milli  uint16
	host   string // of the head that the last record stood behind; the caller takes it
}

// same returns the type and the body of a line that begins as the one with the last stamp
// did, but for its type; no type for any other.
func (m *stampMemo) same(line string) (typ, body string) {
	const before = "type="
	if m.head == "" || len(line) < len(before)+16 || line[:len(before)] != before || line[len(line)-1] == '\r' {
		return "", ""
	}
	s := line[len(before):]
	n := 0
	w := blanksIn(load(s, 0))
	if w == 0 {
		n, w = 8, blanksIn(load(s, 8))
	}
	n += bits.TrailingZeros64(w) >> 3 // 8 for none: the head does not stand there
	if len(s)-n < len(m.head) || s[n:n+len(m.head)] != m.head {
		return "", ""
	}
	return s[:n], s[n+len(m.head):]
}

// read is Parse into r, which is empty, and false for ErrNoRecord. The body is not parted. A carriage
// return at the end is of the line, not of the record: neither the kernel nor a
// program writes one.
func (r *Record) read(line string, memo *stampMemo) bool {
	if n := len(line) - 1; n > 0 && line[n] == '\r' {
		line = line[:n]
	}
	s, ok := strings.CutPrefix(line, "type=")
	plain := ok
	if !ok {
		s = strings.TrimPrefix(line, "audit: ")
		if rest, ok := strings.CutPrefix(s, "node="); ok {
			if r.Node, s, ok = strings.Cut(rest, " "); !ok {
				return false
			}
		}
		if s, ok = strings.CutPrefix(s, "type="); !ok {
			return false
		}
	}
	n := typeLen(s)
	if n == 0 || n == len(s) {
		return false
	}
	r.Type, s = s[:n], s[n+1:]
	const msg = "msg=audit("
	if len(s) > len(msg) && s[:len(msg)] == msg {
		s = s[len(msg):]
	} else if s, ok = strings.CutPrefix(strings.TrimPrefix(s, "msg="), "audit("); !ok {
		return false
	}
	if n = len(memo.text); n > 0 && strings.HasPrefix(s, memo.text) {
		r.Sec, r.Milli, r.Serial = memo.sec, memo.milli, memo.serial
	} else {
		if n, ok = r.stamp(s, memo); !ok {
			return false
		}
		memo.text, memo.head, memo.sec, memo.milli, memo.serial = s[:n], "", r.Sec, r.Milli, r.Serial
	}
	body := s[n:]
	if len(body) > 1 && body[0] == ':' && body[1] == ' ' {
		if body = body[2:]; plain {
			memo.head = line[len("type=")+len(r.Type) : len(line)-len(body)]
		}
	} else {
		body = strings.TrimPrefix(strings.TrimPrefix(body, ":"), " ")
	}
	r.Body = body
	return true
}

// typeLen returns where the first blank of s is, its length where there is none.
func typeLen(s string) int {
	n := 0
	if len(s) >= 8 { // nearly all are shorter
		if w := blanksIn(load(s, 0)); w != 0 {
			return bits.TrailingZeros64(w) >> 3
		}
		n = 8
	}
	for n < len(s) && s[n] != ' ' {
		n++
	}
	return n
}

// maxSec is in the year 2242. A later stamp is no time that a kernel has, and
// nanoseconds of 64 bits end in 2262.
const maxSec = 1 << 33

// stamp reads "SEC.MS:SERIAL)" and returns its length. Most are of the second of memo.
func (r *Record) stamp(s string, memo *stampMemo) (int, bool) {
	var i int
	var ok bool
	sec := uint64(memo.sec)
	if dot := len("1790000000"); len(memo.text) > dot && len(s) > dot && memo.text[dot] == '.' && s[:dot+1] == memo.text[:dot+1] {
		i = dot
	} else if sec, i, ok = digitsOf(s, 0); !ok || i >= len(s) || s[i] != '.' || sec > maxSec {
		return 0, false
	}
	ms, j, ok := digitsOf(s, i+1)
	if !ok || j != i+4 || j >= len(s) || s[j] != ':' {
		return 0, false
	}
	serial, k, ok := digitsOf(s, j+1)
	if !ok || k >= len(s) || s[k] != ')' {
		return 0, false
	}
	r.Sec, r.Milli, r.Serial = int64(sec), uint16(ms), serial
	return k + 1, true
}

// digitsOf reads a decimal number of s from i; false where there is none, or
// one of more than 64 bits.
func digitsOf(s string, i int) (n uint64, end int, ok bool) {
	for end = i; end < len(s); end++ {
		d := uint64(s[end] - '0')
		if d > 9 {
			break
		}
		if end-i >= 19 && n > (math.MaxUint64-d)/10 { // 19 digits always fit
			return 0, end, false
		}
		n = n*10 + d
	}
	return n, end, end > i
}
