package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// TestConditionsThatFail (RELIABILITY C9, C10): an event for which `when` cannot
// be evaluated, or would take more than it may, is delivered and counted; on a
// field of a megabyte a pattern that other engines choke on has an answer.
func TestConditionsThatFail(t *testing.T) {
	big := strings.Repeat("a", 1<<20)
	for _, c := range []struct {
		name, when string
		errors     float64
		delivered  []int // of the three records
	}{
		{"no number", `int(event.original) == 1`, 2, []int{0, 1, 2}},
		{"no number, and the one that is does not match", `int(event.original) == 2`, 2, []int{1, 2}},
		{"a billion times", `len(repeat(event.original, 1000000000)) > 1`, 3, []int{0, 1, 2}},
		{"a pattern with nested repetition", `event.original matches "^(a+)+$"`, 0, []int{1}},
		{"a pattern with many ways", `event.original matches "(a|a|aa)*c"`, 0, []int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, a, b := newRig(t), &sink{}, &sink{}
				src := []string{"1", big, "no number"}
				p := r.pipeline(t, true, &lines{all: src}, nil, c.when, map[string]*sink{"a": a, "b": b})
				p.Config.Journal.MaxSize = 64 << 20
				books, err := r.once(t, p)
				if err != nil {
					t.Fatal(err)
				}
				if got := a.all(); !slices.Equal(got, src) {
					t.Errorf("the output without a condition got %d of 3", len(got))
				}
				var got []int
				for _, raw := range b.all() {
					got = append(got, slices.Index(src, raw))
				}
				if fmt.Sprint(got) != fmt.Sprint(c.delivered) {
					t.Errorf("delivered were %v, want %v", got, c.delivered)
				}
				if n := r.value("tallyman_output_when_errors_total", "output", "b"); n != c.errors {
					t.Errorf("%v errors were counted, want %v", n, c.errors)
				}
				if bk := books["b"]; int(bk.Counts.Delivered) != len(c.delivered) || int(bk.Counts.Filtered) != 3-len(c.delivered) {
					t.Errorf("book %+v", bk)
				}
			})
		})
	}
}

// TestPiecesAreCounted (RELIABILITY C10): what an expression cuts a field into
// counts against what it may make, and so does each step of a loop within a loop:
// a long field does not hold its output.
func TestPiecesAreCounted(t *testing.T) {
	for _, c := range []struct {
		name, when string
		size       int
	}{
		{"a million pieces", `len(split(event.original, "a")) > 1`, 1 << 20},
		{"a loop in a loop over pieces", `any(split(event.original, "a"), any(split(event.original, "a"), # == "x"))`, 1 << 12},
		{"a loop in a loop that a machine runs", `count(split(event.original, "a"), any(split(event.original, "a"), upper(trim(#)) == "X")) > 5`, 1 << 12},
		{"a loop in a loop over a million", `any(split(event.original, "a"), any(split(event.original, "a"), # == "x"))`, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, a, b := newRig(t), &sink{}, &sink{}
				src := []string{strings.Repeat("a", c.size)}
				p := r.pipeline(t, true, &lines{all: src}, nil, c.when, map[string]*sink{"a": a, "b": b})
				p.Config.Journal.MaxSize = 64 << 20
				if _, err := r.once(t, p); err != nil {
					t.Fatal(err)
				}
				if n := r.value("tallyman_output_when_errors_total", "output", "b"); n != 1 || len(b.all()) != 1 {
					t.Errorf("it had an answer: %v errors, %d delivered", n, len(b.all()))
				}
			})
		})
	}
}
