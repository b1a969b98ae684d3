package main

// How baselines are reached: in the running process, or in what it saved.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/control"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/plugin"
	"tallyman/transforms/rules"
)

// baselines does what is asked in the running process or, where none runs, in what
// the last one saved.
func baselines(cmd *cobra.Command, s streams, c *rules.BaselineChange) (*rules.BaselineReport, error) {
	client, err := reach(cmd.Context(), cmd, s)
	if errors.Is(err, control.ErrNotRunning) {
		return baselinesStopped(cmd, s, c)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }() // the answer has come or will not
	ctx, cancel := context.WithTimeout(cmd.Context(), baselinePatience)
	defer cancel()
	a, err := client.Baselines(ctx, c)
	if err != nil {
		return nil, failed(err)
	}
	if a.Code != exitOK {
		return nil, told(s, a)
	}
	var r rules.BaselineReport
	return &r, failed(json.Unmarshal(a.Data, &r))
}

// baselinePatience is how long a change may wait for the journal.
const baselinePatience = time.Minute

// baselinesStopped does what is asked while no process can run on the journal.
func baselinesStopped(cmd *cobra.Command, s streams, c *rules.BaselineChange) (r *rules.BaselineReport, err error) {
	p, err := load(cmd, s, looking())
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if _, err := os.Stat(p.Config.Journal.Dir); err != nil {
		return nil, failed(fmt.Errorf("%w; tallyman never ran with this configuration", err))
	}
	e, err := engine.New(p, fmt.Sprintf("pid %d, tallyman baseline", os.Getpid()))
	if err != nil {
		return nil, failed(fmt.Errorf("%w%s", err, hint(err)))
	}
	defer func() { err = errors.Join(err, failed(e.Close())) }()
	ctx, cancel := context.WithTimeout(cmd.Context(), baselinePatience)
	defer cancel()
	r, err = amended(ctx, c, e.AmendStopped)
	return r, failed(err)
}

type amend func(ctx context.Context, change func(plugin.Transform) (bool, error)) error

// amended does what is asked with every transform that has baselines.
func amended(ctx context.Context, c *rules.BaselineChange, do amend) (*rules.BaselineReport, error) {
	var r *rules.BaselineReport
	err := do(ctx, func(t plugin.Transform) (changed bool, err error) {
		b, ok := t.(rules.Baselined)
		if !ok {
			return false, nil
		}
		if r != nil {
			return false, errors.New("there are several transforms of type rules; only the baselines of the first are known here")
		}
		r, changed, err = b.ChangeBaselines(c, time.Now())
		return changed, err
	})
	if err == nil && r == nil {
		err = errors.New("the configuration has no transform of type rules")
	}
	return r, err
}

// baselines serves `baseline` in the running process.
func (c *controlled) baselines(ctx context.Context, args json.RawMessage) control.Answer {
	var q rules.BaselineChange
	err := json.Unmarshal(args, &q)
	var r *rules.BaselineReport
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, baselinePatience)
		defer cancel()
		r, err = amended(ctx, &q, c.engine.Amend)
	}
	var data []byte
	if err == nil {
		data, err = json.Marshal(r)
	}
	if err != nil {
		return control.Answer{Code: codeOf(failed(err)), Text: err.Error()}
	}
	if q.Verb != "list" {
		c.log.Info("baselines were changed by hand", "verb", q.Verb, "image", q.By, "kind", q.Kind, "rule", q.Rule, "baselines", r.Profiles, "values", r.Values)
	}
	return control.Answer{Data: data}
}
