package engine

import (
	"time"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/event"
)

// learner is a keeper that knows everything up to a sequence.
type learner struct {
	keeper
	seq uint64
}

// learn gives every frame of the journal to the keepers that do not know it yet.
func (m *memory) learn(list []learner) {
	if len(list) == 0 {
		return
	}
	from := list[0].seq
	for _, l := range list {
		from = min(from, l.seq)
	}
	begun, frames, bad := time.Now(), 0, 0
	dec, batch := codec.NewDecoder(), &event.Batch{}
	err := m.journal.Replay(from+1, func(seq uint64, payload []byte) error {
		batch.Reset()
		if err := dec.Decode(payload, batch); err != nil {
			bad++ // senders come to it too and count it
			return nil
		}
		frames++
		for _, l := range list {
			if seq > l.seq {
				l.Learn(batch.Events)
			}
		}
		return nil
	})
	if err != nil {
		m.around.Log.Error("what came after the last save could not all be learned from the journal", "error", err)
	}
	m.around.Log.Info("transforms remember what they knew", "transforms", len(list), "frames_learned", frames, "frames_unreadable", bad, "took", time.Since(begun))
}
