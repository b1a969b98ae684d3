package syslog

import (
	"net/netip"
	"strconv"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
	"tallyman/pipeline/tail"
)

// chunkRoom is about how many bytes are read at once, and the text of a chunk.
const chunkRoom = 64 << 10

// peer is who sent a message. It is never changed.
type peer struct {
	fields  event.Fields // what every event of it carries
	allowed bool
}

// clientLabel is the label with the name in a client's certificate.
const clientLabel = "tls_client"

// newPeer returns the peer at an address; name is that of its certificate.
// Either may be empty.
func newPeer(address, name string) *peer {
	p := &peer{allowed: true}
	p.fields.AddString(schema.LogSourceAddress, address)
	if name != "" {
		p.fields.AddNamed(schema.Labels, clientLabel, event.String(name))
	}
	return p
}

// plain is an address without the marks of IPv4 in IPv6.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// chunk is what a reader hands to the lane: whole messages, as parts of one
// text. It is recycled; the text is not.
type chunk struct {
	text  string
	spans []span
	at    int // spans before it are handed on
	seen  time.Time
}

// add adds the messages of c to b until it holds most, and reports whether that
// was all of them.
func (in *input) add(b *event.Batch, c *chunk) bool {
	for ; c.at < len(c.spans); c.at++ {
		if len(b.Events) >= mostRecords {
			return false
		}
		s := &c.spans[c.at]
		e := b.Add(event.Event{ID: in.ids.Next(), Decode: in.s.Decode, Raw: c.text[s.from:s.to], Records: 1, Offset: in.offset, Seen: c.seen,
			Fields: b.Take(s.peer.fields, 1), Shared: in.env.Shared})
		e.Fields.AddString(schema.EventTimezone, in.s.Timezone)
		in.offset += int64(s.to - s.from)
		if s.size > 0 || s.note != "" {
			in.flag(e, s)
		}
	}
	return true
}

// flag marks a message that is not whole.
func (in *input) flag(e *event.Event, s *span) {
	e.Fields.AddString(schema.Tags, tail.TagTruncated)
	text := s.note
	if kept := int64(s.to - s.from); s.size > kept {
		in.count.cut.Inc()
		in.count.cutBytes.Add(uint64(s.size - kept))
		if text != "" {
			text += "; "
		}
		text += "the message has " + strconv.FormatInt(s.size, 10) + " bytes, its first " + strconv.FormatInt(kept, 10) + " are kept"
	}
	if s.note != "" {
		in.count.partial.Inc()
	}
	e.Fields.AddString(schema.ErrorMessage, text)
}
