package plugin

// Use is how a component uses what it claims.
type Use uint8

// The uses. What is written is written by one component alone; what is read by
// two would be counted twice.
const (
	UseRead  Use = iota // reads the file at Claim.Path
	UseWrite            // writes to the file at Claim.Path
	UseStdin            // reads standard input
)

// Claim is what only one component of a configuration may use. A settings struct
// may have the method Claims() []Claim; whoever read the file refuses two that
// collide, and a file in the folder of the journal.
type Claim struct {
	Key  string // of the settings that says so, as in Problem.Key
	Use  Use
	Path string // as the settings have it; a relative one starts at Env.Dir
}
