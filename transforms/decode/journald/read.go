package journald

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const (
	// maxFields is how many fields one entry may have (journald keeps 1024).
	maxFields = 2048
	// maxName is how long the name of a field may be (journald allows 64).
	maxName = 64
)

// read reads an entry in either form; doubt is what of it is missing.
func read(raw string, dst []field) (list []field, doubt string, err error) {
	if strings.HasPrefix(raw, "{") {
		return readJSON(raw, dst)
	}
	list, err = readExport(raw, dst)
	return list, "", err
}

// readExport reads the export format (systemd.io/JOURNAL_EXPORT_FORMATS): a line
// NAME=value, or, for a value that is not plain text, a line NAME, its length
// as 64 bits in little endian, the value, and a line end. Values are views.
func readExport(s string, dst []field) ([]field, error) {
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		if line == "" {
			if strings.Trim(rest, "\n") != "" {
				return dst, errExport // a second entry
			}
			break
		}
		name, value, text := strings.Cut(line, "=")
		if !text {
			if len(rest) < 8 {
				return dst, errExport
			}
			n := binary.LittleEndian.Uint64([]byte(rest[:8]))
			if rest = rest[8:]; n > uint64(len(rest)) {
				return dst, errExport
			}
			value, rest = rest[:n], rest[n:]
			if rest != "" && rest[0] != '\n' {
				return dst, errExport
			}
			rest = strings.TrimPrefix(rest, "\n")
		}
		if !isName(name) {
			return dst, errName
		}
		if len(dst) == maxFields {
			return dst, errExport
		}
		dst, s = append(dst, field{name, value}), rest
	}
	if len(dst) == 0 {
		return dst, errEmpty
	}
	return dst, nil
}

// isName reports whether a field may have this name.
func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && c-'A' > 25 && c-'0' > 9 {
			return false
		}
	}
	return true
}

// readJSON reads one object of --output=json: a value is a text, null where it was
// too long for journalctl (without --all), numbers where it is not plain text,
// or a list of these where the field stands more than once.
func readJSON(raw string, dst []field) ([]field, string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &members); err != nil || len(members) > maxFields {
		return dst, "", errJSON
	}
	doubt := ""
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !isName(name) {
			return dst, "", errName
		}
		value := members[name]
		var many []json.RawMessage
		if value[0] == '[' && json.Unmarshal(value, &many) == nil && len(many) > 0 && strings.IndexByte(`"[n`, many[0][0]) >= 0 {
			for _, one := range many {
				dst, doubt = appendJSON(dst, name, one, doubt)
			}
			continue
		}
		dst, doubt = appendJSON(dst, name, value, doubt)
	}
	if len(dst) == 0 && doubt == "" {
		return dst, "", errEmpty
	}
	return dst, doubt, nil
}

// appendJSON adds one value.
func appendJSON(dst []field, name string, value json.RawMessage, doubt string) ([]field, string) {
	if string(value) == "null" {
		return dst, "journalctl left out a long value of " + name + " (give it --all)"
	}
	var text string
	if value[0] == '"' && json.Unmarshal(value, &text) == nil {
		return append(dst, field{name, text}), doubt
	}
	var numbers []uint8OrMore
	if value[0] != '[' || json.Unmarshal(value, &numbers) != nil {
		return dst, "the value of " + name + " has a form that a journal has not"
	}
	b := make([]byte, len(numbers))
	for i, n := range numbers {
		if n > 255 {
			return dst, "the value of " + name + " has a form that a journal has not"
		}
		b[i] = byte(n)
	}
	return append(dst, field{name, string(b)}), doubt
}

// uint8OrMore is a number of a list: a []byte would be read as base64.
type uint8OrMore uint16
