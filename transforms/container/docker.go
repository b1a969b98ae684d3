package container

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// dockerRoot reads what Docker keeps of a container in its data folder.
type dockerRoot struct {
	dir string
}

// maxAsked is how often a container's file is looked for: at its first events
// it may not be there yet, and a container of another engine has none.
const maxAsked = 3

// config is the part of config.v2.json that is used.
type config struct {
	Name   string
	Image  string
	Config struct {
		Image  string
		Labels map[string]string
	}
}

// hostConfig is the part of hostconfig.json that is used.
type hostConfig struct{ CgroupParent string }

// read returns what the file of a container says.
func (d *dockerRoot) read(id string) (facts, bool) {
	if !isID(id) {
		return facts{}, false
	}
	b, err := os.ReadFile(filepath.Join(d.dir, "containers", id, "config.v2.json"))
	if err != nil {
		return facts{}, false
	}
	var c config
	if err := json.Unmarshal(b, &c); err != nil {
		return facts{}, false // half written; it is asked again
	}
	f := facts{name: strings.TrimPrefix(c.Name, "/"), runtime: runtimeDocker, image: c.Config.Image, labels: c.Config.Labels}
	if strings.HasPrefix(c.Image, "sha256:") {
		f.imageID = c.Image
	}
	if b, err := os.ReadFile(filepath.Join(d.dir, "containers", id, "hostconfig.json")); err == nil {
		var h hostConfig
		if err := json.Unmarshal(b, &h); err == nil {
			f.parent = h.CgroupParent
		}
	}
	return f, true
}

// describe learns the name, image and labels of a container that has none yet,
// whatever runtime it is said to be of: Docker's own file knows better.
func (t *Transform) describe(c *container) {
	t.consult(c)
	if t.docker == nil || c.asked >= maxAsked || c.known.name != "" {
		return
	}
	c.asked++
	if f, ok := t.docker.read(c.id); ok {
		c.asked = maxAsked
		t.reg.own(c, f)
	}
}
