package runtimes

// What bounds the memory that a stranger's labels may take.

import (
	"maps"
	"slices"
)

// The limits of what one container may take up. A label that is longer is cut,
// and those beyond the number, or beyond the bytes of all of them, are left out,
// by the order of their names.
const (
	maxLabels     = 128
	maxLabelName  = 256
	maxLabelValue = 4096
	maxLabelBytes = 32 << 10
	maxName       = 1024
	maxPath       = 4096 // PATH_MAX
)

// bound cuts what a container's maker may have made too large. It reports
// whether something was cut.
func (c *Container) bound() bool {
	cut := false
	for _, s := range []*string{&c.Name, &c.ImageRef, &c.Image, &c.ImageTag, &c.ImageDigest, &c.ImageID, &c.CgroupParent} {
		cut = shorten(s, maxName) || cut
	}
	labels, less := boundLabels(c.Labels)
	c.Labels = labels
	return cut || less
}

func (p *Pod) bound() bool {
	cut := false
	for _, s := range []*string{&p.Namespace, &p.Name, &p.UID, &p.Node, &p.ServiceAccount, &p.Owner.Name} {
		cut = shorten(s, maxName) || cut
	}
	var a, b bool
	p.Labels, a = boundLabels(p.Labels)
	p.Annotations, b = boundLabels(p.Annotations)
	p.IPs = p.IPs[:min(len(p.IPs), 16)]
	return cut || a || b
}

// boundLabels returns m where it is small enough, else a smaller copy.
func boundLabels(m map[string]string) (map[string]string, bool) {
	bad := len(m) > maxLabels || sizeOf(m) > maxLabelBytes
	for k, v := range m {
		bad = bad || k == "" || len(k) > maxLabelName || len(v) > maxLabelValue
	}
	if !bad {
		return m, false
	}
	names := slices.Sorted(maps.Keys(m))
	out, all := make(map[string]string, min(len(m), maxLabels)), 0
	for _, k := range names {
		if k == "" || len(k) > maxLabelName {
			continue // a cut name would be another name
		}
		if len(out) == maxLabels {
			break
		}
		v := m[k]
		shorten(&v, maxLabelValue)
		if all += len(k) + len(v); all > maxLabelBytes {
			break
		}
		out[k] = v
	}
	return out, true
}

// shorten cuts s to n bytes, at the start of a rune, and lets go of the rest.
func shorten(s *string, n int) bool {
	if len(*s) <= n {
		return false
	}
	for n > 0 && (*s)[n]&0xC0 == 0x80 {
		n--
	}
	b := []byte((*s)[:n])
	*s = string(b)
	return true
}

// maxBytes is what all containers and pods together may take up in labels and
// names; those that come when it is reached are kept without their labels.
const maxBytes = 64 << 20

// perThing is what a container or pod takes up besides its strings.
const perThing = 1024

func sizeOf(m map[string]string) int {
	n := 0
	for k, v := range m {
		n += len(k) + len(v)
	}
	return n
}

// size is about what c takes up, without its pod.
func (c *Container) size() int {
	return perThing + len(c.ID) + len(c.Name) + len(c.ImageRef) + len(c.Image) + len(c.ImageDigest) + len(c.ImageID) + len(c.CgroupParent) + sizeOf(c.Labels)
}

func (p *Pod) size() int {
	return perThing + len(p.Name) + len(p.Namespace) + len(p.ServiceAccount) + sizeOf(p.Labels) + sizeOf(p.Annotations)
}
