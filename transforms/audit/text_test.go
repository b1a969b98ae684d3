package audit

import (
	"encoding/hex"
	"strings"
	"testing"
)

// Hex is read eight digits at a time as it is one by one, whatever byte stands where.
func TestHexIsUpperCaseDigits(t *testing.T) {
	text := "0123456789ABCDEF0123456789abcdef"
	for at := range 20 {
		for c := range 256 {
			s := []byte(strings.ToUpper(text))
			s[at] = byte(c)
			want, err := hex.DecodeString(string(s))
			ok := err == nil && (c < 'a' || c > 'f')
			got, gotOK := appendHex([]byte("x"), string(s))
			if gotOK != ok || ok && string(got) != "x"+string(want) || !ok && string(got) != "x" {
				t.Fatalf("%q is %q, %v", s, got, gotOK)
			}
		}
	}
	for n := range 24 {
		s := strings.Repeat("7F", n)
		if got, ok := appendHex(nil, s); ok != (n > 0) || string(got) != strings.Repeat("\x7f", n) {
			t.Errorf("%q is %q, %v", s, got, ok)
		}
	}
}
