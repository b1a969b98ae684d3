package record

import "strings"

// Transport returns what the schema calls a transport protocol: its name in small
// letters, also where a record has its number of IANA's list.
func Transport(s string) string {
	switch s {
	case "1":
		return "icmp"
	case "2":
		return "igmp"
	case "6":
		return "tcp"
	case "17":
		return "udp"
	case "47":
		return "gre"
	case "50":
		return "esp"
	case "51":
		return "ah"
	case "58":
		return "ipv6-icmp"
	case "89":
		return "ospf"
	case "132":
		return "sctp"
	}
	return strings.ToLower(s)
}

// Outcome returns the word of the schema for what devices write of an outcome.
func Outcome(s string) (outcome string, ok bool) {
	switch strings.ToLower(strings.TrimPrefix(s, "/")) {
	case "success", "successful", "succeeded", "succeed":
		return "success", true
	case "failure", "failed", "fail":
		return "failure", true
	case "unknown":
		return "unknown", true
	}
	return "", false
}
