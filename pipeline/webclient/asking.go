package webclient

import "net/http"

// asking is for which bodies a receiver is asked first whether it takes them
// (Expect: 100-continue, RFC 9110 section 10.1.1). One that refuses a body for its
// size may answer at once and break off while we still write: then the reset
// overtakes the answer, and what could be sent in halves would be sent again as it
// is, for ever. Asking costs a round trip, so it is done only for bodies as large as
// one that a receiver broke off, until it takes one of that size.
type asking struct {
	from  int  // bytes of the smallest body that is asked for; 0 for none
	never bool // the receiver does not know the question
}

// first reports whether the receiver is asked first for a body of a size.
func (a *asking) first(size int) bool { return !a.never && a.from > 0 && size >= a.from }

// broken says that the receiver ended the connection without an answer. Where it
// was not the receiver, nothing follows from it.
func (a *asking) broken(size int, receiver bool) {
	if receiver {
		a.lower(size)
	}
}

// answered says what the receiver answered.
func (a *asking) answered(size, status int) {
	switch {
	case !a.first(size):
	case status == http.StatusRequestEntityTooLarge:
		a.lower(size / 2) // the halves may be too large as well
	case status/100 == 2:
		a.from = size + 1
	}
}

func (a *asking) lower(to int) {
	if to > 0 && (a.from == 0 || to < a.from) {
		a.from = to
	}
}
