package setup

import (
	"fmt"
	"slices"
	"strings"
)

// Plan says what is written, besides what was found.
type Plan struct {
	Preset string // "" for none
	State  string // the folder of the journal and keys; "" for the one of the configuration
	Rules  string // the pattern of the packs of rules; "" where there is none
}

// Configuration writes the configuration of a host.
func Configuration(h *Host, plan Plan) (string, error) {
	p := presets()[0]
	if plan.Preset != "" {
		i := slices.IndexFunc(presets(), func(p preset) bool { return p.name == plan.Preset })
		if i < 0 {
			return "", fmt.Errorf("there is no preset %q; there are %s", plan.Preset, strings.Join(Presets(), ", "))
		}
		p = presets()[i]
	}
	var b strings.Builder
	b.WriteString(comment("", p.about))
	b.WriteString("# `tallyman validate` checks this file, `tallyman reference` prints every setting,\n# `tallyman doctor` says what the host lacks.\n\n")
	state := func(name string) string {
		if plan.State == "" {
			return name
		}
		return Quote(strings.TrimSuffix(plan.State, "/") + "/" + name)
	}
	b.WriteString("# What was read and is not yet delivered, on disk, within these bounds.\n")
	fmt.Fprintf(&b, "journal: {dir: %s, %s}\n", state("journal"), p.journal)
	if h.PortTaken {
		fmt.Fprintf(&b, "# Metrics and health: off, since %s is in use here. Give another address.\nadmin: {listen: off}\n", MetricsAddress)
	} else {
		fmt.Fprintf(&b, "# Metrics and health: /metrics, /healthz, /readyz.\nadmin: {listen: %q}\n", MetricsAddress)
	}
	b.WriteString("\ninputs:\n")
	for i := range h.Sources {
		writeSource(&b, &h.Sources[i], p)
	}
	b.WriteString("\n# In this order: each sees what those before it found.\ntransforms:\n  # Joins the records of one audit event and names what they say.\n  - {type: audit}\n")
	b.WriteString("  # Says in which container it happened.\n  - " + containerEntry(h) + "\n")
	b.WriteString("  # Says who is behind it: who logged in, who ran docker exec.\n  - {type: session}\n")
	if plan.Rules != "" {
		fmt.Fprintf(&b, "  # Makes an alert of what the rules match; `tallyman rules list` shows them.\n  - {type: rules, files: [%s]}\n", Quote(plan.Rules))
	} else {
		b.WriteString("  # No packs of rules are beside this text; `tallyman init --output FILE` writes them.\n  # - {type: rules, files: [rules/*.yaml]}\n")
	}
	fmt.Fprintf(&b, "  # Replaces passwords and tokens in command lines by a keyed hash.\n  - {type: redact, key_file: %s}\n", state("redact.key"))
	b.WriteString("\noutputs:\n" + p.outputs)
	return b.String(), nil
}

// writeSource writes an input, or why there is none.
func writeSource(b *strings.Builder, s *Source, p preset) {
	wanted := slices.Contains(p.inputs, s.Name) && s.Entry != ""
	switch {
	case s.State == Ready && (p.name == "" || wanted):
		b.WriteString(comment("  ", s.Why))
		fmt.Fprintf(b, "  %s: %s\n", s.Name, s.Entry)
	case wanted:
		b.WriteString(comment("  ", s.Why))
		if s.State == Denied {
			b.WriteString(comment("  ", "NOT READABLE when this was written ("+s.Err.Error()+"): "+s.Hint+"."))
		} else {
			b.WriteString(comment("  ", "NOT THERE when this was written: "+s.Path+"."))
		}
		fmt.Fprintf(b, "  %s: %s\n", s.Name, s.Entry)
	case s.State == Denied && p.name == "":
		b.WriteString(comment("  ", "Not read: "+s.Err.Error()+". To have it, "+s.Hint+"."))
		fmt.Fprintf(b, "  # %s: %s\n", s.Name, s.Entry)
	}
}

// containerEntry is the transform that finds containers, which on a host that is
// mounted somewhere has to be told where.
func containerEntry(h *Host) string {
	if h.Root == "" {
		return "{type: container}"
	}
	var sockets []string
	for name, path := range h.Runtimes {
		sockets = append(sockets, name+": "+Quote(path))
	}
	slices.Sort(sockets)
	entry := "{type: container, procfs: " + Quote(h.Root+"/proc") + ", docker_root: " + Quote(h.Root+"/var/lib/docker")
	if len(sockets) > 0 {
		entry += ", sockets: {" + strings.Join(sockets, ", ") + "}"
	}
	return entry + "}"
}

// width is the longest line of a comment.
const width = 96

// comment writes a text as comment lines, folded at blanks; its own line ends stay.
func comment(indent, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		at := 0
		for _, word := range strings.Fields(line) {
			if at > 0 && at+1+len(word) > width {
				b.WriteString("\n")
				at = 0
			}
			if at == 0 {
				b.WriteString(indent + "#")
				at = len(indent) + 1
			}
			b.WriteString(" " + word)
			at += 1 + len(word)
		}
		if at == 0 {
			b.WriteString(indent + "#")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Report says for people what was found, what was not reached, and what to do.
func Report(h *Host) string {
	var b strings.Builder
	for i := range h.Sources {
		s := &h.Sources[i]
		switch s.State {
		case Ready:
			fmt.Fprintf(&b, "reads    %s%s\n", s.What, at(s.Path))
		case Denied:
			fmt.Fprintf(&b, "DENIED   %s: %v\n         → %s\n", s.What, s.Err, s.Hint)
		case Absent:
			fmt.Fprintf(&b, "absent   %s%s\n", s.What, at(s.Path))
			if s.Name == "audit" {
				fmt.Fprintf(&b, "         → %s\n", s.Hint)
			}
		}
	}
	for _, runtime := range []string{"docker", "containerd", "crio", "podman"} {
		if path := h.Runtimes[runtime]; path != "" {
			fmt.Fprintf(&b, "asks     %s at %s for names, images and labels\n", runtime, path)
		}
	}
	for _, n := range h.Notes {
		fmt.Fprintf(&b, "seen     %s: %s\n", n.Name, n.Text)
	}
	return b.String()
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return " (" + path + ")"
}
