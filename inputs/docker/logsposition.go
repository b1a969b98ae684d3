package docker

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"maps"
	"slices"
	"time"
)

// mark is how far one stream of a container was read: the time of the last line by
// the engine's clock, and how many lines of that time were read.
type mark struct {
	nano int64
	n    uint64
}

// place is how far a container was read.
type place [streams]mark

// since is what has to be asked for: from the stream on that is read less far, and
// a little of what is before, since the engine gives lines their times before it
// puts those of the two streams in order. 0 is all.
func (p place) since() int64 {
	a, b := p[0].nano, p[1].nano
	if a == 0 || b != 0 && b < a {
		a = b
	}
	return max(a-int64(overlap), 0)
}

// ahead reports whether lines were read that are newer than now, by the engine's
// clock in whole seconds: it was set back. The engine would leave out all that is
// printed until the clock has come as far again.
func (p place) ahead(now time.Time) bool {
	for _, m := range p {
		if m.n > 0 && !now.IsZero() && m.nano-int64(overlap) > now.Add(time.Second).UnixNano() {
			return true
		}
	}
	return false
}

// logsMagic begins the position of the input of logs: "DL" and the version. For
// each container follow the 32 bytes of its id and, for each stream, the time in
// nanoseconds since 1970 and the number of lines as varints; at the end a CRC-32C
// of all before it.
var logsMagic = []byte{'D', 'L', 1}

const idBytes = 32

func appendPlaces(b []byte, all map[string]place) []byte {
	from := len(b)
	b = append(b, logsMagic...)
	for _, id := range slices.Sorted(maps.Keys(all)) {
		raw, err := hex.DecodeString(id)
		if err != nil || len(raw) != idBytes {
			continue // no engine has such an id
		}
		b = append(b, raw...)
		for _, m := range all[id] {
			b = binary.AppendVarint(b, m.nano)
			b = binary.AppendUvarint(b, m.n)
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[from:], crc32.MakeTable(crc32.Castagnoli)))
}

func parsePlaces(raw []byte) (map[string]place, error) {
	n := len(raw) - 4
	if n < len(logsMagic) || string(raw[:len(logsMagic)]) != string(logsMagic) ||
		binary.BigEndian.Uint32(raw[n:]) != crc32.Checksum(raw[:n], crc32.MakeTable(crc32.Castagnoli)) {
		return nil, errPosition
	}
	all := map[string]place{}
	for b := raw[len(logsMagic):n]; len(b) > 0; {
		if len(b) < idBytes {
			return nil, errPosition
		}
		id := hex.EncodeToString(b[:idBytes])
		b = b[idBytes:]
		var p place
		for i := range p {
			nano, k := binary.Varint(b)
			if k <= 0 {
				return nil, errPosition
			}
			count, l := binary.Uvarint(b[k:])
			if l <= 0 {
				return nil, errPosition
			}
			p[i], b = mark{nano, count}, b[k+l:]
		}
		all[id] = p
	}
	return all, nil
}
