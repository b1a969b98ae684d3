package weblisten

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
)

// keyHeader names a body, so that its sender can send it again as the same one
// (draft-ietf-httpapi-idempotency-key-header).
const keyHeader = "Idempotency-Key"

// keyed is where the next record of a body stands that its sender has named: from
// a place that follows from the name, so that the same body has the same places,
// and its records the same event ids, however often it is sent. Below 2^53, which
// every reader of JSON keeps exact.
type keyed struct {
	on bool
	at int64
}

func keyOf(r *http.Request) keyed {
	key := r.Header.Get(keyHeader)
	if key == "" {
		return keyed{}
	}
	sum := sha256.Sum256([]byte(key))
	return keyed{on: true, at: int64(binary.BigEndian.Uint64(sum[:8]) >> 12)}
}

// place returns where a record of n bytes stands: in its body, or else behind all
// that came before it.
func (k *keyed) place(all *int64, n int) int64 {
	at := &k.at
	if !k.on {
		at = all
	}
	from := *at
	*at += int64(n)
	return from
}

// skip goes on behind records.
func (k *keyed) skip(groups []Group) {
	for i := range groups {
		for _, text := range groups[i].Texts {
			k.at += int64(len(text))
		}
	}
}
