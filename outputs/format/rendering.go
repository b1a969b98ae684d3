package format

// Rendering returns the choice of formats of an output that inlines it, so that
// others can show what the output writes.
func (s *Settings) Rendering() *Settings { return s }
