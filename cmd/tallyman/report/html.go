package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

// colours of the severities, from the least.
var colours = [len(levels)]string{"#9fb3c4", "#e3b341", "#dd7a2b", "#b3261e"}

// page is a report as the template sees it.
type page struct {
	*Report
	FromText, ToText       string
	Lost                   uint64
	EventChart, AlertChart template.HTML
}

// WriteHTML writes the report as one page that needs nothing else: no script, no
// picture, no other file.
func WriteHTML(w io.Writer, r *Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{"short": short, "strip": strip}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("report: the page: %w", err)
	}
	p := page{Report: r, FromText: rfc3339(r.From), ToText: rfc3339(r.To), Lost: r.lost()}
	p.EventChart = bars(r, [][]uint64{r.Timeline.Events}, []string{"#3b7ea1"}, r.Timeline.most[0], "events")
	p.AlertChart = bars(r, r.Timeline.Alerts[:], colours[:], r.Timeline.most[1], "alerts")
	return t.Execute(w, p)
}

// lost is how many events say that something was lost.
func (r *Report) lost() (n uint64) {
	for _, s := range r.Sections {
		if s.ID == "LOSS" {
			for _, row := range s.Rows {
				n += row.Count
			}
		}
	}
	return n
}

// short writes a time for people.
func short(t string) string {
	t = strings.TrimSuffix(strings.Replace(t, "T", " ", 1), "Z")
	return t[:min(len(t), len("2006-01-02 15:04:05"))]
}

// Sizes of a chart, in the units of its view box.
const (
	chartWidth  = 1100
	chartHeight = 120
	chartLeft   = 60
)

// bars draws stacked bars. It writes numbers and words of ours alone, nothing of an
// event.
func bars(r *Report, series [][]uint64, fill []string, most uint64, what string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s over the period">`, chartWidth, chartHeight+16, what)
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#d8dee5"/>`, chartLeft, chartWidth, chartHeight, chartHeight)
	fmt.Fprintf(&b, `<text x="%d" y="26" text-anchor="end" font-size="11" fill="#5b6672">%d</text><text x="%d" y="%d" text-anchor="end" font-size="11" fill="#5b6672">0</text>`,
		chartLeft-6, most, chartLeft-6, chartHeight)
	fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="11" fill="#5b6672">%s</text><text x="%d" y="%d" text-anchor="end" font-size="11" fill="#5b6672">%s</text>`,
		chartLeft, chartHeight+13, short(rfc3339(r.From)), chartWidth, chartHeight+13, short(rfc3339(r.To)))
	step := float64(chartWidth-chartLeft) / timelineBars
	for i := range timelineBars {
		base := float64(chartHeight)
		for k, s := range series {
			if s[i] == 0 {
				continue
			}
			tall := max(float64(s[i])*(chartHeight-20)/float64(max(most, 1)), 0.8)
			base -= tall
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%d %s</title></rect>`,
				chartLeft+float64(i)*step+1, base, step-2, tall, fill[k], s[i], what)
		}
	}
	if len(series) > 1 {
		for k := range series {
			fmt.Fprintf(&b, `<rect x="%d" y="2" width="9" height="9" fill="%s"/><text x="%d" y="11" font-size="11" fill="#5b6672">%s</text>`,
				chartWidth-320+k*80, fill[k], chartWidth-307+k*80, levels[k])
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // nothing in it is of an event
}

// strip draws when a host has events.
func strip(s Strip) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d 16" role="img" aria-label="coverage">`, chartWidth)
	step := float64(chartWidth) / float64(max(len(s.Cells), 1))
	for i, c := range []byte(s.Cells) {
		fill := "#f3d9d7"
		if c > '0' {
			fill = fmt.Sprintf("rgb(%d,%d,%d)", 190-int(c-'1')*18, 214-int(c-'1')*11, 228-int(c-'1')*9)
		}
		fmt.Fprintf(&b, `<rect x="%.1f" y="0" width="%.1f" height="16" fill="%s"/>`, float64(i)*step, step-0.6, fill)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers alone
}
