package plugin

import (
	"errors"
	"fmt"
	"time"
)

// ErrorKind says what is to be done about an error.
type ErrorKind uint8

// The kinds of error. An error that names none is KindRetry: nothing is lost by
// trying again.
const (
	KindRetry     ErrorKind = iota // the same again, with a growing pause
	KindAfter                      // the same again, after Error.After at the earliest
	KindPermanent                  // never again: the destination refuses this content
	KindPartial                    // some events only: Error.Failed says which and why
)

// Error is an error with its kind. Make one with Retry, After, Permanent or
// Partial; read it with KindOf or errors.As.
type Error struct {
	Kind   ErrorKind
	After  time.Duration // KindAfter: the least pause
	Failed []Failure     // KindPartial: in the order of the events; all others are delivered
	Err    error
}

// Failure is one event of a partly delivered batch.
type Failure struct {
	Index int   // in the slice given to Send
	Err   error // of kind retry, after or permanent
}

func (e *Error) Error() string {
	if e.Kind == KindPartial {
		return fmt.Sprintf("%d events failed, the first: %v", len(e.Failed), e.Err)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Retry says that the same may work later.
func Retry(err error) error { return &Error{Kind: KindRetry, Err: err} }

// After says that the same may work after d.
func After(err error, d time.Duration) error { return &Error{Kind: KindAfter, After: d, Err: err} }

// Permanent says that the same will never work.
func Permanent(err error) error { return &Error{Kind: KindPermanent, Err: err} }

// Partial says that some events failed; it returns nil for none.
func Partial(failed []Failure) error {
	if len(failed) == 0 {
		return nil
	}
	return &Error{Kind: KindPartial, Failed: failed, Err: failed[0].Err}
}

// KindOf returns the kind of err and, for KindAfter, the pause it asks for.
func KindOf(err error) (ErrorKind, time.Duration) {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind, e.After
	}
	return KindRetry, 0
}
