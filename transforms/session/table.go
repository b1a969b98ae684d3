package session

import (
	"container/list"

	"tallyman/pipeline/keep"
	"tallyman/pipeline/meter"
)

// table is a map that forgets what was used longest ago when it would hold more
// than max.
type table[K comparable, V any] struct {
	max       int
	forgotten *meter.Counter
	at        map[K]*list.Element
	changed   func(key K, by int) // unless nil, told of each key that comes or goes
	use       list.List           // of *cell[K, V], the last used first
}

type cell[K comparable, V any] struct {
	key   K
	value V
}

func newTable[K comparable, V any](most int, forgotten *meter.Counter) *table[K, V] {
	return &table[K, V]{max: most, forgotten: forgotten, at: map[K]*list.Element{}}
}

func (t *table[K, V]) len() int { return len(t.at) }

// get returns the value of key, nil where there is none, and counts as a use.
func (t *table[K, V]) get(key K) *V {
	e, ok := t.at[key]
	if !ok {
		return nil
	}
	t.use.MoveToFront(e)
	return &e.Value.(*cell[K, V]).value
}

func (t *table[K, V]) put(key K, value V) {
	if v := t.get(key); v != nil {
		*v = value
		return
	}
	if len(t.at) >= t.max {
		t.drop(t.use.Back().Value.(*cell[K, V]).key)
		t.forgotten.Inc()
	}
	t.at[key] = t.use.PushFront(&cell[K, V]{key, value})
	if t.changed != nil {
		t.changed(key, 1)
	}
}

// drop forgets a key, of which the caller's may be a view: changed is told of the table's own.
func (t *table[K, V]) drop(key K) {
	if e, ok := t.at[key]; ok {
		t.use.Remove(e)
		delete(t.at, key)
		if t.changed != nil {
			t.changed(e.Value.(*cell[K, V]).key, -1)
		}
	}
}

// each calls f with every value; it is no use of any.
func (t *table[K, V]) each(f func(*V)) {
	for e := t.use.Front(); e != nil; e = e.Next() {
		f(&e.Value.(*cell[K, V]).value)
	}
}

// save writes the table, what was used longest ago first.
func (t *table[K, V]) save(w *keep.Writer, one func(K, *V)) {
	w.Uint(uint64(len(t.at)))
	for e := t.use.Back(); e != nil; e = e.Prev() {
		c := e.Value.(*cell[K, V])
		one(c.key, &c.value)
	}
}

// load adds what save wrote.
func (t *table[K, V]) load(r *keep.Reader, one func() (K, V)) {
	for n := r.Count(2); n > 0 && !r.Bad(); n-- {
		t.put(one())
	}
}

// queue is a list that forgets its oldest when it would hold more than max.
type queue[V any] struct {
	max       int
	forgotten *meter.Counter
	list      []*V
}

// push adds v. That an old one makes room is counted where it still matters.
func (q *queue[V]) push(v *V, matters func(old *V) bool) {
	if len(q.list) >= q.max {
		if matters(q.list[0]) {
			q.forgotten.Inc()
		}
		q.list[0] = nil
		q.list = append(q.list[:0], q.list[1:]...)
	}
	q.list = append(q.list, v)
}

func (q *queue[V]) save(w *keep.Writer, one func(*V)) {
	w.Uint(uint64(len(q.list)))
	for _, v := range q.list {
		one(v)
	}
}

func (q *queue[V]) load(r *keep.Reader, one func() *V) {
	for n := r.Count(2); n > 0 && !r.Bad(); n-- {
		q.push(one(), func(*V) bool { return false })
	}
}
