package journal

import "tallyman/pipeline/meter"

// meters are the journal's numbers.
type meters struct {
	commits, commitNanos, bytes, failures, corrupt *meter.Counter
	aside, unkept                                  *meter.Counter // damaged parts
	blocked, reserved                              *meter.Gauge
}

func (j *Journal) newMeters() meters {
	r := j.o.Meter
	r.Func("tallyman_journal_bytes", "Bytes that all files of the journal take, without dead letters and what transforms remember.", meter.KindGauge,
		func() float64 { return float64(j.Size()) })
	r.Func("tallyman_journal_max_bytes", "The most that tallyman_journal_bytes may be: journal.max_size without what is kept for dead letters and for what transforms remember.", meter.KindGauge,
		func() float64 { return float64(j.o.MaxSize) })
	nanos := new(meter.Counter)
	r.Func("tallyman_journal_commit_seconds_total", "Time spent in commits.", meter.KindCounter,
		func() float64 { return float64(nanos.Value()) / 1e9 })
	return meters{
		commits:     r.Counter("tallyman_journal_commits_total", "Commits: one write and one fdatasync each."),
		commitNanos: nanos,
		bytes:       r.Counter("tallyman_journal_written_bytes_total", "Bytes of frames that were made durable."),
		failures:    r.Counter("tallyman_journal_failures_total", "Writes, syncs and creations of the journal that failed and were done again elsewhere."),
		corrupt:     r.Counter("tallyman_journal_corrupt_records_total", "Source records in damaged frames, summed over the outputs that missed them."),
		aside:       r.Counter("tallyman_journal_quarantined_total", "Damaged parts of segments that were set aside."),
		unkept:      r.Counter("tallyman_journal_quarantine_refused_total", "Damaged parts of segments that could not be set aside, for want of room or by an error."),
		reserved:    r.Gauge("tallyman_journal_reserved", "1 while only inputs that cannot wait are accepted: the rest of the journal is full."),
		blocked:     r.Gauge("tallyman_journal_blocked", "1 while inputs wait because the journal is full, or its disk."),
	}
}
