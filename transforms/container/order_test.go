package container

import (
	"cmp"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tallyman/pipeline/schema"
)

// jitter hands out times of up to 5 ms that a fuzzer chooses.
type jitter struct {
	data []byte
	i    int
}

func (j *jitter) next() int64 {
	if len(j.data) == 0 {
		return 0
	}
	b := j.data[j.i%len(j.data)]
	j.i++
	return int64(b) * int64(5*time.Millisecond) / 256
}

// disordered is a connector whose changes come in another order, each late by a
// time of its own.
type disordered struct {
	*simConnector
	at []int64 // when each is told
}

func (d *disordered) next(dst []change) ([]change, int64, error) {
	if d.seen < len(d.changes) && d.at[d.seen] <= d.proc.at {
		dst = append(dst, d.changes[d.seen])
		d.seen++
	}
	return dst, d.proc.at - int64(5*time.Millisecond), nil
}

func (d *disordered) due() int64 {
	if d.seen < len(d.at) {
		return d.at[d.seen]
	}
	return never
}

// FuzzOrder tells the changes and the events of a capture in orders of all kinds,
// as several processors and a late reader make them: nothing panics, no process
// of the host is given a container, and none that is in one another's.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{0}, uint16(0))
	f.Add([]byte{255, 0, 130, 7}, uint16(1))
	f.Add([]byte("the order of things"), uint16(2000))
	dir := filepath.Join("testdata", "small")
	all := decodeCapture(f, dir)
	ticks := readTicks(f, filepath.Join(dir, "timeline.jsonl.gz"))
	sub := &subject{dir: dir, truth: truths(f, dir)}
	f.Fuzz(func(t *testing.T, data []byte, late uint16) {
		j := &jitter{data: data}
		sim := simOf(ticks)
		sim.adopt(all)
		r := &replayed{t: t, sim: sim, tr: simulated(t, sim)}
		sim.at = sim.begin
		d := &disordered{simConnector: connectorOf(ticks, sim, 0)}
		type told struct {
			at int64
			c  change
		}
		var order []told
		for _, c := range d.changes {
			order = append(order, told{c.t + j.next(), c})
		}
		slices.SortStableFunc(order, func(a, b told) int { return cmp.Compare(a.at, b.at) })
		for i, o := range order {
			d.changes[i] = o.c
			d.at = append(d.at, o.at)
		}
		r.follow(d)
		events := slices.Clone(all)
		key := map[string]int64{}
		for i := range events {
			key[events[i].key] = events[i].ev.Time.UnixNano() + j.next()
			events[i].ev.Fields = slices.Clone(events[i].ev.Fields)
		}
		slices.SortStableFunc(events, func(a, b capturedEvent) int { return cmp.Compare(key[a.key], key[b.key]) })
		out := r.send(events, time.Duration(late)*time.Millisecond)
		for i := range out {
			w, ok := sub.truth[events[i].key]
			got, host := out[i].Fields.Get(schema.ContainerID).Str(), out[i].Fields.Get(schema.TallymanContainerHost).True()
			if ok && (got != "" && got != w.Container || host && w.Container != "") {
				t.Errorf("%s of pid %d of %q was given %.8q (host %v) by %s", w.Event, w.PID, w.Container, got, host, out[i].Fields.Get(schema.TallymanContainerMethod).Str())
			}
		}
	})
}
