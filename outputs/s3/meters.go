package s3

import "tallyman/pipeline/meter"

// meters are the counters of one output.
type meters struct {
	objects, manifests, bytes, parts, failures, present, conflicts, replaced, overflow, aborted, lost *meter.Counter
	held, open                                                                                        *meter.Gauge
}

func newMeters(r *meter.Registry, name string) meters {
	label := meter.Label{Name: "output", Value: name}
	counter := func(name, help string) *meter.Counter { return r.Counter("tallyman_s3_"+name, help, label) }
	gauge := func(name, help string) *meter.Gauge { return r.Gauge("tallyman_s3_"+name, help, label) }
	return meters{
		objects:   counter("objects_total", "Objects that are whole at the store."),
		manifests: counter("manifests_total", "Manifests that are at the store."),
		bytes:     counter("bytes_total", "Compressed bytes that the store took, in parts and whole objects."),
		parts:     counter("parts_total", "Parts of multipart uploads that the store took."),
		failures:  counter("failures_total", "Requests that failed and are made again."),
		present:   counter("present_total", "Objects that were found at the store, whole, from before a restart or from a request whose answer was lost."),
		conflicts: counter("conflicts_total", "Times another object was found under the key of one of ours; nothing is overwritten."),
		replaced:  counter("prefix_replaced_total", "Events whose prefix had values that were changed to be a part of a key."),
		overflow:  counter("prefix_overflow_total", "Events that went to the folder overflow, because one frame of the journal had events for too many folders."),
		aborted:   counter("uploads_aborted_total", "Multipart uploads that a former process had left and that were aborted."),
		lost:      counter("uploads_lost_total", "Multipart uploads that were gone at the store before their object was whole; their events came again from the journal."),
		held:      gauge("held_bytes", "Bytes of objects in memory."),
		open:      gauge("open_objects", "Objects that are not whole at the store."),
	}
}
