package splunk

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tallyman/pipeline/plugin"
	"tallyman/pipeline/webclient"
)

// channelHeader names the channel of a request.
const channelHeader = "X-Splunk-Request-Channel"

// newGUID returns a random UUID (RFC 9562 section 5.4): what a channel is named.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// channel is what one receiver numbers our bodies in. Its numbers mean something
// to the indexer that gave them, and to nobody else: an indexer begins each
// channel anew, also after a restart. Whatever shows that two indexers stand
// behind one channel, or one that has forgotten it, ends the channel, and all that
// was not acknowledged in it is sent again in a fresh one.
type channel struct {
	id     string
	known  bool            // the receiver has said that it acknowledges
	last   int64           // the largest number so far, -1 for none: each must be larger
	open   map[int64]*sent // by number
	polled time.Time
	pause  time.Duration // the least until the next question, after one that failed
}

func newChannel() *channel { return &channel{id: newGUID(), last: -1, open: map[int64]*sent{}} }

// channelAt returns the channel at a receiver.
func (o *collector) channelAt(b *webclient.Backend) *channel {
	ch := o.channels[b]
	if ch == nil {
		ch = newChannel()
		o.channels[b] = ch
	}
	return ch
}

// giveUp ends the channel at a receiver: what is open in it is sent again.
func (o *collector) giveUp(b *webclient.Backend, why string) {
	ch := o.channels[b]
	for _, s := range ch.open {
		s.open = nil
	}
	o.channels[b] = nil
	o.lost.Inc()
	o.disorder++
	if o.disorder == 1 { // again and again is an error of Settle
		o.log.Warn("a channel of indexer acknowledgement is given up; what is not acknowledged in it is sent again",
			"url", b.URL(), "reason", why, "requests", len(ch.open))
	}
}

// ask is the question for the state of numbers, `{"acks":[0,1]}`.
func (o *collector) ask(ctx context.Context, b *webclient.Backend, ch *channel, numbers []int64) (answer, error) {
	secret, err := o.authorization()
	if err != nil {
		return answer{}, err
	}
	body := []byte(`{"acks":[`)
	for i, n := range numbers {
		if i > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendInt(body, n, 10)
	}
	body = append(body, "]}"...)
	got, err := o.client.DoAt(ctx, b, &webclient.Request{Path: "services/collector/ack", Secret: secret, Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, channelHeader: {ch.id}}})
	if err != nil {
		return answer{}, err
	}
	return o.believe(got, true)
}

// ready sees to it that the receiver acknowledges before it is given a body: one
// that does not would take the same body again and again.
func (o *collector) ready(ctx context.Context, b *webclient.Backend) error {
	ch := o.channelAt(b)
	if ch.known {
		return nil
	}
	_, err := o.ask(ctx, b, ch, []int64{0})
	switch _, code := codeOf(err); {
	case err == nil, code == codeBadChannel, code == codeNoChannel: // a channel begins with its first body
		ch.known = true
		return nil
	case code == codeAckDisabled:
		o.client.Doubt(b, err)
		return err
	}
	if e := webclient.Refused(err); e != nil && e.Status == http.StatusNotFound {
		err = plugin.Retry(fmt.Errorf("%w (this receiver has no indexer acknowledgement: set ack: false)", err))
		o.client.Doubt(b, err)
		return err
	}
	return err
}

// number files a body that the receiver has taken under the number it gave. An
// error says that nothing is known of the body.
func (o *collector) number(b *webclient.Backend, ch *channel, a answer, s *sent) error {
	if a.AckID == nil {
		ch.known = false
		err := plugin.Retry(errors.New("splunk: " + b.URL() + " took a body and gave no ackId (" + hintOf(codeAckDisabled) + ")"))
		o.client.Doubt(b, err)
		return err
	}
	s.at = o.now()
	if *a.AckID <= ch.last {
		// Another indexer answers, or this one began anew. The body is there, but
		// whom to ask for it nobody knows: it is sent again as well.
		o.giveUp(b, fmt.Sprintf("after number %d came number %d", ch.last, *a.AckID))
		return nil
	}
	ch.last = *a.AckID
	if len(ch.open) == 0 {
		ch.polled = s.at // the first question comes after an interval
	}
	ch.open[ch.last], s.open, s.number = s, ch, ch.last
	return nil
}

// mostPause is the longest pause between two questions to a receiver that does
// not answer them: each may take as long as an exchange may.
const mostPause = 30 * time.Second

// mostAsked is how many numbers one question has.
const mostAsked = 1000

// poll asks a receiver for what is open in its channel.
func (o *collector) poll(ctx context.Context, b *webclient.Backend, ch *channel) error {
	ch.polled = o.now()
	numbers := make([]int64, 0, min(len(ch.open), mostAsked))
	for n := range ch.open {
		if numbers = append(numbers, n); len(numbers) == mostAsked {
			break
		}
	}
	a, err := o.ask(ctx, b, ch, numbers)
	if err != nil {
		if _, code := codeOf(err); code == codeBadChannel || code == codeNoChannel {
			o.giveUp(b, "the receiver does not know it")
			return nil
		}
		ch.pause = min(max(2*ch.pause, o.settings.AckInterval), mostPause)
		return err
	}
	ch.pause = 0
	for text, done := range a.Acks {
		n, err := strconv.ParseInt(text, 10, 64)
		s := ch.open[n]
		if err != nil || s == nil || !done || !bytes.Equal(strconv.AppendInt(nil, n, 10), []byte(text)) {
			continue
		}
		delete(ch.open, n)
		o.confirm(s)
	}
	return nil
}
