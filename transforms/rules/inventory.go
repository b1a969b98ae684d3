package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"tallyman/pipeline/expr"
	"tallyman/pipeline/plugin"
)

// Images says which images may be used.
type Images struct {
	Allowed []plugin.Text `yaml:"allowed" doc:"Patterns of image names without tag; * stays within a component, ** does not. None allows every image." example:"registry.corp.example/**"`
}

// Inventory is the documented network behaviour of images.
type Inventory struct {
	Default string       `yaml:"default" doc:"What holds for an image that is not in the inventory." enum:"allow,deny"`
	Images  []Documented `yaml:"images" doc:"What is documented, by image."`
}

// Documented is what one image, or each image of a pattern, may do.
type Documented struct {
	Image  plugin.Text   `yaml:"image" doc:"The image's name without tag, or a pattern." example:"shop/api" required:"true"`
	Listen []plugin.Text `yaml:"listen" doc:"Ports that it listens on, single or as a range." example:"8080"`
	Egress []plugin.Text `yaml:"egress" doc:"Where it connects to: an address or network, with a port or without." example:"10.0.0.0/8:5432"`
}

// inventory answers doc_listen and doc_egress.
type inventory struct {
	allow   bool // what holds for an image without an entry
	entries []entry
}

type entry struct {
	is     func(image string) bool
	listen []ports
	egress []target
}

type ports struct{ least, most int }

type target struct {
	net   netip.Prefix
	ports ports
}

// options returns what the settings answer to conditions.
func (s *Settings) options(l *loader) expr.Options {
	o := expr.Options{Lists: l.lists}
	var allowed []func(string) bool
	for _, t := range s.Images.Allowed {
		if is, err := expr.Glob(t.Value); err != nil {
			l.settings(t.Pos, "", "%v", err)
		} else {
			allowed = append(allowed, is)
		}
	}
	if len(allowed) > 0 {
		o.ImageAllowed = func(image string) bool {
			for _, is := range allowed {
				if is(image) {
					return true
				}
			}
			return false
		}
	}
	in := &inventory{allow: s.Inventory.Default != "deny"}
	for i := range s.Inventory.Images {
		in.entries = append(in.entries, s.Inventory.Images[i].entry(l))
	}
	o.ListenDocumented, o.EgressDocumented = in.listen, in.egress
	return o
}

func (d *Documented) entry(l *loader) entry {
	var e entry
	is, err := expr.Glob(d.Image.Value)
	if err != nil {
		l.settings(d.Image.Pos, "", "%v", err)
	}
	e.is = is
	for _, t := range d.Listen {
		p, err := parsePorts(t.Value)
		if err != nil {
			l.settings(t.Pos, `write "8080" or "9000-9010"`, "%v", err)
		}
		e.listen = append(e.listen, p)
	}
	for _, t := range d.Egress {
		to, err := parseTarget(t.Value)
		if err != nil {
			l.settings(t.Pos, `write "10.0.0.0/8:5432", "203.0.113.9" or "[fd00::/8]:443"`, "%v", err)
		}
		e.egress = append(e.egress, to)
	}
	return e
}

func parsePorts(s string) (ports, error) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	a, err1 := strconv.ParseUint(low, 10, 16)
	b, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || a > b {
		return ports{}, fmt.Errorf("%q is no port", s)
	}
	return ports{int(a), int(b)}, nil
}

// parseTarget reads a network with or without a port; one of IPv6 with a port
// stands in brackets.
func parseTarget(s string) (target, error) {
	t := target{ports: ports{1, 65535}}
	where, port := s, ""
	if rest, ok := strings.CutPrefix(s, "["); ok {
		if where, port, ok = strings.Cut(rest, "]:"); !ok {
			where = strings.TrimSuffix(rest, "]")
		}
	} else if strings.Count(s, ":") == 1 {
		where, port, _ = strings.Cut(s, ":")
	}
	if port != "" {
		p, err := parsePorts(port)
		if err != nil {
			return t, err
		}
		t.ports = p
	}
	a, err := netip.ParseAddr(where)
	if err == nil {
		t.net = netip.PrefixFrom(a, a.BitLen())
		return t, nil
	}
	if t.net, err = netip.ParsePrefix(where); err != nil {
		return t, fmt.Errorf("%q is no network", where)
	}
	return t, nil
}

// listen reports whether one entry of the image allows the port, or whether
// nothing is documented of the image and that is allowed.
func (in *inventory) listen(image string, port int) bool {
	known := false
	for _, e := range in.entries {
		if !e.is(image) {
			continue
		}
		known = true
		for _, p := range e.listen {
			if p.least <= port && port <= p.most {
				return true
			}
		}
	}
	return !known && in.allow
}

func (in *inventory) egress(image, ip string, port int) bool {
	a, err := netip.ParseAddr(ip)
	a = a.Unmap().WithZone("")
	known := false
	for _, e := range in.entries {
		if !e.is(image) {
			continue
		}
		known = true
		for _, t := range e.egress {
			if err == nil && t.net.Contains(a) && t.ports.least <= port && port <= t.ports.most {
				return true
			}
		}
	}
	return !known && in.allow
}
