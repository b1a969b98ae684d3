package plugintest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// fakeSettings are the settings of all fakes.
type fakeSettings struct {
	Path string `yaml:"path" doc:"Is the source."`
	Mode string `yaml:"mode" doc:"Is how the destination is." enum:"good,broken,stuck"`
}

// fakeInput reads the lines of a file that never shrinks but to nothing; fault
// is what it does wrong.
type fakeInput struct {
	fault, path string
	env         plugin.Env
	at          int
}

func (f *fakeInput) Open(_ context.Context, from []byte) error {
	f.at, _ = strconv.Atoi(string(from))
	switch {
	case f.fault == "reads again" && f.at > 0:
		f.at = 0
	case f.fault == "skips" && f.at > 0:
		f.at += 4
	}
	return nil
}

func (f *fakeInput) Close() error { return nil }

func (f *fakeInput) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	content, err := os.ReadFile(f.path)
	if err != nil {
		f.at = 0
		if f.fault == "ends when gone" {
			return io.EOF
		}
	}
	most := 512
	if f.fault == "all at once" {
		most = 1 << 30
	}
	for f.at < len(content) && len(b.Events) < most {
		line, _, whole := bytes.Cut(content[f.at:], []byte("\n"))
		if !whole {
			break
		}
		b.Add(f.record(string(line)))
		f.at += len(line) + 1
	}
	switch {
	case len(b.Events) > 0:
		if f.fault != "no position" {
			b.Position = strconv.AppendInt(nil, int64(f.at), 10)
		}
		return nil
	case f.env.Once:
		return io.EOF
	case f.fault == "fails idle":
		return errors.New("nothing there")
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if f.fault == "swallows the stop" {
			return nil
		}
		return ctx.Err()
	}
}

func (f *fakeInput) record(line string) event.Event {
	e := event.Event{Decode: "fake", Raw: line, Records: 1, Offset: int64(f.at), Seen: f.env.Now(), Shared: f.env.Shared}
	switch f.fault {
	case "upper case":
		e.Raw = strings.ToUpper(line)
	case "no shared":
		e.Shared = nil
	case "no records":
		e.Records = 0
	}
	return e
}

// fakeTransform joins each two records to an event.
type fakeTransform string

func (f fakeTransform) Lane(string) plugin.Stage { return &fakeStage{fault: string(f)} }
func (f fakeTransform) Close() error             { return nil }

type fakeStage struct {
	fault string
	held  []event.Event
}

func (s *fakeStage) Apply(_ context.Context, in, out *event.Batch) error {
	for _, e := range in.Events {
		if s.held = append(s.held, e.Own()); len(s.held) == 2 {
			s.emit(out)
		}
	}
	if s.fault == "ends batches" {
		s.emit(out)
	}
	return nil
}

func (s *fakeStage) emit(out *event.Batch) {
	if len(s.held) == 0 {
		return
	}
	var e event.Event
	for _, h := range s.held {
		e.Records += h.Records
		e.Fields.AddString(schema.Tags, h.Raw)
	}
	if s.fault == "loses" {
		e.Records = 1
	}
	out.Add(e)
	s.held = s.held[:0]
}

func (s *fakeStage) Held(dst []event.Event) []event.Event {
	if s.fault == "hides" {
		return dst
	}
	at := len(dst)
	dst = append(dst, s.held...)
	if s.fault == "holds decoded" {
		for i := range dst[at:] {
			dst[at+i].Decode = ""
		}
	}
	return dst
}

func (s *fakeStage) Flush(out *event.Batch) {
	if s.fault != "keeps" {
		s.emit(out)
	}
}

// lateError makes its text when it is asked.
type lateError []event.Event

func (e lateError) Error() string { return "refused: " + e[0].Get(schema.Message).Str() }

// fakeOutput delivers to itself.
type fakeOutput struct {
	fault, mode string
	got         []string
}

func (o *fakeOutput) Confirms() bool { return true }
func (o *fakeOutput) Close() error   { return nil }

func (o *fakeOutput) Probe(context.Context) error {
	if o.mode == "broken" && o.fault != "blind probe" {
		return errors.New("broken")
	}
	return nil
}

func (o *fakeOutput) Send(ctx context.Context, events []event.Event) error {
	broken := errors.New("broken")
	switch {
	case o.mode == "stuck":
		<-ctx.Done()
		return ctx.Err()
	case o.mode != "broken":
	case o.fault == "no kind":
		return broken
	case o.fault == "wrong index":
		return plugin.Partial([]plugin.Failure{{Index: 3, Err: broken}})
	case o.fault == "late error":
		return plugin.Retry(lateError(events))
	case o.fault == "no order":
		return plugin.Partial([]plugin.Failure{{Index: 1, Err: broken}, {Index: 0, Err: broken}})
	default:
		return plugin.Partial([]plugin.Failure{{Index: 0, Err: broken}, {Index: 2, Err: plugin.Permanent(broken)}})
	}
	if o.fault == "turns" {
		events = slices.Clone(events)
		slices.Reverse(events)
	}
	for i := range events {
		text := events[i].Get(schema.Message).Str()
		if o.fault != "keeps texts" {
			text = strings.Clone(text)
		}
		if o.got = append(o.got, text); o.fault == "doubles" {
			o.got = append(o.got, text)
		}
		if o.fault == "changes" {
			events[i].Fields.AddString(schema.Tags, "sent")
		}
	}
	return nil
}
