package container

// When the process connector is used, and how it is started.

import (
	"errors"
	"fmt"
	"os"
	"time"

	"tallyman/pipeline/meter"
)

// connect starts to follow the process connector where the settings and the
// surroundings say so.
func (t *Transform) connect(s *Settings) error {
	if t.proc == nil || t.env.Once || t.env.Still || s.Connector != connectorAuto && s.Connector != connectorOn {
		return nil
	}
	n, err := openConnector(t.proc)
	c := connector(n)
	if err == nil && s.Tracefs != connectorOff && !t.env.Dry {
		if c, err = t.trace(n, s.Tracefs == connectorOn); err != nil {
			return err
		}
	}
	switch {
	case err == nil:
	case s.Connector == connectorOn, s.Tracefs == connectorOn:
		return err
	default:
		t.say("the process connector is not used: containers are found by the log's own lineage and by /proc", "reason", err)
		return nil
	}
	t.begin(c, s)
	return nil
}

// trace adds the kernel's trace of moves to a connector, where it can be had; must
// says that it has to. It is opened when the first events come: who builds a transform
// to look at a configuration traces nothing.
func (t *Transform) trace(c *netlink, must bool) (connector, error) {
	switch err := probeMoves(tracingRoots()); {
	case err == nil:
	case must:
		return nil, errors.Join(err, c.close())
	default:
		t.say("moves between control groups are not traced: what ends before its first exec in a container may not be found", "reason", err, "do", movesHint)
		return c, nil
	}
	t.traced = &traced{connector: c, wall: &c.wall, lost: func() { t.follow.scan.Store(true) }}
	return t.traced, nil
}

// openTrace begins to trace moves where that is wanted.
func (t *Transform) openTrace() {
	if t.traced == nil {
		return
	}
	if err := t.traced.open(); err != nil {
		t.say("moves between control groups are not traced", "error", err, "do", movesHint)
	}
}

// begin follows a connector until Close.
func (t *Transform) begin(c connector, s *Settings) {
	t.attach(c, s)
	t.follow.done = make(chan struct{})
	go func() {
		defer close(t.follow.done)
		if err := t.follow.run(); !errors.Is(err, os.ErrClosed) {
			t.say("the process connector is not followed any more", "error", err)
		}
	}()
}

// openConnector opens the kernel's connector. Below the host's pid namespace the
// kernel takes no subscription, and does not say so.
func openConnector(p *procfs) (*netlink, error) {
	if !p.ours() {
		return nil, fmt.Errorf("%w: this is not the host's pid namespace, or procfs is of another one", errConnector)
	}
	return openNetlink()
}

// attach sets up what follows a connector, and does not start it.
func (t *Transform) attach(c connector, s *Settings) {
	own := *t.proc
	t.kernel = newKernel(s.MaxProcesses)
	t.follow = &follower{k: t.kernel, from: c, proc: &own}
	t.wait, t.pause = s.Wait, pause
	m := t.env.Meter
	for i, kind := range [...]string{"fork", "exec", "exit", "other", "move"} {
		t.follow.changes[i] = m.Counter("tallyman_container_connector_events_total", "Changes of processes that the kernel's process connector told of.",
			meter.Label{Name: "kind", Value: kind})
	}
	t.follow.overruns = m.Counter("tallyman_container_connector_overruns_total", "Times that the kernel dropped process events because they were not read in time; /proc is read anew after each.")
	t.follow.rescans = t.rescans
	m.Func("tallyman_container_kernel_processes", "Processes that are known from the process connector.", meter.KindGauge, func() float64 {
		t.kernel.mu.Lock()
		defer t.kernel.mu.Unlock()
		return float64(t.kernel.count)
	})
}

// say logs a change of state.
func (t *Transform) say(text string, args ...any) {
	if t.env.Log != nil {
		t.env.Log.Info(text, args...)
	}
}

// pause waits for one of two channels, at most d.
func pause(done, turned <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-turned:
	case <-timer.C:
	case <-done:
	}
}
