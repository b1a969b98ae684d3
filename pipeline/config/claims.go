package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// claim is what a component of the file claims, and where that is said.
type claim struct {
	plugin.Claim
	who string // `output "siem"`
	at  plugin.Problem
}

// claim notes what the settings of a component claim; list and n are its keys
// and its place.
func (d *decoder) claim(settings any, list []pair, n *yaml.Node, w where) {
	c, ok := settings.(interface{ Claims() []plugin.Claim })
	if !ok {
		return
	}
	for _, one := range c.Claims() {
		if one.Path != "" && !filepath.IsAbs(one.Path) {
			one.Path = filepath.Join(d.dir, one.Path)
		}
		one.Path = filepath.Clean(one.Path)
		d.claims = append(d.claims, claim{one, w.in, d.placeOf(d.lookAt(list, n, strings.Split(one.Key, ".")))})
	}
}

// placeOf is a problem without words at a node.
func (d *decoder) placeOf(n *yaml.Node) plugin.Problem {
	at := len(d.problems)
	d.add(n, "", "")
	p := d.problems[at]
	d.problems = d.problems[:at]
	return p
}

// collisions reports what two components claim, or a component and the journal,
// whose folder dir is said at the node n.
func (d *decoder) collisions(dir string, n *yaml.Node) {
	for i, c := range d.claims {
		for _, before := range d.claims[:i] {
			if both := collide(before, c); both != "" {
				d.collision(c, before.at, both, before.who)
				break
			}
		}
		if dir != "" && c.Use == plugin.UseWrite && inside(c.Path, d.journalDir(dir)) {
			d.collision(c, d.placeOf(n), "%s writes into the folder of %s", "the journal")
		}
	}
}

// collision adds a problem of c with something else that stands at other.
func (d *decoder) collision(c claim, other plugin.Problem, format, what string) {
	p := c.at
	p.Text = fmt.Sprintf(format, c.who, what)
	p.Hint = "that is at " + other.Pos.String() + "; change one of them"
	d.problems = append(d.problems, p)
}

// collide says what is wrong with c after before, "" for nothing.
func collide(before, c claim) string {
	switch {
	case c.Use == plugin.UseStdin && before.Use == plugin.UseStdin:
		return "%s reads standard input, and so does %s"
	case c.Use == plugin.UseStdin || before.Use == plugin.UseStdin || !sameFile(before.Path, c.Path):
		return ""
	case c.Use == plugin.UseRead && before.Use == plugin.UseRead:
		return "%s reads the file that %s reads"
	case c.Use == plugin.UseRead:
		return "%s reads the file that %s writes"
	case before.Use == plugin.UseRead:
		return "%s writes to the file that %s reads"
	}
	return "%s writes to the file that %s writes to"
}

// sameFile reports whether two clean paths are one file, as far as they exist: a
// link gives a file a second name.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// inside reports whether a clean path is dir or lies in it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
