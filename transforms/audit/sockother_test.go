package audit

import (
	"strings"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

func connectTo(t *testing.T, tr *Transform, saddr string) event.Event {
	t.Helper()
	return oneEvent(t, tr, "type=SYSCALL msg=audit(1795227901.123:7): arch=c000003e syscall=42 success=yes exit=0 a0=3 items=0 pid=2",
		"type=SOCKADDR msg=audit(1795227901.123:7): saddr="+saddr)
}

// TestSocketAddressesOfEveryFamily reads one address of each family that has one.
// The bytes are those of the structures of the kernel's headers.
func TestSocketAddressesOfEveryFamily(t *testing.T) {
	tr := build(t, nil)
	for name, c := range map[string]struct{ saddr, family, address, port string }{
		"inet":             {"020001BBCB0071090000000000000000", "ipv4", "203.0.113.9", "443"},
		"inet6":            {"0A0001BB0000000020010DB800000000000000000000000700000000", "ipv6", "2001:db8::7", "443"},
		"unix path":        {"01002F72756E2F612E736F636B00", "unix", "/run/a.sock", ""},
		"unix abstract":    {"0100006162", "unix", "@ab", ""},
		"netlink, kernel":  {"100000000000000000000000", "netlink", "", ""},
		"netlink, process": {"100000007B00000001000000", "netlink", "pid=123 groups=0x1", ""},
		"packet":           {"110000030200000001000006AABBCCDDEEFF0000", "packet", "ifindex=2 protocol=0x0003 address=aa:bb:cc:dd:ee:ff", ""},
		"vsock":            {"280000000004000002000000000000000000", "vsock", "2", "1024"},
		"alg":              {"2600" + hexOf("skcipher", 14) + "0000000000000000" + hexOf("cbc(aes)", 64), "alg", "skcipher:cbc(aes)", ""},
		"can":              {"1D00000005000000", "can", "ifindex=5", ""},
		"bluetooth hci":    {"1F0001000200", "bluetooth", "hci=1", ""},
		"bluetooth sco":    {"1F00FFEEDDCCBBAA", "bluetooth", "aa:bb:cc:dd:ee:ff", ""},
		"bluetooth rfcomm": {"1F00FFEEDDCCBBAA0300", "bluetooth", "aa:bb:cc:dd:ee:ff channel=3", ""},
		"bluetooth l2cap":  {"1F000100FFEEDDCCBBAA00000000", "bluetooth", "aa:bb:cc:dd:ee:ff psm=1", ""},
		"nfc":              {"27000000010000000200000004000000", "nfc", "device=1 target=2 protocol=4", ""},
		"xdp":              {"2C000000030000000100000000000000", "xdp", "ifindex=3 queue=1", ""},
		"qipcrtr":          {"2A000000070000000F000000", "qipcrtr", "7", "15"},
		"tipc":             {"1E000100010000000A00000014000000", "tipc", "type=1 lower=10 upper=20", ""},
		"mctp":             {"2D0000000100000009000000", "mctp", "network=1 address=9", ""},
		"ipx":              {"0400045100000001AABBCCDDEEFF0000", "ipx", "00000001.aa:bb:cc:dd:ee:ff", "1105"},
		"appletalk":        {"05008000000A0B00", "appletalk", "10.11", "128"},
		"x25":              {"0900" + hexOf("12345", 16), "x25", "12345", ""},
		"llc":              {"1A00010000000042AABBCCDDEEFF0000", "llc", "aa:bb:cc:dd:ee:ff", "66"},
		"phonet":           {"230001020300", "phonet", "object=1 device=2 resource=3", ""},
		"iucv":             {"20000000000000002020202020202020" + hexOf("LINUX1  ", 8) + hexOf("APP     ", 8), "iucv", "LINUX1.APP", ""},
		"unspec":           {"00000000000000000000000000000000", "unspec", "", ""},
		"phone, too short": {"2300", "phonet", "", ""},
		"kcm":              {"2900AABB", "kcm", "", ""},
		"a later family":   {"2E000102", "46", "", ""},
		"vsock, s390x":     {"00280000000004000000000200000000", "vsock", "2", "1024"},
	} {
		t.Run(name, func(t *testing.T) {
			e := connectTo(t, tr, c.saddr)
			v := ours(&e)
			family := strings.Join(append(v["network.type"], v["auditd.data.socket_family"]...), ",")
			if family != c.family {
				t.Errorf("the family is %q", family)
			}
			if got := strings.Join(v["destination.address"], ","); got != c.address {
				t.Errorf("the address is %q, want %q", got, c.address)
			}
			if got := strings.Join(v["destination.port"], ","); got != c.port {
				t.Errorf("the port is %q, want %q", got, c.port)
			}
			switch c.family {
			case "ipv4", "ipv6", "unix":
			default: // the bytes stay
				if c.address+c.port != "" && e.Fields.GetNamed(schema.AuditdData, "saddr").Str() != c.saddr {
					t.Error("the bytes of the address are lost")
				}
			}
		})
	}
}

// TestShortSocketAddressesAreKept cuts every address at every byte.
func TestShortSocketAddressesAreKept(t *testing.T) {
	tr := build(t, nil)
	for family := range 50 {
		whole := hexOf(string([]byte{byte(family), 0}), 2) + strings.Repeat("41", 70)
		for n := 2; n <= len(whole); n += 2 {
			e := connectTo(t, tr, whole[:n])
			v := ours(&e)
			if len(v["auditd.data.saddr"])+len(v["destination.address"]) == 0 && n > 4 {
				t.Errorf("family %d, %d bytes: nothing is left of the address", family, n/2)
			}
		}
	}
}

func hexOf(s string, size int) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range size {
		c := byte(0)
		if i < len(s) {
			c = s[i]
		}
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}
