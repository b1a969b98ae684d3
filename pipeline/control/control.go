// Package control is how a person speaks to the running process: a socket in the
// folder of the journal, over which a request and its answer are one line of
// JSON each. Only root and the user that the process runs as may speak; the
// kernel says who it is. The package knows the form of requests and who may make
// them. It does not know what they do: that are functions it is given.
//
//	→ {"version":1,"verb":"reload","discard":false}
//	← {"version":1,"code":78,"text":"tallyman.yaml:8:21: unknown key …"}
//
// A connection may carry several requests, one after the other.
package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// Version is the version of requests and answers. A peer that speaks another is
// told so and nothing else is done for it.
const Version = 1

// Bounds. A request is small but for baselines that are imported; an answer may
// hold the state of thousands of inputs.
const (
	maxRequest = 8 << 20
	firstRoom  = 4 << 10 // of the buffer for requests
	maxAnswer  = 16 << 20
	maxPeers   = 32 // connections at once
)

// Deadlines. How long a verb works is for its function to bound.
const (
	idleFor  = 10 * time.Second // between requests
	writeFor = 10 * time.Second
)

// Errors of a client.
var (
	// ErrNotRunning says that no process listens there.
	ErrNotRunning = errors.New("tallyman does not run there")
	// ErrNotAllowed says that the process serves only root and its own user. It
	// is fs.ErrPermission.
	ErrNotAllowed = fmt.Errorf("only root and the user that tallyman runs as may ask: %w", fs.ErrPermission)
)

// The verbs.
const (
	verbStatus = "status"
	verbReload = "reload"
	verbDrain  = "drain"
	verbWatch  = "watch"
	verbLearnt = "baseline"
)

// Path returns where the socket of the journal in dir is.
func Path(dir string) string { return filepath.Join(dir, "control.sock") }

// Answer is what became of a request.
type Answer struct {
	Code int             `json:"code"`           // the exit code for whoever asked; 0: done
	Text string          `json:"text,omitempty"` // what a person is told
	Data json.RawMessage `json:"data,omitempty"` // what the verb returns
}

// request is one line of a client.
type request struct {
	Version int    `json:"version"`
	Verb    string `json:"verb"`
	Discard bool   `json:"discard,omitempty"` // reload: let go of what removed outputs have left
	Timeout int64  `json:"timeout,omitempty"` // drain: nanoseconds

	Args json.RawMessage `json:"args,omitempty"` // watch: what is to be seen; baseline: what is asked of them
}

// reply is one line of a server.
type reply struct {
	Version int `json:"version"`
	Answer
	Refused string `json:"refused,omitempty"` // why the request was not understood or not allowed
	Denied  bool   `json:"denied,omitempty"`  // the peer may not ask
	More    bool   `json:"more,omitempty"`    // watch: another one follows
}

// line reads one line of at most limit bytes.
func line(r *bufio.Reader, limit int) ([]byte, error) {
	var b []byte
	for {
		part, err := r.ReadSlice('\n')
		if b = append(b, part...); len(b) > limit {
			return nil, fmt.Errorf("a line is longer than %d bytes", limit)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(b)) > 0:
			return nil, io.ErrUnexpectedEOF
		}
		return b, err
	}
}
