// Package containers reads what containers print, from the files in which their
// runtimes keep it: Docker's json-file driver and the log files of Kubernetes
// (containerd, CRI-O, podman). It follows containers as they come and go and says
// of each line what the path of its file tells: the container or the pod. What
// a line means is the decoder's business.
package containers

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
	"tallyman/pipeline/tail"
)

// Plugin is the input `containers`.
var Plugin = plugin.NewInput("containers", "What containers print, from the files of Docker's json-file driver and of Kubernetes (CRI): containers are followed as they come and go.", defaults, build)

// Settings are the keys of the input.
type Settings struct {
	Path    []plugin.Text `yaml:"path" doc:"The files to follow, as patterns. Where none is named they are Docker's (/var/lib/docker/containers/*/*-json.log) and those of Kubernetes (/var/log/pods/*/*/*.log), whichever are there." example:"/var/log/pods/*/*/*.log"`
	Exclude []plugin.Text `yaml:"exclude" doc:"Patterns for files that are left out: for the whole path or for the name alone." example:"/var/log/pods/kube-system_*/*/*.log"`
	Roots   []plugin.Text `yaml:"roots" doc:"Folders that symbolic links may lead into, beside those where the patterns begin, /var/log/pods and /var/lib/docker/containers. A link that leads elsewhere is not followed, but said and counted." example:"/data/docker/containers"`
	Format  string        `yaml:"format" doc:"How the files are written: docker (JSON), cri (TIME STREAM TAGS TEXT), or auto, which looks at each line." enum:"auto,docker,cri"`
	StartAt string        `yaml:"start_at" doc:"Where files are begun that are there at the very first start: at their beginning, or at their end. What comes later is read from its beginning." enum:"beginning,end"`
	MaxLine plugin.Size   `yaml:"max_line" doc:"The longest line of a file that is kept whole. The runtimes write 16KiB of a container's line at most into one; pieces are put together up to 1MiB."`
	Open    int           `yaml:"open" doc:"How many files are held open at most. The others are looked at now and then, and opened when they grow."`
	Files   int           `yaml:"files" doc:"How many files are followed at most; what is more is counted and said."`
}

const (
	dockerRoot = "/var/lib/docker/containers"
	podsRoot   = "/var/log/pods"
)

func defaults() Settings {
	return Settings{Format: "auto", StartAt: "beginning", MaxLine: 256 << 10, Open: tail.DefaultSetOpen, Files: tail.DefaultSetFiles}
}

// Check says what is wrong with the settings.
func (s *Settings) Check() plugin.Problems {
	var p plugin.Problems
	for _, list := range [][]plugin.Text{s.Path, s.Exclude} {
		for _, t := range list {
			if _, err := filepath.Match(t.Value, ""); err != nil || t.Value == "" {
				p = append(p, plugin.Problem{Pos: t.Pos, Text: "the pattern \"" + t.Value + "\" cannot be read", Hint: "a [ needs its ], and a path must not be empty"})
			}
		}
	}
	if s.Format != "auto" && s.Format != "docker" && s.Format != "cri" {
		p = append(p, plugin.Problem{Key: "format", Text: `format is "` + s.Format + `"`, Hint: "auto, docker or cri"})
	}
	if s.MaxLine < 64<<10 || s.MaxLine > 64<<20 {
		p = append(p, plugin.Problem{Key: "max_line", Text: "max_line of input containers must lie between 64KiB and 64MiB"})
	}
	if s.Open < 1 || s.Open > 1<<20 {
		p = append(p, plugin.Problem{Key: "open", Text: "open of input containers must lie between 1 and 1048576"})
	}
	if s.Files < 1 || s.Files > 1<<20 {
		p = append(p, plugin.Problem{Key: "files", Text: "files of input containers must lie between 1 and 1048576"})
	}
	return p
}

// input is a Set whose records wait for the decoder of their format.
type input struct {
	*tail.Set
	auto bool
}

func build(s *Settings, env plugin.Env) (plugin.Input, error) {
	if p := s.Check(); p.Bad() {
		return nil, p
	}
	decode := map[string]string{"docker": "docker_json", "cri": "cri", "auto": "cri"}[s.Format]
	patterns := paths(s.Path, env.Dir)
	if len(patterns) == 0 {
		patterns = []string{dockerRoot + "/*/*-json.log", podsRoot + "/*/*/*.log"}
	}
	set := tail.NewSet(tail.SetOptions{
		Patterns: patterns, Roots: append(paths(s.Roots, env.Dir), dockerRoot, podsRoot), Exclude: texts(s.Exclude), Fields: fields,
		FromEnd: s.StartAt == "end", MaxLine: int(s.MaxLine), Decode: decode, Open: s.Open, Files: s.Files, Once: env.Once,
		Shared: env.Shared, Input: env.Name, Meter: env.Meter, Log: env.Log, Now: env.Now,
	})
	return &input{Set: set, auto: s.Format == "auto"}, nil
}

// Read implements plugin.Input. One host may have files of both formats, and one
// folder too (a kubelet on Docker): a line of Docker's begins with a brace, one of
// the CRI with the year.
func (in *input) Read(ctx context.Context, b *event.Batch, wait time.Duration) error {
	from := len(b.Events)
	err := in.Set.Read(ctx, b, wait)
	if in.auto {
		for i := from; i < len(b.Events); i++ {
			if e := &b.Events[i]; strings.HasPrefix(e.Raw, "{") {
				e.Decode = "docker_json"
			}
		}
	}
	return err
}

func texts(list []plugin.Text) []string {
	all := make([]string, 0, len(list))
	for _, t := range list {
		all = append(all, t.Value)
	}
	return all
}

// paths returns absolute paths.
func paths(list []plugin.Text, dir string) []string {
	all := texts(list)
	for i, p := range all {
		if !filepath.IsAbs(p) {
			all[i] = filepath.Join(dir, p)
		}
	}
	return all
}
