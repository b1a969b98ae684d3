package syslog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// TestI6TheKernelDropsDatagrams: what does not fit its buffer is counted exactly
// and raised.
func TestI6TheKernelDropsDatagrams(t *testing.T) {
	in := start(t, "udp://127.0.0.1:0", func(s *Settings, _ *plugin.Env) { s.ReceiveBuffer, s.Buffer = 32<<10, 256<<10 })
	c := dialInput(t, in)
	defer func() { _ = c.Close() }()
	const sent = 5000
	for i := range sent {
		send(t, c, fmt.Sprintf("<13>%d %s", i, strings.Repeat("x", 1000)))
	}
	var got, lost uint64
	last := -1
	for end := time.Now().Add(patience); got+lost < sent; {
		var b event.Batch
		in.looked = time.Time{}
		if err := in.Read(t.Context(), &b, 10*time.Millisecond); err != nil || time.Now().After(end) {
			t.Fatalf("%d came and %d were lost of %d: %v", got, lost, sent, err)
		}
		for i := range b.Events {
			n := 0
			if _, err := fmt.Sscanf(b.Events[i].Raw, "<13>%d", &n); err != nil || n <= last {
				t.Fatalf("after %d came %q", last, b.Events[i].Raw[:10])
			}
			last = n
			got++
		}
		for _, l := range b.Losses {
			if l.Reason != event.ReceiveDrop || l.Count == 0 || !strings.HasPrefix(l.Text, "the kernel dropped") {
				t.Errorf("a loss is %+v", l)
			}
			lost += l.Count
		}
	}
	if got+lost != sent || lost == 0 || got == 0 {
		t.Errorf("%d came and %d were lost of %d", got, lost, sent)
	}
	if !in.CannotWait() {
		t.Error("an input of datagrams says that it can wait")
	}
}

func TestLongDatagrams(t *testing.T) {
	in := start(t, "unixgram://%s", func(s *Settings, _ *plugin.Env) { s.MaxMessage = 1000 })
	c := dialInput(t, in)
	defer func() { _ = c.Close() }()
	long := "<13>" + strings.Repeat("x", 2000)
	for _, text := range []string{long, "\n\x00", "<13>next\r\n\x00"} {
		send(t, c, text)
	}
	got := until(t, in, 2)
	if got[0].Raw != long[:1000] || got[0].Get(schema.ErrorMessage).Str() != "the message has 2004 bytes, its first 1000 are kept" || got[1].Raw != "<13>next" {
		t.Errorf("read %s", dumps(got))
	}
}
