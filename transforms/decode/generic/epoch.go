package generic

import (
	"strconv"
	"time"

	"tallyman/pipeline/record"
)

// epoch reads seconds to nanoseconds since 1970. A number that is no time of this
// century's logs is none: it may count something else.
func epoch(value string) (time.Time, bool) {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || v < 1e8 {
		return time.Time{}, false
	}
	if ns, err := strconv.ParseInt(value, 10, 64); err == nil && ns > 1e17 {
		t := time.Unix(0, ns).UTC()
		return t, record.Sane(t)
	}
	return record.Epoch(v)
}
