package rules

import "container/list"

// table is a map that forgets the key that was used longest ago when it would
// hold more than max. It is not safe for several goroutines.
type table[V any] struct {
	max  int
	seal *seal
	at   map[sum]*list.Element
	use  list.List // of *cell[V], the last used first
}

type cell[V any] struct {
	key   sum
	value V
}

// get returns the value of key, made as zero value where fresh is true, and
// whether another key was forgotten for it.
func (t *table[V]) get(key []byte) (v *V, fresh, forgot bool) { return t.bySum(t.seal.Of(key)) }

func (t *table[V]) bySum(key sum) (v *V, fresh, forgot bool) {
	if e, ok := t.at[key]; ok {
		t.use.MoveToFront(e)
		return &e.Value.(*cell[V]).value, false, false
	}
	if t.at == nil {
		t.at = map[sum]*list.Element{}
	}
	if len(t.at) >= t.max {
		last := t.use.Back()
		delete(t.at, last.Value.(*cell[V]).key)
		t.use.Remove(last)
		forgot = true
	}
	c := &cell[V]{key: key}
	t.at[c.key] = t.use.PushFront(c)
	return &c.value, true, forgot
}

// find returns the value of key, nil where there is none.
func (t *table[V]) find(key []byte) *V {
	if e, ok := t.at[t.seal.Of(key)]; ok {
		return &e.Value.(*cell[V]).value
	}
	return nil
}
