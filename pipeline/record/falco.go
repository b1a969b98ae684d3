package record

import "strings"

// FalcoLine reports whether a line is an alert of Falco's as it writes them where they
// are no JSON: "03:04:05.123456789: Notice A shell was spawned (…)". Its own log has no
// priority, or none of these words.
func FalcoLine(s string) bool {
	stamp, rest, ok := strings.Cut(s[:min(len(s), 64)], ": ")
	if !ok || len(stamp) < len("03:04:05.0") || !strings.Contains(stamp, ".") || strings.Trim(stamp, "0123456789:.+-TZ") != "" {
		return false
	}
	priority, _, ok := strings.Cut(rest, " ")
	switch priority {
	case "Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug":
		return ok
	}
	return false
}
