package syslog

import "strconv"

// appendCounted appends a message in octet counting.
func appendCounted(b []byte, message string) []byte {
	b = strconv.AppendInt(b, int64(len(message)), 10)
	b = append(b, ' ')
	return append(b, message...)
}
