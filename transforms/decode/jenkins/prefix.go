package jenkins

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The audit trail and the two-line system log begin with a time in the language
// of the controller's JVM: "MMM d, yyyy h:mm:ss[,SSS] aa" of java.text, "Nov 21,
// 2026 3:04:05,123 PM" in English. It has no zone.

// monthNames are how the JVM abbreviates the months in the languages that Jenkins
// is translated to, January first, in lower case and without a full stop.
var monthNames = [...]string{
	"jan feb mar apr may jun jul aug sep oct nov dec", // en
	"jan feb mär apr mai juni juli aug sept okt nov dez",
	"januar februar märz april mai juni juli august september oktober november dezember", // de
	"janv févr mars avr mai juin juil août sept oct nov déc",                             // fr
	"ene feb mar abr may jun jul ago sept oct nov dic",                                   // es
	"gen feb mar apr mag giu lug ago set ott nov dic",                                    // it
	"jan fev mar abr mai jun jul ago set out nov dez",                                    // pt
	"jan feb mrt apr mei jun jul aug sep okt nov dec",                                    // nl
	"sty lut mar kwi maj cze lip sie wrz paź lis gru",                                    // pl
	"янв февр мар апр мая июн июл авг сент окт нояб дек",                                 // ru
	"oca şub mar nis may haz tem ağu eyl eki kas ara",                                    // tr
	"led úno bře dub kvě čvn čvc srp zář říj lis pro",                                    // cs
	"jan feb mars apr maj juni juli aug sep okt nov dec",                                 // sv
	"jan feb mars apr mai juni juli aug sep okt nov des",                                 // nb
	"tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",               // fi
	"jan febr márc ápr máj jún júl aug szept okt nov dec",                                // hu
	"січ лют бер квіт трав черв лип серп вер жовт лист груд",                             // uk
	"يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",         // ar
	"1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",                                             // ja, zh
	"1월 2월 3월 4월 5월 6월 7월 8월 9월 10월 11월 12월",                                             // ko
}

// halves are the names of the half of a day, the longer before those that they
// begin with; true is the second half.
var halves = []struct {
	text string
	late bool
}{
	{"p.\u00a0m.", true}, {"a.\u00a0m.", false}, {"p. m.", true}, {"a. m.", false}, {"p.m.", true}, {"a.m.", false},
	{"nachm.", true}, {"vorm.", false}, {"PM", true}, {"AM", false}, {"pm", true}, {"am", false},
	{"午後", true}, {"午前", false}, {"오후", true}, {"오전", false}, {"下午", true}, {"上午", false},
	{"ÖS", true}, {"ÖO", false}, {"odp.", true}, {"dop.", false}, {"em", true}, {"fm", false}, {"ip.", true}, {"ap.", false},
	{"du.", true}, {"de.", false}, {"пп", true}, {"дп", false}, {"م", true}, {"ص", false},
}

// month returns the month of a name.
func month(name string) time.Month {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, names := range monthNames {
		for n := time.January; names != ""; n++ {
			var one string
			if one, names, _ = strings.Cut(names, " "); one == name {
				return n
			}
		}
	}
	return 0
}

// stamp is the time at the start of a line as it is written.
type stamp struct {
	year, month, day, hour, minute, second, milli int
	half                                          int // 0 unknown, 1 before noon, 2 after it
	rest                                          string
}

// number reads decimal digits of any script.
func number(s string) (n int, rest string, ok bool) {
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		d := digit(r)
		if d < 0 {
			break
		}
		if n = n*10 + d; n > 99999 {
			return 0, s, false
		}
		s, ok = s[size:], true
	}
	return n, s, ok
}

func digit(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r < utf8.RuneSelf || !unicode.Is(unicode.Nd, r):
		return -1
	}
	// The digits of a script stand together, in blocks of ten.
	for d := 0; d < 10; d++ {
		if !unicode.Is(unicode.Nd, r-rune(d)-1) {
			return d
		}
	}
	return int(r-'\u0660') % 10
}

// after skips one of the texts.
func after(s string, seps ...string) (string, bool) {
	for _, sep := range seps {
		if rest, ok := strings.CutPrefix(s, sep); ok {
			return rest, true
		}
	}
	return s, false
}

// parseStamp reads "MMM d, yyyy h:mm:ss[,SSS] aa". The month is 0 where its name
// is not known.
func parseStamp(line string) (s stamp, ok bool) {
	name, rest, ok := strings.Cut(line, " ")
	if !ok || name == "" || len(name) > 24 {
		return s, false
	}
	for _, part := range []struct {
		to  *int
		sep []string
	}{{&s.day, []string{", ", "، "}}, {&s.year, []string{" "}}, {&s.hour, []string{":"}}, {&s.minute, []string{":"}}, {&s.second, nil}} {
		if *part.to, rest, ok = number(rest); !ok {
			return s, false
		}
		if part.sep != nil {
			if rest, ok = after(rest, part.sep...); !ok {
				return s, false
			}
		}
	}
	if fraction, ok := after(rest, ",", "٫"); ok {
		if s.milli, fraction, ok = number(fraction); ok {
			rest = fraction
		}
	}
	if s.year < 1990 || s.year > 2199 || s.day < 1 || s.day > 31 || s.hour > 23 || s.minute > 59 || s.second > 60 || s.milli > 999 {
		return s, false
	}
	s.month = int(month(name)) // not before the rest is a time: most lines of a log have none
	rest, ok = after(rest, " ", "\u202f", "\u00a0")
	if s.rest = rest; !ok {
		return s, true
	}
	for _, h := range halves {
		if more, ok := strings.CutPrefix(rest, h.text); ok {
			if s.half, s.rest = 1, more; h.late {
				s.half = 2
			}
			break
		}
	}
	return s, true
}

// in makes the time of a stamp in a zone.
func (s *stamp) in(loc *time.Location) (t time.Time, ok bool) {
	hour := s.hour
	switch {
	case hour > 12 || hour == 0 || s.half == 0:
		ok = hour > 12 || hour == 0 && s.half < 2 // a clock of 24 hours
	case s.half == 1:
		hour, ok = hour%12, true
	case s.half == 2:
		hour, ok = hour%12+12, true
	}
	if s.month == 0 || !ok {
		return time.Time{}, false
	}
	return time.Date(s.year, time.Month(s.month), s.day, hour, s.minute, s.second, s.milli*1e6, loc).UTC(), true
}
