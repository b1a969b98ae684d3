package container

import (
	"testing"
	"time"
)

func TestHistory(t *testing.T) {
	a, b := &container{id: "A"}, &container{id: "B"}
	inA, inB, onHost := state{in: a}, state{in: b}, state{host: true}
	ms := func(n int64) int64 { return n * int64(time.Millisecond) }
	for name, c := range map[string]struct {
		tell      func(h *history)
		pid, ppid int32
		at        int64
		want      answer
	}{
		"a child is where its parent is": {func(h *history) { h.begin(0, 5, 1, inA); h.fork(ms(10), 6, 5); h.fork(ms(20), 7, 6) },
			7, 6, 100, answer{in: a, method: methodTracefs, conf: confExact, hops: 2}},
		"on the host by forks from the host": {func(h *history) { h.begin(0, 5, 1, onHost); h.fork(ms(10), 6, 5) },
			6, 5, 100, answer{host: true, method: methodTracefs, conf: confExact, hops: 1}},
		"moved, long ago": {func(h *history) { h.begin(0, 5, 1, onHost); h.fork(ms(10), 6, 5); h.moved(ms(20), 6, inA) },
			6, 5, 100, answer{in: a, method: methodTracefs, conf: confExact}},
		"moved about then": {func(h *history) { h.begin(0, 5, 1, onHost); h.fork(ms(10), 6, 5); h.moved(ms(110), 6, inA) },
			6, 5, 100, answer{in: a, method: methodTracefs, conf: confHigh}},
		"moved later": {func(h *history) { h.begin(0, 5, 1, onHost); h.fork(ms(10), 6, 5); h.moved(ms(120), 6, inA) },
			6, 5, 100, answer{host: true, method: methodTracefs, conf: confExact, hops: 1}},
		"forked before the parent moved": {func(h *history) { h.begin(0, 5, 1, onHost); h.fork(ms(10), 6, 5); h.moved(ms(20), 5, inA) },
			6, 5, 100, answer{host: true, method: methodTracefs, conf: confExact, hops: 1}},
		"a parent that is not known":       {func(h *history) { h.fork(ms(10), 6, 5) }, 6, 5, 100, answer{}},
		"never seen":                       {func(*history) {}, 6, 5, 100, answer{}},
		"not started yet":                  {func(h *history) { h.begin(0, 5, 1, inA); h.fork(ms(120), 6, 5) }, 6, 5, 100, answer{}},
		"ended":                            {func(h *history) { h.begin(0, 5, 1, inA); h.fork(ms(10), 6, 5); h.exit(ms(99), 6) }, 6, 5, 100, answer{}},
		"started within the stamp's lag":   {func(h *history) { h.begin(0, 5, 1, inA); h.fork(ms(114), 6, 5) }, 6, 5, 100, answer{in: a, method: methodTracefs, conf: confExact, hops: 1}},
		"the life before":                  {twice(inA, inB), 6, 5, 30, answer{in: a, method: methodTracefs, conf: confExact}},
		"the life after":                   {twice(inA, inB), 6, 5, 60, answer{in: b, method: methodTracefs, conf: confExact}},
		"two lives at once, by parent":     {twice(inA, inB), 6, 7, 45, answer{in: a, method: methodTracefs, conf: confExact}},
		"two lives at once, no parent":     {twice(inA, inB), 6, 99, 45, answer{ambiguous: true}},
		"two lives at once, one place":     {twice(inA, inA), 6, 99, 45, answer{in: a, method: methodTracefs, conf: confHigh, ambiguous: true}},
		"forked by a thread of one in A":   {func(h *history) { h.begin(0, 5, 1, inA); h.fork(ms(10), 6, 55) }, 6, 5, 100, answer{in: a, method: methodTracefs, conf: confHigh, hops: 1}},
		"forked by a thread of the host's": {func(h *history) { h.begin(0, 5, 1, onHost); h.fork(ms(10), 6, 55) }, 6, 5, 100, answer{}},
		"a move without a start":           {func(h *history) { h.moved(ms(10), 6, inA) }, 6, 5, 100, answer{in: a, method: methodTracefs, conf: confExact}},
	} {
		h := newHistory()
		c.tell(h)
		if got := h.answer(c.pid, c.ppid, ms(c.at)); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// twice is a pid that ends at 50 ms and comes again at once, first as a child of
// 7 and then of 8.
func twice(first, second state) func(h *history) {
	return func(h *history) {
		at := 50 * int64(time.Millisecond)
		h.begin(0, 6, 7, first)
		h.exit(at, 6)
		h.begin(at+1, 6, 8, second)
	}
}
