package syslog

import (
	"strings"
	"time"
)

const bom = "\ufeff"

// noPriority is the pri of a message that has none that can be read.
const noPriority = -1

// message is what a syslog message says. Its strings are views of the record.
type message struct {
	pri     int    // facility * 8 + severity, or noPriority
	badPri  bool   // there is a PRI, and it cannot be one
	version string // of RFC 5424; "" for RFC 3164
	host    string
	app     string // APP-NAME, or TAG
	proc    string
	msgid   string
	params  []param // of structured data, in order
	text    string  // MSG

	at    time.Time // UTC, set when timed
	timed bool
	local bool // the message does not say its zone
	east  int  // seconds east of UTC that were taken for local

	code     string // Cisco's mnemonic, "ASA-6-302014"
	sequence string // digits
	count    string // digits
	clock    string // "*" or "." of Cisco: the clock is not set, or no longer
	fine     bool   // the time has a fraction of a second
	zone     string // a zone after the time of which nobody says where it is
	uptime   string // "2y10w", where the device has no clock
	node     string // the card of a router that speaks, "RP/0/RSP0/CPU0"
	outer    string // the time at the front, as it is written
	relayed  bool   // and that is the time of a relay, which put its head before that of the device
	relay    string // the name of that relay, where the device says one of its own
	level    string // the severity as a word before the tag, "notice"
	selector string // "daemon.notice" before the tag, where the PRI says something else
	doubt    string // what is wrong, "" for nothing

	exported  bool // with the data of Check Point, which go-syslog does not take
	printable bool // the record is ASCII without control characters
}

// pair is the name of one value of structured data: its element and parameter.
type pair struct{ id, name string }

// param is one value of structured data; an element without parameters has one
// without a name.
type param struct {
	pair
	value string
	full  string // "id.name" where that is known already, else ""
}

func (m *message) reset() {
	clear(m.params)
	*m = message{pri: noPriority, params: m.params[:0]}
}

// wrong keeps the first of what is wrong.
func (m *message) wrong(what string) {
	if m.doubt == "" {
		m.doubt = what
	}
}

// priority reads the PRI and returns what follows it.
func (m *message) priority(s string) string {
	if s == "" || s[0] != '<' {
		return s
	}
	n, i := 0, 1
	for ; i < len(s) && i <= 6 && digit(s[i]); i++ {
		n = n*10 + int(s[i]-'0')
	}
	if i == 1 || i >= len(s) || s[i] != '>' {
		return s
	}
	if n > 191 || s[1] == '0' && i > 2 {
		m.badPri = true
		m.wrong("the PRI " + s[:i+1] + " is none of 0 to 191")
	} else {
		m.pri = n
	}
	return s[i+1:]
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func graph(c byte) bool { return c > ' ' && c < 0x7f }

// digits returns how many digits s begins with.
func digits(s string) int {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return i
}

// word cuts s at the first blank; found says whether there is one.
func word(s string) (first, rest string, found bool) {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// printable reports whether s is ASCII without control characters, as nearly all
// messages are: what looks for others need not look. It takes sixteen bytes at a time.
func printable(s string) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	odd := uint64(0)
	for ; len(s) >= 16; s = s[16:] {
		v, w := eight(s), eight(s[8:])
		// Of ASCII a bit becomes high where a byte is below a blank, or is DEL, and beside it.
		odd |= v | (v - ' '*low) | (v + low) | w | (w - ' '*low) | (w + low)
	}
	if len(s) >= 8 {
		w := eight(s)
		odd |= w | (w - ' '*low) | (w + low)
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return odd&high == 0
}

// eight returns the first eight bytes of s as one word.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
