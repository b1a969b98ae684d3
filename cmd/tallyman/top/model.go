package top

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"tallyman/pipeline/trend"
)

// Options are what the view is given.
type Options struct {
	Source   Source
	Interval time.Duration // between two looks
	Colour   bool
	Now      func() time.Time
}

// Model is the state of the screen. It is a tea.Model; Update returns a new one.
type Model struct {
	o     Options
	ctx   context.Context // of what asks the process
	trend *trend.Trend
	seen  *seen

	state, before *State // before is a minute older, or the first
	at, beforeAt  time.Time
	err           error // why the last look failed
	paused        bool

	pane    pane
	sortBy  [numPanes]int
	reverse [numPanes]bool
	cursor  [numPanes]int
	filter  string
	typing  bool // the filter is being written
	open    bool // the row under the cursor, in full
	help    bool
	unwatch context.CancelFunc // while the containers are shown

	width, height int
}

// looked is the outcome of a look at the process.
type looked struct {
	at    time.Time
	state *State
	err   error
}

// due says that it is time for the next look.
type due struct{}

// unwatched says that watching ended.
type unwatched struct{ err error }

// New returns a screen that asks until ctx is done.
func New(ctx context.Context, o Options) Model {
	m := Model{o: o, ctx: ctx, trend: trend.New(600), seen: newSeen(), width: 80, height: 24}
	for p := range m.sortBy {
		m.sortBy[p] = -1 // as the process says
	}
	m.sortBy[paneRules], m.sortBy[paneContainers] = 1, 3
	return m
}

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return m.look }

// look asks the process.
func (m Model) look() tea.Msg {
	ctx, cancel := context.WithTimeout(m.ctx, 10*time.Second)
	defer cancel()
	st, err := m.o.Source.State(ctx)
	return looked{m.o.Now(), st, err}
}

func (m Model) wait() tea.Cmd {
	return tea.Tick(m.o.Interval, func(time.Time) tea.Msg { return due{} })
}

// Update implements tea.Model.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case due:
		return m, m.look
	case looked:
		return m.take(msg), m.wait()
	case unwatched:
		m.unwatch = nil
		if msg.err != nil && m.ctx.Err() == nil {
			m.err = msg.err
		}
	case tea.KeyPressMsg:
		return m.key(msg)
	}
	return m, nil
}

// take notes what a look found. While the screen is paused what it shows stays.
func (m Model) take(l looked) Model {
	m.err = l.err
	if l.err != nil || m.paused {
		return m
	}
	if m.state != nil && m.state.PID != l.state.PID { // another process: its counts began anew
		m.trend, m.before = trend.New(600), nil
	}
	m.trend.Add(l.at, &l.state.Status)
	if m.before == nil || l.at.Sub(m.beforeAt) > 2*time.Minute {
		m.before, m.beforeAt = m.state, m.at
		if m.before == nil {
			m.before, m.beforeAt = l.state, l.at
		}
	}
	m.state, m.at = l.state, l.at
	return m
}

// watch begins to count the events of containers. Nobody watches otherwise, for it
// costs the process the rendering of what is seen.
func (m Model) watch() (Model, tea.Cmd) {
	if m.unwatch != nil {
		return m, nil
	}
	ctx, cancel := context.WithCancel(m.ctx)
	m.unwatch = cancel
	return m, func() tea.Msg {
		err := m.o.Source.Watch(ctx, func(e Event) { m.seen.add(m.o.Now(), e) })
		if ctx.Err() != nil {
			err = nil
		}
		cancel()
		return unwatched{err}
	}
}
