package s3

// What the folders of one frame may come to: until all its objects are whole, the
// state has to name each of them, and a state is bounded (mostState). Names that
// somebody makes up can be long and look like nothing else, so their bytes count.
const (
	mostSpread = 40 << 10 // bytes
	spreadCost = 40       // bytes beside the folder's name: a sum, sizes, sequences
)

// overflow is the folder, below the root, of events whose own would be too many.
const overflow = "overflow"

// spread is the folders that the frame which is being collected has used. Which of
// them overflow follows from the frame's events alone, in their order: after a
// restart they do the same.
type spread struct {
	folders map[string]struct{}
	bytes   int
}

// begin forgets the frame before.
func (s *spread) begin() {
	clear(s.folders)
	s.bytes = 0
}

// take reports whether there is room for a folder.
func (s *spread) take(dir []byte) bool {
	if _, known := s.folders[string(dir)]; known {
		return true
	}
	if s.bytes+len(dir)+spreadCost > mostSpread {
		return false
	}
	s.bytes += len(dir) + spreadCost
	if s.folders == nil {
		s.folders = map[string]struct{}{}
	}
	s.folders[string(dir)] = struct{}{}
	return true
}
