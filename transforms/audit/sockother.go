package audit

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// familyWords are the address families that have no network.type in the schema,
// by number (linux/socket.h), as auditd.data.socket_family says them.
const familyWords = `unspec unix inet ax25 ipx appletalk netrom bridge atmpvc x25 inet6 rose decnet netbeui security key netlink packet ash
	econet atmsvc rds sna irda pppox wanpipe llc ib mpls can tipc bluetooth iucv rxrpc isdn phonet ieee802154 caif alg nfc vsock kcm qipcrtr
	smc xdp mctp`

// The families whose addresses are read here.
const (
	familyIPX       = 4
	familyAppleTalk = 5
	familyX25       = 9
	familyLLC       = 26
	familyCAN       = 29
	familyTIPC      = 30
	familyBluetooth = 31
	familyIUCV      = 32
	familyPhonet    = 35
	familyALG       = 38
	familyNFC       = 39
	familyVsock     = 40
	familyQIPCRTR   = 42
	familyXDP       = 44
	familyMCTP      = 45
)

// families returns the words of familyWords.
func families() []string { return strings.Fields(familyWords) }

// otherAddress reads an address of a family that is neither IP nor unix. Its text
// is made for people and for comparison; the bytes are kept beside it, because
// these addresses have parts that no text here says. Numbers are in the byte
// order of the machine, but where a protocol says otherwise.
func (f *facts) otherAddress(s *sock, family int, b []byte) {
	if words := f.t.tables.families; family < len(words) {
		s.other = words[family]
	} else {
		s.other = f.number(int64(family))
	}
	var o binary.ByteOrder = binary.LittleEndian
	if b[0] == 0 && family != 0 {
		o = binary.BigEndian
	}
	at := len(b) // the text is built behind the address, in the same memory
	if t := appendOther(b, s, family, b[2:at], o); len(t) > at {
		s.text = f.arena.keep(t[at:])
	}
}

// appendOther appends the text of the address a, without the family, to dst. What
// is too short for its family is left as it is.
func appendOther(dst []byte, s *sock, family int, a []byte, o binary.ByteOrder) []byte {
	switch {
	case family == familyVsock && len(a) >= 10:
		s.port = int64(o.Uint32(a[2:]))
		return strconv.AppendUint(dst, uint64(o.Uint32(a[6:])), 10) // the context id
	case family == familyQIPCRTR && len(a) >= 10:
		s.port = int64(o.Uint32(a[6:]))
		return strconv.AppendUint(dst, uint64(o.Uint32(a[2:])), 10)
	case family == familyALG && len(a) >= 22:
		return append(append(append(dst, cstring(a[:14])...), ':'), cstring(a[22:])...)
	case family == familyCAN && len(a) >= 6:
		return appendNumber(dst, "ifindex=", o.Uint32(a[2:]))
	case family == familyNFC && len(a) >= 14:
		dst = appendNumber(dst, "device=", o.Uint32(a[2:]))
		dst = appendNumber(dst, " target=", o.Uint32(a[6:]))
		return appendNumber(dst, " protocol=", o.Uint32(a[10:]))
	case family == familyXDP && len(a) >= 10:
		dst = appendNumber(dst, "ifindex=", o.Uint32(a[2:]))
		return appendNumber(dst, " queue=", o.Uint32(a[6:]))
	case family == familyBluetooth:
		return appendBluetooth(dst, a, o)
	case family == familyMCTP && len(a) >= 8:
		dst = appendNumber(dst, "network=", o.Uint32(a[2:]))
		return appendNumber(dst, " address=", uint32(a[6]))
	}
	return appendOld(dst, s, family, a, o)
}

// appendOld appends the addresses of older protocols.
func appendOld(dst []byte, s *sock, family int, a []byte, o binary.ByteOrder) []byte {
	switch {
	case family == familyNetlink && len(a) >= 10:
		pid, groups := o.Uint32(a[2:]), o.Uint32(a[6:])
		if pid == 0 && groups == 0 { // the kernel
			return dst
		}
		dst = appendNumber(dst, "pid=", pid)
		return append(append(dst, " groups=0x"...), strconv.FormatUint(uint64(groups), 16)...)
	case family == familyPacket && len(a) >= 10:
		dst = appendNumber(dst, "ifindex=", o.Uint32(a[2:]))
		dst = append(append(dst, " protocol=0x"...), hex.EncodeToString(a[:2])...)
		if n := int(a[9]); n > 0 && len(a) >= 10+n {
			dst = appendMAC(append(dst, " address="...), a[10:10+n])
		}
		return dst
	case family == familyIPX && len(a) >= 12:
		s.port = int64(binary.BigEndian.Uint16(a))
		return appendMAC(append(hex.AppendEncode(dst, a[2:6]), '.'), a[6:12])
	case family == familyAppleTalk && len(a) >= 5:
		s.port = int64(a[0])
		dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(a[2:])), 10)
		return strconv.AppendUint(append(dst, '.'), uint64(a[4]), 10)
	case family == familyX25 && len(a) >= 1:
		return append(dst, cstring(a)...)
	case family == familyLLC && len(a) >= 12:
		s.port = int64(a[5])
		return appendMAC(dst, a[6:12])
	case family == familyTIPC && len(a) >= 14:
		dst = appendNumber(dst, "type=", o.Uint32(a[2:]))
		dst = appendNumber(dst, " lower=", o.Uint32(a[6:]))
		return appendNumber(dst, " upper=", o.Uint32(a[10:]))
	case family == familyPhonet && len(a) >= 3:
		dst = appendNumber(dst, "object=", uint32(a[0]))
		dst = appendNumber(dst, " device=", uint32(a[1]))
		return appendNumber(dst, " resource=", uint32(a[2]))
	case family == familyIUCV && len(a) >= 30:
		return append(append(append(dst, strings.TrimRight(string(a[14:22]), " \x00")...), '.'), strings.TrimRight(string(a[22:30]), " \x00")...)
	}
	return dst
}

// appendBluetooth tells the four kinds of address apart by their length: HCI, SCO,
// RFCOMM and L2CAP. A bdaddr is written last byte first.
func appendBluetooth(dst, a []byte, o binary.ByteOrder) []byte {
	var addr []byte
	channel, name := -1, " channel="
	switch {
	case len(a) == 4:
		return appendNumber(dst, "hci=", uint32(o.Uint16(a)))
	case len(a) >= 12: // L2CAP: psm, address, cid, type
		addr, channel, name = a[2:8], int(binary.LittleEndian.Uint16(a)), " psm="
	case len(a) >= 7: // RFCOMM: address, channel
		addr, channel = a[:6], int(a[6])
	case len(a) == 6:
		addr = a
	default:
		return dst
	}
	var back [6]byte
	for i := range back {
		back[i] = addr[5-i]
	}
	if dst = appendMAC(dst, back[:]); channel >= 0 {
		dst = appendNumber(dst, name, uint32(channel))
	}
	return dst
}

func appendNumber(dst []byte, name string, n uint32) []byte {
	return strconv.AppendUint(append(dst, name...), uint64(n), 10)
}

func appendMAC(dst, b []byte) []byte {
	for i := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = hex.AppendEncode(dst, b[i:i+1])
	}
	return dst
}

// cstring returns a text up to its NUL.
func cstring(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
