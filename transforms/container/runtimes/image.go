package runtimes

import "strings"

// setImage takes an image reference apart: registry/name:tag@digest, as the
// distribution reference grammar has it, or an id.
func (c *Container) setImage(ref string) {
	c.ImageRef = ref
	switch {
	case strings.HasPrefix(ref, "sha256:"):
		c.setImageID(ref)
		return
	case isID(ref):
		c.setImageID("sha256:" + ref)
		return
	}
	name, digest, _ := strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name, c.ImageTag = name[:colon], name[colon+1:]
	}
	c.Image = name
	if digest != "" {
		c.ImageDigest = digest
	}
}

func (c *Container) setImageID(id string) {
	if isID(id) {
		id = "sha256:" + id
	}
	if c.ImageID == "" && strings.HasPrefix(id, "sha256:") {
		c.ImageID = id
	}
}

// digestOf returns the digest that one of the references repo@sha256:… has for
// an image name, "" where none has.
func digestOf(refs []string, name string) string {
	for _, r := range refs {
		if repo, digest, ok := strings.Cut(r, "@"); ok && strings.HasPrefix(digest, "sha256:") && sameRepo(repo, name) {
			return digest
		}
	}
	return ""
}

// sameRepo compares repositories; Docker leaves out its own registry, Podman
// does not.
func sameRepo(a, b string) bool {
	bare := func(s string) string {
		s = strings.TrimPrefix(s, "docker.io/")
		return strings.TrimPrefix(s, "library/")
	}
	return bare(a) == bare(b)
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isID reports whether s is a whole id, as all engines but containerd's own
// clients make them.
func isID(s string) bool { return len(s) == 64 && isHex(s) }
