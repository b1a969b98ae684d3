package rules

import (
	"go.yaml.in/yaml/v3"

	"tallyman/pipeline/plugin"
)

// grants reads `samples:` of a file: the images and the inventory that its samples
// take for granted, in the form of the transform's settings.
func (d *document) grants(n *yaml.Node) *Settings {
	s := Default()
	d.mapping(n, "samples", keys{
		"images": func(n *yaml.Node) {
			d.mapping(n, "samples.images", keys{"allowed": d.texts(&s.Images.Allowed, "allowed")})
		},
		"inventory": func(n *yaml.Node) {
			d.mapping(n, "samples.inventory", keys{"default": d.word(&s.Inventory.Default, "default", "allow", "deny"),
				"images": func(n *yaml.Node) {
					d.sequence(n, "images", func(n *yaml.Node) {
						var one Documented
						d.mapping(n, "a documented image", keys{"image": d.text(&one.Image, "image"), "listen": d.texts(&one.Listen, "listen"), "egress": d.texts(&one.Egress, "egress")})
						s.Inventory.Images = append(s.Inventory.Images, one)
					})
				}})
		},
	})
	return &s
}

// word reads one of some words.
func (d *document) word(to *string, what string, of ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var t plugin.Text
		d.text(&t, what)(n)
		known := map[string]bool{}
		for _, w := range of {
			known[w] = true
		}
		if !known[t.Value] {
			d.add(t.Pos, didYouMean(t.Value, known), "%s is %q, and it may be one of %v", what, t.Value, of)
		}
		*to = t.Value
	}
}
