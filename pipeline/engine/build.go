// Package engine runs a configuration: one lane per input reads, transforms and
// appends to the journal; one sender per output reads at its cursor, judges its
// `when` and delivers. It keeps the books with the cursors, retries, drains and
// reloads. It knows the contract of plugins and not one of them by name.
package engine

import (
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"tallyman/pipeline/config"
	"tallyman/pipeline/event"
	"tallyman/pipeline/expr"
	"tallyman/pipeline/journal"
	"tallyman/pipeline/meter"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// Surroundings are what the engine is given of the process it lives in.
type Surroundings struct {
	Version string
	Dry     bool // Pipeline.Dry is what will be called
	Still   bool // it will not run: it is looked at, or tried on lines
	Once    bool // sources that have an end are read to it, then Run returns
	Lives   bool // events say when the run begins, ends and changes its configuration
	Meter   *meter.Registry
	Log     *slog.Logger
	Now     func() time.Time
	Host    event.Fields // host.*; see HostFields
	Spoil   bool         // of a test: the texts of events that outputs are done with are written over at once
}

// Pipeline is a configuration whose plugins are built and whose expressions are
// compiled; nothing of it runs yet. Close it when it is not run.
type Pipeline struct {
	Config  *config.Config
	inputs  []input
	stages  []transform
	outputs []output
	around  Surroundings
	tells   atomic.Pointer[farewells] // where what outputs say goes; nil until the engine runs it
}

type input struct {
	name   string
	plugin plugin.Input
	env    plugin.Env
}

type transform struct {
	name   string
	typ    string
	plugin plugin.Transform
}

type output struct {
	name   string
	plugin plugin.Output
	more   []plugin.Output // of the same settings, where several batches are under way
	when   *expr.Program   // nil: every event
	policy journal.Policy
	most   int // events a second; 0: no limit
}

// all returns every plugin of the output.
func (o *output) all() []plugin.Output { return append([]plugin.Output{o.plugin}, o.more...) }

// Build builds every plugin of a configuration and compiles every `when`. It
// connects to nothing. Every problem is returned, not only the first; with a
// problem that is more than a warning there is no Pipeline.
func Build(cfg *config.Config, around Surroundings) (*Pipeline, plugin.Problems) {
	p := &Pipeline{Config: cfg, around: around}
	var found plugin.Problems
	for _, c := range cfg.Transforms {
		t, err := c.Plugin.Transform(c.Settings, p.env(c))
		if err != nil { // what came with it may be no plugin at all
			found = append(found, problems("transform", c, err)...)
			continue
		}
		p.stages = append(p.stages, transform{name: c.Name, typ: c.Type, plugin: t})
	}
	for _, c := range cfg.Inputs {
		env := p.env(c)
		in, err := c.Plugin.Input(c.Settings, env)
		if err != nil {
			found = append(found, problems("input", c, err)...)
			continue
		}
		p.inputs = append(p.inputs, input{name: c.Name, plugin: in, env: env})
	}
	compiler := expr.NewCompiler(expr.Options{})
	for _, c := range cfg.Outputs {
		o := output{name: c.Name, policy: policy(c), most: c.MaxRate}
		if c.When.Value != "" {
			var err error
			o.when, err = compiler.Bool(c.When)
			found = append(found, problems("output", c.Component, err)...)
		}
		if err := p.output(&o, c.Component); err != nil {
			found = append(found, problems("output", c.Component, err)...)
			continue
		}
		p.outputs = append(p.outputs, o)
	}
	if found.Bad() {
		p.Close()
		return nil, found
	}
	return p, found
}

// output builds an output's plugin, as often as it wants batches under way.
func (p *Pipeline) output(o *output, c config.Component) error {
	env := p.env(c)
	env.Store = newStore(p.Config.Journal.Dir, c.Name, c.Type, env.Dry, env.Log)
	unsaid := env.Meter.Counter("tallyman_unsaid_events_total", "Events of an output itself, such as what it did about an alert, that were not told because too many waited; the log has them.",
		meter.Label{Name: "output", Value: c.Name})
	env.Say = func(e event.Event) {
		if w := p.tells.Load(); w == nil || !w.say(e) {
			unsaid.Inc()
		}
	}
	var err error
	if o.plugin, err = c.Plugin.Output(c.Settings, env); err != nil {
		o.plugin = nil // what came with it may be no plugin at all
		return err
	}
	b, ok := o.plugin.(plugin.Batcher)
	if _, collects := o.plugin.(plugin.Collector); !ok || collects {
		return nil
	}
	for n := b.Batch().Concurrency; len(o.more)+1 < n; {
		another, err := c.Plugin.Output(c.Settings, env)
		if err != nil {
			p.closeOutput(o)
			return err
		}
		o.more = append(o.more, another)
	}
	return nil
}

// policy is what the journal does when an output holds back too much.
func policy(c config.OutputComponent) journal.Policy {
	p := journal.Policy{MaxLag: int64(c.MaxLag)}
	switch c.WhenFull {
	case "drop_oldest":
		p.WhenFull = journal.DropOldest
	case "drop_newest":
		p.WhenFull = journal.DropNewest
	}
	return p
}

// problems places an error that says nothing of its place at the component, or at
// the key of it that is wrong.
func problems(kind string, c config.Component, err error) plugin.Problems {
	if err == nil {
		return nil
	}
	var list plugin.Problems
	if errors.As(err, &list) {
		list = slices.Clone(list)
		for i := range list {
			if one := &list[i]; one.Pos == (plugin.Pos{}) {
				one.Pos, one.Width = c.Place(one.Key)
				one.Key = "" // it has done its work
			}
		}
		return list
	}
	return plugin.Problems{{Pos: c.Pos, Text: kind + " " + c.Name + ": " + err.Error()}}
}

func (p *Pipeline) env(c config.Component) plugin.Env {
	shared := make(event.Fields, 0, len(p.around.Host)+8+len(p.Config.Labels))
	shared.AddString(schema.ECSVersion, "9.4.0")
	shared = append(shared, p.around.Host...)
	if p.Config.Host.Name != "" {
		shared.Set(schema.HostName, event.String(p.Config.Host.Name))
	}
	if p.Config.Host.ID != "" {
		shared.Set(schema.HostID, event.String(p.Config.Host.ID))
	}
	shared.AddString(schema.AgentType, "tallyman")
	shared.AddString(schema.AgentVersion, p.around.Version)
	shared.AddString(schema.TallymanSchemaVersion, "1")
	shared.AddString(schema.TallymanInput, c.Name)
	for _, name := range sortedKeys(p.Config.Labels) {
		shared.AddNamed(schema.Labels, name, event.String(p.Config.Labels[name]))
	}
	return plugin.Env{
		Name: c.Name, Once: p.around.Once, Dry: p.around.Dry, Still: p.around.Still, Dir: p.Config.Dir, Shared: shared,
		HostID: shared.Get(schema.HostID).Str(), Meter: p.around.Meter,
		Log: p.around.Log.With("component", c.Name), Now: p.around.Now,
	}
}

// Close closes every plugin that was built.
func (p *Pipeline) Close() {
	for _, in := range p.inputs {
		if in.plugin != nil {
			p.report("close input", in.name, in.plugin.Close())
		}
	}
	p.closeRest()
}

// closeRest closes transforms and outputs; the lanes close their inputs.
func (p *Pipeline) closeRest() {
	for _, t := range p.stages {
		if t.plugin != nil {
			p.report("close transform", t.name, t.plugin.Close())
		}
	}
	for i := range p.outputs {
		p.closeOutput(&p.outputs[i])
	}
}

func (p *Pipeline) closeOutput(o *output) {
	for _, one := range o.all() {
		if one != nil {
			p.report("close output", o.name, one.Close())
		}
	}
}

func (p *Pipeline) report(what, name string, err error) {
	if err != nil {
		p.around.Log.Warn(what+" failed", "component", name, "error", err)
	}
}
