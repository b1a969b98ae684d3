package docker

// Which files of a running container are not as in its image, as the engine's list
// of changes has it: added, changed or deleted since the container was made.

import (
	"cmp"
	"context"
	"hash/fnv"
	"path"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/schema"
)

// changesDataset is that of changed files.
const changesDataset = "docker.changes"

const (
	defaultLook  = 5 * time.Minute
	leastLook    = 10 * time.Second
	defaultPaths = 4096
)

// Changes says how changed files are looked for.
type Changes struct {
	Every      time.Duration `yaml:"every" doc:"How often all containers are looked at; at least 10s. One is looked at besides once a command has ended in it or files were copied into it. Default: 5m."`
	Containers int           `yaml:"containers" doc:"How many containers are looked at at most, those that were there first; others are counted. Default: 256."`
	Paths      int           `yaml:"paths" doc:"How many changed files of one container are told of at most; others are counted. Default: 4096."`
	Exclude    []string      `yaml:"exclude" doc:"Folders in containers, and all below them, that are not told of." example:"[/var/cache, /tmp]"`
}

func (s *Changes) check() plugin.Problems {
	var p plugin.Problems
	if s == nil {
		return nil
	}
	if s.Every != 0 && s.Every < leastLook {
		p = append(p, plugin.Problem{Key: "changes.every", Text: "changes.every is " + s.Every.String(), Hint: "at least 10s"})
	}
	if s.Containers < 0 || s.Containers > 1<<16 {
		p = append(p, plugin.Problem{Key: "changes.containers", Text: "changes.containers must lie between 1 and 65536"})
	}
	if s.Paths < 0 || s.Paths > 1<<20 {
		p = append(p, plugin.Problem{Key: "changes.paths", Text: "changes.paths must lie between 1 and 1048576"})
	}
	for _, x := range s.Exclude {
		if !strings.HasPrefix(x, "/") || path.Clean(x) != x || x == "/" {
			p = append(p, plugin.Problem{Key: "changes.exclude", Text: `changes.exclude: "` + x + `" is no folder`, Hint: "an absolute path without a slash at its end"})
		}
	}
	return p
}

// whole returns the settings with what was left out.
func (s *Changes) whole() Changes {
	w := *s
	w.Every, w.Containers, w.Paths = cmp.Or(w.Every, defaultLook), cmp.Or(w.Containers, defaultContainers), cmp.Or(w.Paths, defaultPaths)
	return w
}

// change is one entry of GET /containers/ID/changes.
type change struct {
	Path string
	Kind int
}

// kinds are the actions and types by the engine's Kind.
var kinds = [...]struct{ action, kind string }{
	{"container-file-changed", "change"}, {"container-file-added", "creation"}, {"container-file-deleted", "deletion"},
}

// differ remembers what was told of. It belongs to the poller's goroutine.
type differ struct {
	set  Changes
	seen map[string]map[uint64]bool // of a container: sums of paths and kinds
}

// round looks at every container that runs, and forgets those that do not.
func (d *differ) round(ctx context.Context, p *poller) []event.Event {
	all, ok := p.list(ctx, d.set.Containers)
	if !ok {
		return nil
	}
	kept := make(map[string]map[uint64]bool, len(all))
	var out []event.Event
	for i := range all {
		out = append(out, d.compare(ctx, p, &all[i])...)
		if s := d.seen[all[i].ID]; s != nil {
			kept[all[i].ID] = s
		}
	}
	d.seen = kept
	return out
}

// hinted looks at one container before its time.
func (d *differ) hinted(ctx context.Context, p *poller, id string) []event.Event {
	all, _ := p.list(ctx, d.set.Containers)
	for i := range all {
		if all[i].ID == id {
			return d.compare(ctx, p, &all[i])
		}
	}
	return nil
}

// compare asks what changed in a container, and tells of what is new in it.
func (d *differ) compare(ctx context.Context, p *poller, c *running) []event.Event {
	var list []change
	if err := p.in.api.get(ctx, "/containers/"+c.ID+"/changes", &list); err != nil {
		p.fail(ctx)
		return nil
	}
	seen, at := d.seen[c.ID], p.in.env.Now()
	if seen == nil {
		seen = map[uint64]bool{}
		d.seen[c.ID] = seen
	}
	parents := parentsOf(list)
	var out []event.Event
	for _, x := range list {
		if x.Kind < 0 || x.Kind >= len(kinds) || x.Path == "" || x.Kind == 0 && parents[x.Path] || d.excluded(x.Path) {
			continue
		}
		sum := x.sum()
		switch {
		case seen[sum]:
		case len(seen) >= d.set.Paths:
			p.over.Inc()
		default:
			seen[sum] = true
			out = append(out, p.changed(c, x, at))
		}
	}
	return out
}

// parentsOf returns the folders above what changed: they change with it.
func parentsOf(list []change) map[string]bool {
	out := map[string]bool{}
	for _, x := range list {
		for dir := path.Dir(x.Path); !out[dir]; dir = path.Dir(dir) {
			out[dir] = true
		}
	}
	return out
}

func (d *differ) excluded(at string) bool {
	for _, x := range d.set.Exclude {
		if at == x || strings.HasPrefix(at, x) && at[len(x)] == '/' {
			return true
		}
	}
	return false
}

func (x change) sum() uint64 {
	h := fnv.New64a()
	_, _ = h.Write(append([]byte(x.Path), 0, byte(x.Kind)))
	return h.Sum64()
}

// changed is the event of one file. Its id is the same whenever the file is told
// of, so that a receiver knows it again after a restart.
func (p *poller) changed(c *running, x change, at time.Time) event.Event {
	k := kinds[x.Kind]
	e := p.event(c, changesDataset, "event", k.action, at)
	f := &e.Fields
	f.AddString(schema.EventCategory, "file")
	f.AddString(schema.EventType, k.kind)
	f.AddString(schema.EventOutcome, "success")
	f.Add(schema.EventSeverity, event.Int(3))
	f.AddString(schema.FilePath, x.Path)
	f.AddString(schema.FileName, path.Base(x.Path))
	f.AddString(schema.FileDirectory, path.Dir(x.Path))
	e.ID = p.fileID(&e, c.ID, k.action, x.Path)
	return e
}
