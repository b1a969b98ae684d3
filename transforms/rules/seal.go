package rules

import "tallyman/pipeline/keep"

// State is kept by sums of its keys and values.
type (
	sum  = keep.Sum
	seal = keep.Seal
)
