package config

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// minSegment is the smallest segment that still holds a batch and its snapshot
// of positions.
const minSegment plugin.Size = 64 << 10

// fixedFiles is what the journal's state and lock take at most.
const fixedFiles plugin.Size = 132 << 10

// Rooms says what of max_size is for what: dead letters and what transforms
// remember get a sixteenth each, damaged parts a 64th, none more than it needs;
// the segments get what is left.
func (j Journal) Rooms() (segments, dead, memory, quarantine plugin.Size) {
	dead = min(j.MaxSize/16, 64<<20)
	memory = min(j.MaxSize/16, 256<<20)
	quarantine = min(j.MaxSize/64, 64<<20)
	return j.MaxSize - dead - memory - quarantine - fixedFiles, dead, memory, quarantine
}

// shared are folders that hold more than a journal may be mixed with: it takes
// its folder for itself, and shuts it to everybody else.
var shared = []string{"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys",
	"/tmp", "/usr", "/usr/local", "/var", "/var/cache", "/var/lib", "/var/log", "/var/log/audit", "/var/run", "/var/spool", "/var/tmp"}

// limits checks what a type cannot say of the top-level keys. N is the top
// mapping and list its keys; r was filled from them without a problem.
func (d *decoder) limits(list []pair, n *yaml.Node, r *root) {
	j := r.Journal
	at := func(path ...string) *yaml.Node { return d.lookAt(list, n, path) }
	size := "max_size is " + FormatSize(j.MaxSize) + ", segment_size is " + FormatSize(j.SegmentSize)
	segments, _, _, _ := j.Rooms()
	switch {
	case j.SegmentSize < minSegment:
		d.add(at("journal", "segment_size"), "the least is "+FormatSize(minSegment), "the journal's segment_size is too small")
	case segments/2 < j.SegmentSize:
		d.add(at("journal", "max_size"), size+", and what is not segments takes "+FormatSize(j.MaxSize-segments),
			"the journal's max_size has no room for two segments")
	}
	switch {
	case j.CommitBytes < 1:
		d.add(at("journal", "commit_bytes"), "the least is 1B, which makes every batch durable at once", "the journal's commit_bytes is too small")
	case j.CommitBytes > max(j.SegmentSize, 1<<20): // a smaller segment bounds it by itself
		d.add(at("journal", "commit_bytes"), "the most is "+FormatSize(max(j.SegmentSize, 1<<20)), "the journal's commit_bytes is too large")
	}
	if dir := d.journalDir(j.Dir); dir == d.dir || slices.Contains(shared, dir) {
		d.add(at("journal", "dir"), "name a folder of its own, like /var/lib/tallyman",
			"the journal needs a folder for itself, and %q is in use by others", j.Dir)
	}
	if why := badListen(r.Admin.Listen); why != "" {
		d.add(at("admin", "listen"), `write HOST:PORT, like 127.0.0.1:9099, or off`, "%s %s", top.child("admin.listen"), why)
	}
	if why := badListen(r.Console.Listen); why != "" {
		d.add(at("console", "listen"), `write HOST:PORT, like 127.0.0.1:8686, or off`, "%s %s", top.child("console.listen"), why)
	}
}

// journalDir returns the journal's folder, absolute. In the file it starts at
// the file's folder, on a command line or in a variable at the working
// directory, as everything there does.
func (d *decoder) journalDir(dir string) string {
	switch {
	case filepath.IsAbs(dir):
		return filepath.Clean(dir)
	case slices.ContainsFunc(d.override, func(o Override) bool { return slices.Equal(o.Key, []string{"journal", "dir"}) }):
		return absolute(dir)
	}
	return filepath.Join(d.dir, dir)
}

// badListen says what is wrong with the address to listen at, "" for nothing.
func badListen(listen string) string {
	if listen == "off" {
		return ""
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Sprintf("is %q, not an address with a port", listen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Sprintf("has the port %q, which is not a number from 0 to 65535", port)
	}
	return ""
}

// lookAt returns the value at a path of keys, or the innermost map that is
// there. N is the map that list are the pairs of.
func (d *decoder) lookAt(list []pair, n *yaml.Node, path []string) *yaml.Node {
	for _, key := range path {
		i := slices.IndexFunc(list, func(p pair) bool { return resolve(p.key).Value == key })
		if i < 0 {
			return n
		}
		n, list = list[i].val, nil
		if n.Kind == yaml.MappingNode {
			list = d.pairs(n, top)
		}
	}
	return n
}
