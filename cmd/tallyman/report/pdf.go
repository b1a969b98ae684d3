package report

import (
	"fmt"
	"io"
	"strings"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
)

// sheet lays a report out on pages of A4, on their side: tables have many columns.
type sheet struct {
	*fpdf.Fpdf
	r *Report
}

const (
	margin   = 12.0
	across   = 297.0 - 2*margin
	lineHigh = 3.9
)

// WritePDF writes the report as PDF. What the fonts lack is written by its number.
func WritePDF(w io.Writer, r *Report) error {
	s := sheet{fpdf.New("L", "mm", "A4", ""), r}
	s.SetCreationDate(r.To) // not of now: the same events give the same bytes
	s.SetModificationDate(r.To)
	s.SetCatalogSort(true)
	s.SetTitle(r.Title, true)
	s.SetProducer("tallyman", true)
	s.SetMargins(margin, margin, margin)
	s.SetAutoPageBreak(true, 14)
	s.AddUTF8FontFromBytes("go", "", goregular.TTF)
	s.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	s.AliasNbPages("")
	s.SetFooterFunc(func() {
		s.SetY(-10)
		s.text("", 7, 110)
		s.CellFormat(across/2, 4, "Evidence, not a statement of compliance", "", 0, "L", false, 0, "")
		s.CellFormat(across/2, 4, fmt.Sprintf("%s · page %d", s.r.Title, s.PageNo()), "", 0, "R", false, 0, "")
	})
	s.front()
	for _, one := range r.Sections {
		s.section(one)
	}
	s.gaps()
	s.complete()
	s.head("How this was made", "")
	for _, line := range r.Method {
		s.para("– "+line, 8)
	}
	return s.Output(w)
}

func (s *sheet) text(style string, size float64, grey int) {
	s.SetFont("go", style, size)
	s.SetTextColor(grey, grey, grey)
}

func (s *sheet) para(text string, size float64) {
	s.text("", size, 40)
	s.MultiCell(across, size*0.5, shaped(text), "", "L", false)
	s.Ln(1)
}

func (s *sheet) head(title, intro string) {
	if s.GetY() > 165 {
		s.AddPage()
	}
	s.Ln(4)
	s.text("B", 12, 20)
	s.CellFormat(across, 6, shaped(title), "T", 1, "L", false, 0, "")
	if intro != "" {
		s.para(intro, 8)
	}
}

func (s *sheet) front() {
	s.AddPage()
	s.text("B", 20, 20)
	s.CellFormat(across, 10, shaped(s.r.Title), "", 1, "L", false, 0, "")
	s.para(short(rfc3339(s.r.From))+" to "+short(rfc3339(s.r.To))+" (UTC) · "+s.r.Input, 9)
	s.SetFillColor(238, 242, 246)
	s.text("B", 9, 30)
	s.MultiCell(across, 6, shaped(s.r.Statement), "", "L", true)
	s.Ln(2)
	whole := "no"
	if s.r.Completeness.Whole {
		whole = "yes"
	}
	cards := [][2]string{{number(s.r.Within), "events in the period"}, {number(s.r.Alerts), "alerts"}, {number(s.r.Cited), "events cited, in events.csv"},
		{fmt.Sprint(len(s.r.Gaps)), "gaps of " + s.r.GapLimit + " or more"}, {number(s.r.lost()), "losses that are known"}, {whole, "shown to be complete"}}
	x, y := s.GetXY()
	for i, c := range cards {
		s.SetXY(x+float64(i)*across/6, y)
		s.text("B", 14, 20)
		s.CellFormat(across/6, 7, c[0], "", 2, "L", false, 0, "")
		s.text("", 7.5, 90)
		s.CellFormat(across/6, 4, c[1], "", 0, "L", false, 0, "")
	}
	s.SetXY(x, y+14)
	s.chart("Events, "+s.r.Timeline.Bar+" a bar", [][]uint64{s.r.Timeline.Events}, [][3]int{{59, 126, 161}}, s.r.Timeline.most[0])
	s.chart("Alerts by severity (low, medium, high, critical), "+s.r.Timeline.Bar+" a bar", s.r.Timeline.Alerts[:],
		[][3]int{{159, 179, 196}, {227, 179, 65}, {221, 122, 43}, {179, 38, 30}}, s.r.Timeline.most[1])
}

func (s *sheet) chart(title string, series [][]uint64, fill [][3]int, most uint64) {
	const high = 32.0
	s.text("", 8, 90)
	s.CellFormat(across, 5, fmt.Sprintf("%s; the highest is %d", title, most), "", 1, "L", false, 0, "")
	x, y := s.GetXY()
	step := across / timelineBars
	for i := range timelineBars {
		base := y + high
		for k, list := range series {
			if list[i] == 0 {
				continue
			}
			tall := max(float64(list[i])*high/float64(max(most, 1)), 0.3)
			base -= tall
			s.SetFillColor(fill[k][0], fill[k][1], fill[k][2])
			s.Rect(x+float64(i)*step+0.3, base, step-0.6, tall, "F")
		}
	}
	s.SetDrawColor(200, 206, 212)
	s.Line(x, y+high, x+across, y+high)
	s.SetXY(x, y+high+3)
}

func (s *sheet) section(one *Section) {
	title := one.Title
	if len(one.Serves) > 0 {
		title += "  (" + strings.Join(one.Serves, ", ") + ")"
	}
	s.head(title, one.Intro)
	if len(one.Rows) == 0 {
		s.para(one.Empty, 9)
		return
	}
	const tail = 15 + 12 + 31 + 31 + 20.0
	width := append(widths(one, across-tail), 15, 12, 31, 31, 20)
	head := append(append([]string{}, one.Columns...), "Events", "Failed", "First", "Last", "Figure")
	s.row(head, width, "B")
	for _, r := range one.Rows {
		count := number(r.Count)
		if r.Folded > 0 {
			count += " +" + number(r.Folded)
		}
		code := r.Code
		if r.Count == 0 {
			code = "–"
		}
		cells := append(append([]string{}, r.Cells...), count, number(r.Failed), short(r.First), short(r.Last), code)
		if s.row(cells, width, "") {
			s.row(head, width, "B")
		}
	}
}

// widths shares out room by the longest text of each column, within bounds.
func widths(s *Section, room float64) []float64 {
	list, all := make([]float64, len(s.Columns)), 0.0
	for i, c := range s.Columns {
		long := len([]rune(c))
		for _, r := range s.Rows {
			long = max(long, len([]rune(r.Cells[i])))
		}
		list[i] = float64(min(max(long, 11), 60))
		all += list[i]
	}
	for i := range list {
		list[i] *= room / all
	}
	return list
}

// row writes a line of a table, and reports whether the next is on a new page.
func (s *sheet) row(cells []string, width []float64, style string) bool {
	s.text(style, 7, 40)
	lines, most := make([][]string, len(cells)), 1
	for i, c := range cells {
		lines[i] = s.SplitText(shaped(c), width[i]-1.5)
		if len(lines[i]) > 6 {
			lines[i] = append(lines[i][:5], "…")
		}
		most = max(most, len(lines[i]))
	}
	x, y := s.GetXY()
	for i := range cells {
		for k, line := range lines[i] {
			s.SetXY(x, y+float64(k)*lineHigh*0.85)
			s.CellFormat(width[i], lineHigh, line, "", 0, "L", false, 0, "")
		}
		x += width[i]
	}
	y += float64(most)*lineHigh*0.85 + 1
	s.SetDrawColor(220, 225, 230)
	s.Line(margin, y, margin+across, y)
	s.SetXY(margin, y)
	if y > 210-14-22 {
		s.AddPage()
		return true
	}
	return false
}

func (s *sheet) gaps() {
	s.head("Gaps in the record", "Times of "+s.r.GapLimit+" or more in which a host has no event, or in which nothing of it was read.")
	width := []float64{50, 80, 45, 45, across - 220}
	if len(s.r.Gaps) == 0 {
		s.para("There is none.", 9)
	} else {
		s.row([]string{"What", "Host", "From", "To", "For"}, width, "B")
	}
	for _, g := range s.r.Gaps {
		s.row([]string{g.Kind, g.Host, short(g.From), short(g.To), g.Long}, width, "")
	}
	for _, n := range s.r.Silence {
		s.para(n, 8)
	}
}

func (s *sheet) complete() {
	s.head("Completeness", "")
	s.text("B", 9, 30)
	s.MultiCell(across, 5, shaped(s.r.Completeness.Verdict), "", "L", false)
	for _, n := range s.r.Completeness.Notes {
		s.para(n, 8)
	}
	if len(s.r.Completeness.Rows) == 0 {
		return
	}
	width := make([]float64, len(s.r.Completeness.Columns))
	for i := range width {
		width[i] = across / float64(len(width))
	}
	s.row(s.r.Completeness.Columns, width, "B")
	for _, r := range s.r.Completeness.Rows {
		s.row(r, width, "")
	}
}

// shaped returns text of what the fonts have: Latin, Greek and Cyrillic. The rest is
// written by its number, lest it be an empty box.
func shaped(text string) string {
	var b strings.Builder
	for _, r := range Inert(text) {
		if r < 0x250 || r >= 0x370 && r < 0x460 || strings.ContainsRune("–—‘’“”…·", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}
