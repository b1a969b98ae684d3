package dockerevent

// The types of an engine's events that have a meaning of their own.
const (
	typeContainer = "container"
	typeImage     = "image"
	typeDaemon    = "daemon"
)

// meaning is what an action stands for (SCHEMA.md, section 3.2).
type meaning struct {
	category, kind string
	severity       int64
	own            string // attributes that the engine itself adds, between blanks
}

// containerActions are what happens to a container.
var containerActions = map[string]meaning{
	"create": {category: "configuration", kind: "creation", severity: 3}, "destroy": {category: "configuration", kind: "deletion", severity: 3},
	"remove": {category: "configuration", kind: "deletion", severity: 3},
	"start":  {category: "process", kind: "start", severity: 3}, "restart": {category: "process", kind: "start", severity: 3},
	"unpause": {category: "process", kind: "start", severity: 3}, "init": {category: "process", kind: "start", severity: 3},
	"die": {category: "process", kind: "end", severity: 3, own: " exitCode execDuration "}, "died": {category: "process", kind: "end", severity: 3, own: " exitCode execDuration containerExitCode "},
	"stop": {category: "process", kind: "end", severity: 3}, "pause": {category: "process", kind: "end", severity: 3},
	"kill": {category: "process", kind: "end", severity: 3, own: " signal "}, "oom": {category: "process", kind: "end", severity: 5},
	"rename": {category: "configuration", kind: "change", severity: 3, own: " oldName "}, "update": {category: "configuration", kind: "change", severity: 3},
	"exec_create": {category: "process", kind: "start", severity: 4, own: " execID "}, "exec_start": {category: "process", kind: "start", severity: 4, own: " execID "},
	"exec_detach": {category: "process", kind: "info", severity: 4, own: " execID "},
	"exec_die":    {category: "process", kind: "end", severity: 4, own: " execID exitCode "}, "exec_died": {category: "process", kind: "end", severity: 4, own: " execID exitCode "},
	"attach": {category: "session", kind: "start", severity: 4}, "detach": {category: "session", kind: "end", severity: 4},
	"archive-path": {category: "file", kind: "access", severity: 4}, "export": {category: "file", kind: "access", severity: 4},
	"copy": {category: "file", kind: "access", severity: 4}, "extract-to-dir": {category: "file", kind: "creation", severity: 4},
	"commit": {category: "package", kind: "installation", severity: 4, own: " comment imageID imageRef "},
	"resize": {category: "session", kind: "info", severity: 1, own: " height width "}, "top": {category: "process", kind: "access", severity: 2},
	"prune":         {category: "configuration", kind: "deletion", severity: 3, own: " reclaimed "},
	"health_status": {category: "process", kind: "info", severity: 2},
	"checkpoint":    {category: "process", kind: "info", severity: 3},
}

// imageActions are what happens to an image.
var imageActions = map[string]meaning{
	"pull": {category: "package", kind: "installation", severity: 3}, "load": {category: "package", kind: "installation", severity: 3},
	"import": {category: "package", kind: "installation", severity: 3}, "create": {category: "package", kind: "installation", severity: 3},
	"push": {category: "package", kind: "access", severity: 3}, "save": {category: "package", kind: "access", severity: 3},
	"tag": {category: "package", kind: "change", severity: 3}, "untag": {category: "package", kind: "change", severity: 3},
	"delete": {category: "package", kind: "deletion", severity: 3}, "remove": {category: "package", kind: "deletion", severity: 3},
	"prune": {category: "package", kind: "deletion", severity: 3},
	"build": {category: "package", kind: "installation", severity: 4}, "commit": {category: "package", kind: "installation", severity: 4},
}

// otherActions are what happens to networks, volumes and all else.
var otherActions = map[string]string{
	"create": "creation", "destroy": "deletion", "remove": "deletion", "delete": "deletion", "prune": "deletion",
	"install": "creation", "pull": "creation", "push": "access",
}

// meaningOf returns what an action stands for, and whether it is known.
func meaningOf(kind, action string) (meaning, bool) {
	switch kind {
	case typeContainer:
		m, ok := containerActions[action]
		if !ok {
			m = meaning{category: "process", kind: "info", severity: 3}
		}
		return m, ok
	case typeImage:
		m, ok := imageActions[action]
		if !ok {
			m = meaning{category: "package", kind: "info", severity: 3}
		}
		return m, ok
	case typeDaemon:
		return meaning{category: "configuration", kind: "change", severity: 5}, action == "reload"
	}
	k, ok := otherActions[action]
	if !ok {
		k = "change"
	}
	return meaning{category: "configuration", kind: k, severity: 3}, true
}
