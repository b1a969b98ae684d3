package plugintest

import (
	"errors"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// restart is a trouble of our own: the process ended.
const restart Trouble = "an end of the process"

// kill says by chance that the process ends now, as long as there are troubles.
func (w *Weather) kill(one int) bool {
	if w.Left() == 0 || w.Int(one) != 0 {
		return false
	}
	w.Ended()
	return true
}

// later is a Collector under way, and what the engine knows of it.
type later struct {
	*Weather
	plugin.Collector

	open      func() plugin.Collector // one more life of the output
	first     []int                   // of the events of each frame, and one after the last
	confirmed uint64
	next      uint64 // the frame to be offered
	dead      map[int]error
	loan      Loan
}

// Collect offers a Collector frames of events as the engine does, with kills between,
// until all of them are confirmed; open builds one for each life, and pass lets time
// go by. It returns how many events there were, and why some were refused for good.
func (w *Weather) Collect(open func() plugin.Collector, pass func(time.Duration), frames int) (n int, dead map[int]error) {
	w.t.Helper()
	l := &later{Weather: w, Collector: open(), open: open, first: []int{0}, next: 1, dead: map[int]error{}}
	for range frames {
		n += max(0, w.Int(30)-5) // some hold nothing
		l.first = append(l.first, n)
	}
	for try := 0; l.confirmed < uint64(frames); try++ {
		if try == 100*mostTries {
			w.t.Fatalf("it comes to no end: %d of %d frames are confirmed: %s", l.confirmed, frames, w)
		}
		if l.next <= uint64(frames) && w.Int(3) > 0 && !l.offer() {
			continue
		}
		pass(l.settle(l.next > uint64(frames)))
		if w.kill(15) {
			l.again(true)
		}
	}
	pass(l.settle(true))
	shut(w.t, l.Collector)
	return n, l.dead
}

// again goes on after what is confirmed, with another life of the output or not.
func (l *later) again(killed bool) {
	if killed {
		shut(l.t, l.Collector)
		l.Collector = l.open()
	}
	l.next = l.confirmed + 1
}

// offer offers the next frame until it is taken, and reports whether that was so.
func (l *later) offer() bool {
	all := Events(l.first[l.next-1], l.first[l.next]-l.first[l.next-1])
	todo := [][]int{nil}
	for i := range all {
		todo[0] = append(todo[0], l.first[l.next-1]+i)
	}
	for len(todo) > 0 {
		list := todo[len(todo)-1]
		batch := make([]event.Event, 0, len(list))
		for _, i := range list {
			batch = append(batch, all[i-l.first[l.next-1]])
		}
		ctx, cancel := l.attempt()
		err := l.loan.call(l.t, batch, func(events []event.Event) error { return l.Collector.Collect(ctx, l.next, events) })
		stopped := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
			todo = todo[:len(todo)-1]
			continue
		case stopped:
			l.again(true)
			return false
		case errors.Is(err, plugin.ErrCollectAgain):
			l.again(false)
			return false
		}
		judge(l.t, err, len(batch))
		kind, _ := plugin.KindOf(err)
		if todo = append(todo[:len(todo)-1], l.Weather.again(err, list, l.dead)...); kind == plugin.KindRetry || kind == plugin.KindAfter {
			return false // it is offered anew after the next Settle
		}
	}
	l.next++
	return true
}

// settle settles once and returns how long the output may be left alone.
func (l *later) settle(all bool) time.Duration {
	ctx, cancel := l.attempt()
	defer cancel()
	confirmed, after, err := l.Settle(ctx, all)
	if confirmed >= l.next {
		l.t.Fatalf("frame %d is confirmed, and %d was not offered", confirmed, l.next)
	}
	l.confirmed = max(l.confirmed, confirmed)
	switch {
	case ctx.Err() != nil:
		l.again(true)
	case errors.Is(err, plugin.ErrCollectAgain):
		l.again(false)
	case err != nil:
		judge(l.t, err, 0)
		if _, wait := plugin.KindOf(err); wait > after {
			after = wait
		}
	}
	return after
}
