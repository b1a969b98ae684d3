package record

import "testing"

func TestWordsOfDevices(t *testing.T) {
	for in, want := range map[string]string{"6": "tcp", "17": "udp", "UDP": "udp", "250": "250", "": ""} {
		if got := Transport(in); got != want {
			t.Errorf("transport %q is %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"Success": "success", "/Failure": "failure", "FAILED": "failure", "unknown": "unknown", "blocked": "", "": ""} {
		if got, ok := Outcome(in); got != want || ok != (want != "") {
			t.Errorf("outcome %q is %q, %v, want %q", in, got, ok, want)
		}
	}
}
