package zone

import "strings"

// abbreviations are those with one meaning: those of RFC 822 and those of Europe,
// Russia, Japan, Alaska, Australia, New Zealand and southern Africa. Others (IST,
// BST, AST) have several, and are not believed.
var abbreviations = [...]struct {
	name string
	east int
}{
	{"UTC", 0}, {"GMT", 0}, {"Z", 0}, {"UT", 0},
	{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7},
	{"WET", 0}, {"WEST", 1}, {"CET", 1}, {"CEST", 2}, {"EET", 2}, {"EEST", 3}, {"MSK", 3}, {"JST", 9},
	{"AKST", -9}, {"AKDT", -8}, {"AWST", 8}, {"AEST", 10}, {"AEDT", 11}, {"NZST", 12}, {"NZDT", 13}, {"SAST", 2},
}

// Abbreviation returns the seconds east of UTC of an abbreviation that has one
// meaning; where anyCase is set also of one in small letters.
func Abbreviation(name string, anyCase bool) (east int, ok bool) {
	for i := range abbreviations {
		if abbreviations[i].name == name || anyCase && strings.EqualFold(abbreviations[i].name, name) {
			return abbreviations[i].east * 3600, true
		}
	}
	return 0, false
}
