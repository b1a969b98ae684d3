package weblisten

import (
	"net/http"
	"strconv"
	"strings"

	"tallyman/pipeline/jsonscan"
)

// mostOfBody is how many records one body may hold.
const mostOfBody = 100_000

// Split takes a body apart into records, which are views of it. Form is "lines"
// (each is a record), "json" (an object, an array or a list of Kubernetes, whose
// items are records, or several one after the other) or "auto" (its first byte
// tells). What is one JSON text has to be sound, or the client is told where it
// is not; of lines each is a record, sound or not. An error is an Answer.
func Split(text, form string) ([]string, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	first := strings.TrimLeft(text, " \t\r\n")
	if first == "" {
		return nil, nil
	}
	isJSON := first[0] == '{' || first[0] == '['
	switch {
	case form == "lines" || form == "auto" && !isJSON:
		return lines(nil, text)
	case !isJSON:
		return nil, Refuse(http.StatusBadRequest, "the body is no JSON object and no array of them")
	}
	return texts(text, form == "json")
}

// texts takes JSON texts that follow one another.
func texts(text string, strict bool) (list []string, err error) {
	s := jsonscan.New(text)
	for n := 0; !s.Done(); n++ {
		c := s.Peek()
		from, before := s.At(), len(list)
		if c == '{' || c == '[' {
			list = one(list, &s)
		} else {
			s.Object(nil) // an error, here
		}
		switch {
		case len(list) > mostOfBody:
			return nil, tooMany()
		case s.OK():
			continue
		case strict && n == 0, n == 0 && !everyLine(text):
			return nil, Refuse(http.StatusBadRequest, "the body is no JSON: byte "+strconv.Itoa(s.ErrorAt())+" is not expected there, or is nested too deep")
		}
		// Lines, one of which is not sound: from there each goes as it is.
		at := strings.LastIndexByte(text[:from], '\n') + 1
		if at < from && strings.TrimSpace(text[at:from]) != "" {
			at = from
		}
		return lines(list[:before], text[at:])
	}
	return list, nil
}

// one appends the records of the next JSON text: the items of an array or of a
// list of Kubernetes, or the object itself.
func one(list []string, s *jsonscan.Scanner) []string {
	if s.Peek() == '[' {
		s.Array(func() { list = room(list, s.Raw()) })
		return list
	}
	from, kind, items := s.At(), "", ""
	s.Object(func(name string) {
		switch {
		case name == "kind":
			kind, _ = s.Str()
		case name == "items" && s.Peek() == '[':
			items = s.Raw()
		default:
			s.Skip()
		}
	})
	if !strings.HasSuffix(kind, "List") || items == "" {
		return room(list, s.Since(from))
	}
	inner := jsonscan.New(items)
	inner.Array(func() { list = room(list, inner.Raw()) })
	return list
}

// room appends a record; one more than may be is enough to know.
func room(list []string, record string) []string {
	if record == "" || len(list) > mostOfBody {
		return list
	}
	return append(list, record)
}

// everyLine reports whether each line looks like a JSON text of its own.
func everyLine(text string) bool {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if n++; line[0] != '{' && line[0] != '[' || line[len(line)-1] != '}' && line[len(line)-1] != ']' {
			return false
		}
	}
	return n > 1
}

// lines appends each line that is not empty.
func lines(list []string, text string) ([]string, error) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if list = room(list, line); len(list) > mostOfBody {
			return nil, tooMany()
		}
	}
	return list, nil
}

func tooMany() error {
	return Refuse(http.StatusRequestEntityTooLarge, "the body holds more than "+strconv.Itoa(mostOfBody)+" records")
}
