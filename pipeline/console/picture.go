package console

import (
	"fmt"
	"strings"

	"tallyman/pipeline/config"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/trend"
)

// Measures of the picture, in its own units.
const (
	boxWidth, boxHeight, boxGap = 230, 60, 16
	columnAt                    = 305 // from one column to the next
	margin                      = 4
)

// picture is the pipeline as boxes and lines.
type picture struct {
	Width, Height int
	Boxes         []box
	Lines         []string // paths
	Text          string   // the same in words
}

// box is an input, the transforms, the journal or an output.
type box struct {
	X, Y, W, H  int
	Name, Type  string
	Key         string // of its live texts
	Left, Right string // live texts at its foot: the keys behind Key
	Steps       []string
}

func (b *box) middle() int { return b.Y + b.H/2 }

// draw makes the picture of a configuration.
func draw(c *config.Config) picture {
	var p picture
	var ins, outs []box
	for i, in := range c.Inputs {
		ins = append(ins, box{X: margin, Y: place(i), W: boxWidth, H: boxHeight, Name: in.Name, Type: in.Type, Key: "in." + in.Name, Left: "rate", Right: "records"})
	}
	for i, o := range c.Outputs {
		outs = append(outs, box{X: margin + 3*columnAt, Y: place(i), W: boxWidth, H: boxHeight, Name: o.Name, Type: o.Type, Key: "out." + o.Name, Left: "rate", Right: "behind"})
	}
	steps := box{X: margin + columnAt, W: boxWidth, H: boxHeight, Name: "transforms", Key: "transforms"}
	for _, t := range c.Transforms {
		steps.Steps = append(steps.Steps, t.Name)
	}
	steps.H = max(boxHeight, 36+20*len(steps.Steps))
	height := max(place(len(ins))-boxGap, place(len(outs))-boxGap, steps.H+margin)
	center := func(list []box) {
		for i := range list {
			list[i].Y += (height + boxGap - place(len(list))) / 2
		}
	}
	center(ins)
	center(outs)
	steps.Y = margin + (height-margin-steps.H)/2
	journal := box{X: margin + 2*columnAt, Y: steps.middle() - boxHeight/2, W: boxWidth, H: boxHeight, Name: "journal", Key: "journal", Left: "bytes", Right: "full"}
	for i := range ins {
		p.Lines = append(p.Lines, line(&ins[i], &steps))
	}
	p.Lines = append(p.Lines, line(&steps, &journal))
	for i := range outs {
		p.Lines = append(p.Lines, line(&journal, &outs[i]))
	}
	p.Boxes = append(append(append(ins, steps), journal), outs...)
	p.Width, p.Height = 2*margin+3*columnAt+boxWidth, height+margin
	p.Text = fmt.Sprintf("Inputs %s; transforms %s; the journal; outputs %s.", names(ins), strings.Join(steps.Steps, ", "), names(outs))
	return p
}

func place(i int) int { return margin + i*(boxHeight+boxGap) }

func names(list []box) string {
	var all []string
	for i := range list {
		all = append(all, list[i].Name)
	}
	return strings.Join(all, ", ")
}

// line is the curve from the right of a box to the left of another.
func line(a, b *box) string {
	x1, x2 := a.X+a.W, b.X
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, a.middle(), (x1+x2)/2, a.middle(), (x1+x2)/2, b.middle(), x2, b.middle())
}

// words are the texts of a page that change, by key, and the states of its parts.
type words struct {
	Text  map[string]string `json:"text"`
	State map[string]string `json:"state"` // ok, warn or bad
}

// live writes the texts of now.
func live(st *engine.Status, t *trend.Trend) words {
	w := words{Text: map[string]string{}, State: map[string]string{}}
	up := func(key string, fine bool, why string) {
		w.State[key], w.Text[key+".problem"] = "ok", inert(why) // with its lines: each is a problem
		if !fine {
			w.State[key] = "bad"
		}
	}
	up("ready", st.Ready, st.Problem)
	w.Text["ready.word"] = map[bool]string{true: "Ready", false: "Not ready"}[st.Ready]
	var in float64
	for _, one := range st.Inputs {
		key, r := "in."+one.Name, t.Input(one.Name)
		in += r
		w.Text[key+".rate"], w.Text[key+".records"] = pace(r), count(one.Records)
		up(key, one.Up, one.Error)
	}
	w.Text["total.in"] = pace(in)
	lost := uint64(0)
	for i := range st.Outputs {
		lost += w.output(&st.Outputs[i], t)
	}
	w.Text["total.lost"], w.State["total.lost"] = count(lost), "ok"
	if lost > 0 {
		w.State["total.lost"] = "bad"
	}
	up("journal", st.Journal.Blocked == "", st.Journal.Blocked)
	share := 0.0
	if st.Journal.Max > 0 {
		share = 100 * float64(st.Journal.Bytes) / float64(st.Journal.Max)
	}
	w.Text["journal.bytes"], w.Text["journal.full"] = size(st.Journal.Bytes), fmt.Sprintf("%.0f %% full", share)
	return w
}

// output writes the texts of an output and returns how much it lost: what was
// dropped.
func (w *words) output(o *engine.BookStatus, t *trend.Trend) uint64 {
	key, b := "out."+o.Name, t.Output(o.Name)
	dropped, dead := trend.Lost(o)
	for k, v := range map[string]string{
		"received": count(trend.Sum(o, "received")), "delivered": count(trend.Sum(o, "delivered")), "unconfirmed": count(trend.Sum(o, "unconfirmed")),
		"filtered": count(trend.Sum(o, "filtered")),
		"waiting":  count(b.Waiting), "bytes": size(b.Bytes), "dead": count(dead), "lost": count(dropped), "lag": count(o.Lag),
		"rate": pace(b.Out), "in": pace(b.In), "behind": "nothing waits", "age": "–", "drain": "–", "balanced": "yes",
	} {
		w.Text[key+"."+k] = v
	}
	if !o.Balanced {
		w.Text[key+".balanced"] = "NO"
	}
	if b.Waiting > 0 {
		w.Text[key+".behind"] = count(b.Waiting) + " wait"
		w.Text[key+".age"] = span(b.Age)
		if b.AtLeast {
			w.Text[key+".age"] = "at least " + span(b.Age)
		}
		if w.Text[key+".drain"] = "does not shrink"; b.Draining {
			w.Text[key+".drain"] = "about " + span(b.Drain)
		}
	}
	w.State[key], w.Text[key+".problem"] = "ok", inert(o.Error)
	switch {
	case o.Orphan:
		w.State[key] = "warn"
	case !o.Up:
		w.State[key] = "bad"
	case b.Waiting > 0 && b.Age.Seconds() > 30:
		w.State[key] = "warn"
	}
	return dropped
}
