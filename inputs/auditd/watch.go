package auditd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// watch is an input with an eye on the kernel's audit: how many records it lost,
// and whether auditing goes on. It asks on its own, so that it goes on while the
// pipeline is blocked.
type watch struct {
	plugin.Input
	env     plugin.Env
	every   time.Duration // 0: never asked
	ask     func() (kernelStatus, error)
	boot    string // tells the boots of the host apart
	serials event.Serials
	unicast *unicast // the input is in auditd's place; nil otherwise

	stop chan struct{}
	done chan struct{}

	mu     sync.Mutex // guards what follows
	known  bool       // kept holds what the kernel said, in this run or an earlier one
	kept   kernelStatus
	fresh  bool      // kept changed since it was last put on a batch
	heard  time.Time // when the question was put that kept answers
	lost   uint64    // records that the kernel lost since the last batch
	events []event.Event
	failed bool // the last question had no answer

	inner []byte // the newest position of the input
	buf   []byte
}

// kernelStatus is what the kernel says of its audit.
type kernelStatus struct {
	Boot         string `json:"boot"`
	Lost         uint32 `json:"lost"`
	Enabled      uint32 `json:"enabled"`
	PID          uint32 `json:"pid"`
	Rules        int    `json:"rules"`
	Own          string `json:"own,omitempty"` // the rules that we loaded: ruleSet.digest
	backlog      uint32
	backlogLimit uint32
	rateLimit    uint32
}

// watched adds the eye to an input.
func watched(s *Settings, env plugin.Env, in plugin.Input) *watch {
	w := &watch{Input: in, env: env, every: s.StatusEvery, ask: askKernel, boot: bootID()}
	if env.Once {
		w.every = 0
	}
	if w.env.Log == nil {
		w.env.Log = slog.New(slog.DiscardHandler)
	}
	return w
}

// numbered says what it means when a serial is missing in the source, unless the
// settings say that nothing can be told of it.
func (w *watch) numbered(s *Settings, serials event.Serials) *watch {
	if s.Serials {
		w.serials = serials
	}
	return w
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// CannotWait implements plugin.Pressing.
func (w *watch) CannotWait() bool {
	p, ok := w.Input.(plugin.Pressing)
	return ok && p.CannotWait()
}

// The position of a watched input is
//
//	auditd/1 {"boot":…,"lost":…,…} LF POSITION OF THE INPUT
//
// or the input's alone, as before the kernel was asked.
const positionHead = "auditd/"

// Open implements plugin.Input.
func (w *watch) Open(ctx context.Context, from []byte) error {
	if rest, ok := bytes.CutPrefix(from, []byte(positionHead)); ok {
		state, inner, _ := bytes.Cut(rest, []byte("\n"))
		from = inner
		if state, ok := bytes.CutPrefix(state, []byte("1 ")); ok {
			w.known = json.Unmarshal(state, &w.kept) == nil && w.kept.Boot != ""
		}
	}
	if len(from) == 0 {
		from = nil
	}
	w.inner = bytes.Clone(from)
	if u := w.unicast; u != nil && w.known {
		if u.rules != nil {
			u.rules.ours = w.kept.Boot == w.boot && w.kept.Own == u.rules.digest
		}
		w.kept.PID, w.kept.Rules, w.kept.Own = 0, 0, "" // we gave them back
	}
	if err := w.Input.Open(ctx, from); err != nil {
		return err
	}
	if w.every > 0 {
		w.stop, w.done = make(chan struct{}), make(chan struct{})
		go w.run()
	}
	return nil
}

// Read implements plugin.Input.
func (w *watch) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	err := w.Input.Read(ctx, b, wait)
	b.Serials = w.serials
	if w.every == 0 {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.Position != nil {
		w.inner = append(w.inner[:0], b.Position...)
	} else if len(b.Events) > 0 && b.Accepted == nil {
		// The source gives nothing twice: with this the lane commits at once what
		// its transforms hold, although there is a position.
		b.Accepted = func(error) {}
	}
	if w.lost > 0 {
		b.Losses = append(b.Losses, event.Loss{Reason: event.KernelLost, Count: w.lost,
			Text: "the kernel lost audit records, because its backlog was full or its limits were reached"})
	}
	b.Events = append(b.Events, w.events...)
	clear(w.events)
	w.lost, w.events = 0, w.events[:0]
	if !w.known || b.Position == nil && !w.fresh {
		return err
	}
	w.fresh = false
	head, _ := json.Marshal(&w.kept) // numbers and strings always can be
	w.buf = append(append(append(w.buf[:0], positionHead+"1 "...), head...), '\n')
	w.buf = append(w.buf, w.inner...)
	b.Position = w.buf
	return err
}

// Close implements plugin.Input. What we change in the kernel ourselves at the
// end is not noticed any more.
func (w *watch) Close() error {
	if w.stop != nil {
		close(w.stop)
		<-w.done
	}
	return w.Input.Close()
}

// run asks until Close.
func (w *watch) run() {
	defer close(w.done)
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		if !w.look() {
			return
		}
		select {
		case <-tick.C:
		case <-w.stop:
			return
		}
	}
}

// look asks once; false says that it never works here.
func (w *watch) look() bool {
	now := time.Now()
	st, err := w.ask()
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.EPROTONOSUPPORT):
		w.env.Log.Info("the kernel is not asked what audit records it lost: that takes CAP_AUDIT_CONTROL in the host's pid and user namespace; status_interval: 0 says that it is not wanted", "error", err)
		return false
	case err != nil:
		w.mu.Lock()
		if !w.failed {
			w.env.Log.Warn("the kernel did not say what audit records it lost", "error", err)
		}
		w.failed = true
		w.mu.Unlock()
		return true
	}
	st.Boot = w.boot
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = false
	if w.unicast != nil && w.unicast.rules.loaded() > 0 {
		st.Own = w.unicast.rules.digest
	}
	w.serve(&st)
	w.compare(&st)
	w.fresh = w.fresh || !w.known || persistent(w.kept) != persistent(st)
	w.known, w.kept, w.heard = true, st, now
	return true
}

// persistent is what of a status is kept over a restart.
func persistent(st kernelStatus) kernelStatus {
	st.backlog, st.backlogLimit, st.rateLimit = 0, 0, 0
	return st
}

// compare notes what changed since the kernel was last heard.
func (w *watch) compare(st *kernelStatus) {
	old := w.kept
	if !w.known {
		if st.Enabled == 0 {
			w.env.Log.Warn("the kernel's audit is switched off (auditctl -e 1 switches it on)")
		}
		return
	}
	if old.Boot != st.Boot {
		old = kernelStatus{}
	}
	switch lost := st.Lost; {
	case lost > old.Lost:
		w.lost += uint64(lost - old.Lost)
	case lost < old.Lost && lost > 0: // somebody set it back to zero
		w.lost += uint64(lost)
	}
	if old.Enabled != 0 && st.Enabled == 0 {
		w.notice("changed-audit-configuration", "configuration", "change", "the kernel's audit was switched off: no system call is recorded any more",
			"op", "set", "audit_enabled", "0", "old", strconv.Itoa(int(old.Enabled)))
	}
	if old.PID != 0 && st.PID == 0 {
		w.notice("shutdown-audit", "process", "end", fmt.Sprintf("process %d, which the kernel gave its audit records to, does not take them any more", old.PID),
			"op", "set", "audit_pid", "0", "old", strconv.Itoa(int(old.PID)))
	}
	if old.Rules > 0 && st.Rules == 0 {
		w.notice("changed-audit-configuration", "configuration", "change", fmt.Sprintf("all audit rules are gone; there were %d", old.Rules),
			"op", "remove_rule", "rules", "0", "old", strconv.Itoa(old.Rules))
	}
}

// gone says that the kernel gives its records to another process, as far as it
// was asked after since; the input then asks for them again.
func (w *watch) gone(since time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.heard.After(since) || w.kept.PID == uint32(os.Getpid()) {
		return nil
	}
	return fmt.Errorf("the kernel stopped giving its audit records to this process (audit_pid is %d)", w.kept.PID)
}
