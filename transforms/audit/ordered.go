package audit

import "math/bits"

// The kernel writes the fields of SYSCALL and of PATH always in one order, so
// that the next field is known before it is read. What stands in that order and
// is plain is taken here, eight bytes at a time; at the first field that is not,
// Walk goes on and gives what it always gave.

// step is one field of such a record.
type step struct {
	word, mask uint64 // its name and the equals sign, as load reads them
	n          int    // their length, at most 8
}

// callSteps are the fields of a SYSCALL record up to comm, in the kernel's order.
// Where they belong, facts.callSlots says.
var callSteps = steps("arch=", "syscall=", "success=", "exit=", "a0=", "a1=", "a2=", "a3=", "items=", "ppid=", "pid=", "auid=", "uid=", "gid=",
	"euid=", "suid=", "fsuid=", "egid=", "sgid=", "fsgid=", "tty=", "ses=")

// pathSteps are those of a PATH record from inode to rdev.
var pathSteps = steps("inode=", "dev=", "mode=", "ouid=", "ogid=", "rdev=")

func steps(names ...string) []step {
	out := make([]step, len(names))
	for i, name := range names {
		s := &out[i]
		s.n = len(name)
		for j := range len(name) {
			s.word |= uint64(name[j]) << (8 * j)
			s.mask |= 0xff << (8 * j)
		}
	}
	return out
}

// load returns eight bytes of s from i, of which there must be as many.
func load(s string, i int) uint64 {
	b := s[i : i+8]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// ordered takes fields of s from i in the order of steps into slots, and returns
// where it stopped: at the start of a field, or at the end of s. A field that does
// not stand there is passed over.
func ordered(s string, i int, steps []step, slots []*string) int {
	slots = slots[:len(steps)]
	for k := range steps {
		x := &steps[k]
		if i+8 > len(s) {
			return i
		}
		if load(s, i)&x.mask != x.word {
			continue
		}
		from := i + x.n
		if from+8 > len(s) {
			return i
		}
		// Nearly all values are shorter than eight bytes.
		end := from
		if w := blanksIn(load(s, from)); w != 0 {
			end += bits.TrailingZeros64(w) >> 3
		} else if end = blank(s, from+8); end < 0 {
			return i
		}
		if c := s[from]; c == '"' || c == '\'' {
			return i
		}
		// A value may hold blanks: it ends where another field begins.
		next := end + 1
		if k+1 == len(steps) || next+8 > len(s) || load(s, next)&steps[k+1].mask != steps[k+1].word {
			if keyLen(s[next:]) == 0 {
				return i
			}
		}
		*slots[k] = s[from:end]
		i = next
	}
	return i
}

// plainly is ordered for a text whose values are all plain, so that what stands behind
// them means what it would mean behind any others: it returns where it came to, with a
// slot set for each field that it passed, or 0 where a value holds a blank, a quote, an
// equals sign or a control character.
func plainly(s string, steps []step, slots []*string) int {
	slots = slots[:len(steps)]
	i := 0
	for k := range steps {
		x := &steps[k]
		if i+8 > len(s) {
			return 0
		}
		if load(s, i)&x.mask != x.word {
			continue
		}
		from := i + x.n
		end := from
		for ; ; end += 8 {
			if end+8 > len(s) {
				return 0
			}
			if w := marksIn(load(s, end)); w != 0 {
				end += bits.TrailingZeros64(w) >> 3
				break
			}
		}
		if end == from || s[end] != ' ' {
			return 0
		}
		*slots[k] = s[from:end]
		i = end + 1
	}
	return i
}

// marksIn has the highest bit set of the first byte of w that is a blank, a quote, an
// apostrophe, a control character or another below '(', or an equals sign; behind it it may
// be set of others.
func marksIn(w uint64) uint64 {
	const ones, tops, equals = 0x0101010101010101, 0x8080808080808080, 0x3d3d3d3d3d3d3d3d
	e := w ^ equals
	return ((w-'('*ones)&^w | (e-ones)&^e) & tops
}

// endOfQuoted returns where the quote stands that ends the text from i on, 0 where a
// control character stands before it, or nothing does.
func endOfQuoted(s string, i int) int {
	const ones, tops, quotes = 0x0101010101010101, 0x8080808080808080, 0x2222222222222222
	for ; i+8 <= len(s); i += 8 {
		w := load(s, i)
		q := w ^ quotes
		if m := ((w-' '*ones)&^w | (q-ones)&^q) & tops; m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c == '"' {
			return i
		} else if c < ' ' {
			return 0
		}
	}
	return 0
}

// blanksIn has the highest bit set of each byte of w that is a blank; behind the
// first of them it may be set of others too.
func blanksIn(w uint64) uint64 {
	const ones, tops, blanks = 0x0101010101010101, 0x8080808080808080, 0x2020202020202020
	w ^= blanks
	return (w - ones) &^ w & tops
}

// blank returns where the next blank of s stands from i on, -1 where none stands
// eight bytes before the end.
func blank(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if w := blanksIn(load(s, i)); w != 0 {
			return i + bits.TrailingZeros64(w)>>3
		}
	}
	return -1
}

// quotedAt returns the text in quotes behind name at i of s, and where the next
// field begins; 0 where that is not what stands there.
func quotedAt(s string, i int, name string) (val string, next int) {
	if len(s)-i <= len(name) || s[i:i+len(name)] != name || s[i+len(name)] != '"' {
		return "", 0
	}
	from := i + len(name)
	end := closing(s, from)
	if s[end-1] != '"' || end == from+1 {
		return "", 0
	}
	if end < len(s) && s[end] != ' ' {
		return "", 0
	}
	return s[from+1 : end-1], min(end+1, len(s))
}

// noCaps is how the PATH record of a file without capabilities ends.
const noCaps = "cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"

// pathInOrder takes the fields of a PATH record that stand in the kernel's order,
// and returns where it stopped.
func (f *facts) pathInOrder(item int, s string) int {
	const head = "item="
	if f.walkOnly || item > 9 || len(s) <= len(head)+2 || s[:len(head)] != head || s[len(head)] != byte('0'+item) || s[len(head)+1] != ' ' {
		return 0
	}
	i := len(head) + 2
	name, next := quotedAt(s, i, "name=")
	if next == 0 { // the item may go on: what follows it decides
		return 0
	}
	p := &f.place
	p.name = name
	f.member(item, 0, "name", name)
	slots := [...]*string{&p.inode, &p.dev, &p.mode, &p.ouid, &p.ogid, &p.rdev}
	i = ordered(s, next, pathSteps, slots[:])
	for k, v := range slots {
		if k == len(slots)-1 && *v == "00:00" {
			continue
		}
		if none(*v) {
			*v = ""
			continue
		}
		f.member(item, k+1, pathMembers[k+1], *v)
	}
	for _, kind := range [...]string{"NORMAL", "PARENT", "CREATE", "DELETE"} {
		const key = "nametype="
		if n := i + len(key) + len(kind); n < len(s) && s[n] == ' ' && s[n-len(kind):n] == kind && s[i:i+len(key)] == key && keyLen(s[n+1:]) > 0 {
			p.kind = kind
			f.member(item, 7, "nametype", kind)
			i = n + 1
			break
		}
	}
	if s[i:] == noCaps {
		return len(s)
	}
	return i
}
