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
		return nil, noJSON()
	}
	return texts(text, form == "json")
}

// texts takes JSON texts that follow one another.
func texts(text string, strict bool) ([]string, error) {
	list, n, from, err := sound(text)
	if err != nil || from == len(text) {
		return list, err
	}
	if n == 0 && (strict || !everyLine(text)) {
		s := jsonscan.New(text)
		s.Skip()
		return nil, notSound(s.ErrorAt())
	}
	// Lines, one of which is not sound: from there each goes as it is.
	return lines(list, text[lineOf(text, from):])
}

// sound takes JSON texts that follow one another, n of them, up to the first that
// is not sound. From is where that one begins, the end of the text where all are.
func sound(text string) (list []string, n, from int, err error) {
	s := jsonscan.New(text)
	for ; !s.Done(); n++ {
		c := s.Peek()
		from = s.At()
		before := len(list)
		if c == '{' || c == '[' {
			list = one(list, &s)
		} else {
			s.Object(nil) // an error, here
		}
		switch {
		case len(list) > mostOfBody:
			return nil, n, from, tooMany()
		case !s.OK():
			return list[:before], n, from, nil
		}
	}
	return list, n, len(text), nil
}

func noJSON() error {
	return Refuse(http.StatusBadRequest, "the body is no JSON object and no array of them")
}

func notSound(at int) error {
	return Refuse(http.StatusBadRequest, "the body is no JSON: byte "+strconv.Itoa(at)+" is not expected there, or is nested too deep")
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
