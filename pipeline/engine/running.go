package engine

// Started returns a channel that is closed once every input and output is open
// and events flow. It is closed also when one of them could not be opened: then
// Run returns its error and Ready gives one.
func (e *Engine) Started() <-chan struct{} { return e.running }

// Ending reports whether the run is ending, or could not begin.
func (e *Engine) Ending() bool { return e.isEnding() }
