package auditd

import (
	"bytes"
	"strings"
	"testing"
)

func TestAppendLine(t *testing.T) {
	for name, c := range map[string]struct {
		typ  uint16
		text string
		want string
	}{
		"a system call":         {1300, "audit(1.250:12): arch=c000003e", "type=SYSCALL msg=audit(1.250:12): arch=c000003e\n"},
		"its end":               {1320, "audit(1.250:12): ", "type=EOE msg=audit(1.250:12):\n"},
		"one space is cut":      {1300, "audit(1.250:12):  ", "type=SYSCALL msg=audit(1.250:12): \n"},
		"a line feed":           {1112, "audit(1.250:12): msg='a\nb\n'", "type=USER_LOGIN msg=audit(1.250:12): msg='a b '\n"},
		"a line feed at an end": {1112, "audit(1.250:12): a\n", "type=USER_LOGIN msg=audit(1.250:12): a\n"},
		"NULs at the end":       {1112, "audit(1.250:12): a\x00\x00", "type=USER_LOGIN msg=audit(1.250:12): a\n"},
		"a type without a name": {1999, "audit(1.250:12): x", "type=UNKNOWN[1999] msg=audit(1.250:12): x\n"},
		"the end of a range":    {1199, "audit(1.250:12): x", "type=UNKNOWN[1199] msg=audit(1.250:12): x\n"},
		"nothing":               {1300, "", "type=SYSCALL msg=\n"},
	} {
		if got := string(appendLine([]byte("before"), heads{}.of(c.typ), []byte(c.text))); got != "before"+c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyRecordsAreRecords(t *testing.T) {
	for typ, want := range map[uint16]bool{2: false, 3: false, 1000: false, 1013: false, 1005: true, 1006: true, 1100: true, 1300: true, 1329: false, 1999: true, 2999: true} {
		if isRecord(typ) != want {
			t.Errorf("type %d: %v", typ, !want)
		}
	}
}

// FuzzAppendLine: a line is one line, and holds every byte but line feeds, NULs
// at the end and one space there.
func FuzzAppendLine(f *testing.F) {
	f.Add(uint16(1300), []byte("audit(1.250:12): a=\"b\" "))
	f.Add(uint16(1112), []byte("\n\n \n"))
	f.Add(uint16(0), []byte{0, 10, 0})
	f.Fuzz(func(t *testing.T, typ uint16, text []byte) {
		given := bytes.Clone(text)
		got := string(appendLine(nil, heads{}.of(typ), text))
		line, ok := strings.CutSuffix(got, "\n")
		if !ok || strings.Contains(line, "\n") {
			t.Fatalf("%q is not one line", got)
		}
		want := strings.ReplaceAll("type="+typeName(typ)+" msg="+strings.TrimRight(string(text), "\x00"), "\n", " ")
		if want = strings.TrimSuffix(want, " "); line != want {
			t.Fatalf("%q, want %q", line, want)
		}
		if !bytes.Equal(text, given) {
			t.Fatal("the datagram was changed")
		}
	})
}
