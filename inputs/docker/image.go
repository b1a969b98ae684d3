package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// maxImages is of how many images the digests are remembered.
const maxImages = 1024

// images remembers by which digests registries know an image: an event of a
// container names the image by the engine's own id, and a push by its digest.
type images struct {
	known map[string][]string // by the engine's id
	order []string
}

// digests returns those of an image, none where the engine cannot tell or no
// registry has it.
func (l *looker) digests(ctx context.Context, id string) []string {
	m := &l.images
	if list, ok := m.known[id]; ok {
		return list
	}
	hex, ok := strings.CutPrefix(id, "sha256:")
	if !ok || time.Now().Before(l.rest) || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	var i struct{ RepoDigests []string }
	if err := l.api.get(ctx, "/images/"+id+"/json", &i); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			l.rest = time.Now().Add(restFor)
		}
		return nil // the next event asks again
	}
	var list []string
	for _, r := range i.RepoDigests {
		if _, d, ok := strings.Cut(r, "@"); ok && strings.HasPrefix(d, "sha256:") && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil // it may be pushed yet
	}
	if m.known == nil {
		m.known = map[string][]string{}
	}
	if len(m.order) >= maxImages {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
	m.known[id], m.order = list, append(m.order, id)
	return list
}
