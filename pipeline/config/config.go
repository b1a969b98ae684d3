// Package config reads the configuration file: it finds it, decodes it strictly
// into the settings of the plugins it is given, and says what is wrong with
// file, line and column, all of it in one run. It starts nothing, opens nothing
// but the file itself, and knows no plugin by name.
//
// It is the only package that imports viper, which finds the file and binds the
// flags and environment variables of a few top-level scalars (find.go). The
// document itself is decoded from YAML nodes, because viper loses the case of
// keys and every line number.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tallyman/pipeline/plugin"
)

// Config is one configuration file, understood.
type Config struct {
	Path string // as it was given
	Dir  string // its folder, absolute: where relative paths in it start
	Hash string // SHA-256 of the text, in hexadecimal

	Grace   time.Duration
	Journal Journal
	Host    Host
	Admin   Admin
	Console Console
	Log     Log
	Labels  map[string]string

	Secrets []Secret // what the file refers to, in its order

	Decoders   []plugin.Plugin // every one that is built in
	Inputs     []Component     // in the order of the file
	Transforms []Component
	Outputs    []OutputComponent
}

// Secret is a reference to a secret, and where the file has it.
type Secret struct {
	plugin.Secret
	Of    string // `"token" of output "siem"`
	Pos   plugin.Pos
	Width int
}

// Journal says where accepted events are kept and how much.
type Journal struct {
	Dir            string        `yaml:"dir" doc:"The folder that holds the journal; nobody else writes there." example:"/var/lib/tallyman" required:"true"`
	MaxSize        plugin.Size   `yaml:"max_size" doc:"The most bytes that all files of the folder take."`
	SegmentSize    plugin.Size   `yaml:"segment_size" doc:"The size of one file of the journal."`
	MinFree        plugin.Size   `yaml:"min_free" doc:"Bytes of the disk that are left to others."`
	CommitInterval time.Duration `yaml:"commit_interval" doc:"The longest that an event waits to be made durable."`
	CommitBytes    plugin.Size   `yaml:"commit_bytes" doc:"The bytes that are made durable at once, without waiting for the interval."`
	Compress       string        `yaml:"compress" doc:"Whether events are compressed on the disk: zstd takes a third of the room for a little more processor time." enum:"none,zstd"`
	MaxAge         time.Duration `yaml:"max_age" doc:"How long events stay that every output has; 0: until their room is needed. Events that an output still has to get are never deleted for their age." example:"168h"`
}

// Host replaces what is found out about the host.
type Host struct {
	Name string `yaml:"name" doc:"The name of this host in events, in place of the one the kernel gives."`
	ID   string `yaml:"id" doc:"The stable id of this host, in place of the machine id."`
}

// Admin says where metrics and health are served.
type Admin struct {
	Listen string `yaml:"listen" doc:"The address of /metrics, /healthz and /readyz, or off." example:"127.0.0.1:9099"`
}

// Log says how the program speaks of itself.
type Log struct {
	Level  string `yaml:"level" doc:"The least important line that is written." enum:"debug,info,warn,error"`
	Format string `yaml:"format" doc:"The form of a line." enum:"text,json"`
}

// Component is one input, transform or output of the file.
type Component struct {
	Name     string // of an input or output, the key; of a transform, its type, made unique
	Type     string
	Pos      plugin.Pos // of the name, or of a transform's list entry
	Plugin   plugin.Plugin
	Settings any // what Plugin.Settings gave, filled

	places map[string]plugin.Problem // of its keys, with dots between those inside each other; "" is of itself
}

// Place returns where the value of a key of the settings is in the file, with a dot
// before a key inside one ("cef.version"), and how many bytes it has there: that of the
// innermost map that is there, where the key is not.
func (c *Component) Place(key string) (plugin.Pos, int) {
	for key != "" {
		if p, ok := c.places[key]; ok {
			return p.Pos, p.Width
		}
		key = key[:max(strings.LastIndexByte(key, '.'), 0)]
	}
	if p, ok := c.places[""]; ok {
		return p.Pos, p.Width
	}
	return c.Pos, 0
}

// OutputComponent is an output with what the engine does before it.
type OutputComponent struct {
	Component
	When     plugin.Text // the expression that an event must meet, "" for all events
	WhenFull string      // block, drop_oldest or drop_newest
	MaxLag   plugin.Size // 0: no bound of its own
	MaxRate  int         // events a second; 0: no limit
}

// Options are what Load needs besides the file.
type Options struct {
	Plugins   []plugin.Plugin
	LookupEnv func(string) (string, bool) // os.LookupEnv where nil
	Override  []Override                  // from flags and environment, see Find
}

// root is the top level of the file.
type root struct {
	Grace   time.Duration     `yaml:"grace" doc:"How long a stop may take to deliver what is under way."`
	Journal Journal           `yaml:"journal" doc:"The durable log between inputs and outputs."`
	Host    Host              `yaml:"host" doc:"What this host is called."`
	Admin   Admin             `yaml:"admin" doc:"Metrics and health."`
	Console Console           `yaml:"console" doc:"The web console, which is off unless it is given an address."`
	Log     Log               `yaml:"log" doc:"The program's own log."`
	Labels  map[string]string `yaml:"labels" doc:"Fields under labels.* that every event carries."`
	Redact  string            `yaml:"redact" doc:"With auto, a transform redact with its defaults stands at the end of transforms where none is listed: secrets in command lines are replaced before anything is stored. With off they are stored as they are." enum:"auto,off"`
}

func defaults() root {
	return root{
		Grace: 10 * time.Second,
		Journal: Journal{MaxSize: 2 << 30, SegmentSize: 16 << 20, MinFree: 256 << 20,
			CommitInterval: 20 * time.Millisecond, CommitBytes: 1 << 20, Compress: "none"},
		Admin:   Admin{Listen: "127.0.0.1:9099"},
		Console: Console{Listen: "off"},
		Log:     Log{Level: "info", Format: "text"},
		Redact:  "auto",
	}
}

// Load reads and checks the file at path. It returns every problem of the file
// in one run, sorted by place; where one of them is more than a warning, there
// is no Config. Relative paths in the file start at its folder: the journal's
// folder and the files of secrets come back absolute, what else is a path is
// joined by its plugin (Env.Dir).
func Load(path string, o Options) (*Config, plugin.Problems) {
	cfg, problems := LoadPart(path, o)
	if problems.Bad() {
		return nil, problems
	}
	return cfg, problems
}

// LoadPart is Load for whoever looks for more problems: where some are more than
// a warning, there is a Config of the components whose own settings are right.
// It is to be built and closed, never to be run. There is none where the file
// cannot be read or is no map.
func LoadPart(path string, o Options) (*Config, plugin.Problems) {
	text, problem := read(path)
	if problem != nil {
		return nil, plugin.Problems{*problem}
	}
	return understand(path, text, o)
}

// understand is LoadPart for a text that was read.
func understand(path string, text []byte, o Options) (*Config, plugin.Problems) {
	d := newDecoder(path, text, o)
	doc := d.parse(text)
	var cfg *Config
	if doc != nil {
		cfg = d.config(doc)
	}
	problems := Tidy(d.problems)
	if cfg == nil {
		return nil, problems
	}
	cfg.Inputs = slices.DeleteFunc(cfg.Inputs, d.isBroken)
	cfg.Transforms = slices.DeleteFunc(cfg.Transforms, d.isBroken)
	cfg.Outputs = slices.DeleteFunc(cfg.Outputs, func(c OutputComponent) bool { return d.isBroken(c.Component) })
	sum := sha256.Sum256(text)
	cfg.Secrets = d.secrets
	cfg.Path, cfg.Dir, cfg.Hash = path, d.dir, hex.EncodeToString(sum[:])
	cfg.Journal.Dir = d.journalDir(cfg.Journal.Dir)
	return cfg, problems
}

// absolute is the absolute form of a path; where even the working directory is
// unknown, what was given is the best that is left.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// Tidy sorts problems by place and drops those that were found twice: the
// content of an anchor is checked wherever an alias uses it.
func Tidy(p plugin.Problems) plugin.Problems {
	slices.SortStableFunc(p, func(a, b plugin.Problem) int { return comparePos(a.Pos, b.Pos) })
	seen := map[plugin.Problem]bool{}
	return slices.DeleteFunc(p, func(one plugin.Problem) bool {
		if seen[one] {
			return true
		}
		seen[one] = true
		return false
	})
}
