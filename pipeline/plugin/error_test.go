package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

func TestKindOf(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	for _, c := range []struct {
		name  string
		err   error
		kind  ErrorKind
		after time.Duration
	}{
		{"nil", nil, KindRetry, 0},
		{"no kind", cause, KindRetry, 0},
		{"a stop", context.Canceled, KindRetry, 0},
		{"retry", Retry(cause), KindRetry, 0},
		{"after", After(cause, time.Minute), KindAfter, time.Minute},
		{"permanent", Permanent(cause), KindPermanent, 0},
		{"partial", Partial([]Failure{{1, Permanent(cause)}}), KindPartial, 0},
		{"wrapped", fmt.Errorf("send: %w", After(cause, time.Second)), KindAfter, time.Second},
		{"joined", errors.Join(io.EOF, Permanent(cause)), KindPermanent, 0},
		{"the outer kind counts", Retry(Permanent(cause)), KindRetry, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, after := KindOf(c.err)
			if kind != c.kind || after != c.after {
				t.Errorf("kind %d after %v, want %d after %v", kind, after, c.kind, c.after)
			}
			if c.name != "a stop" && c.err != nil && !errors.Is(c.err, cause) {
				t.Error("the cause is hidden")
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("connection refused")
	for _, err := range []error{Retry(cause), After(cause, time.Second), Permanent(cause)} {
		if err.Error() != "connection refused" {
			t.Errorf("the text is %q", err)
		}
	}
	err := Partial([]Failure{{0, Permanent(cause)}, {7, Retry(io.EOF)}})
	if got, want := err.Error(), "2 events failed, the first: connection refused"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
	var e *Error
	if !errors.As(err, &e) || len(e.Failed) != 2 || e.Failed[1].Index != 7 {
		t.Errorf("the failures are %+v", e)
	}
}

func TestPartialOfNothing(t *testing.T) {
	if err := Partial(nil); err != nil {
		t.Errorf("nothing failed, and yet: %v", err)
	}
}
