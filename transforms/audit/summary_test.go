package audit

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSummaryIsWrittenWhenAskedFor(t *testing.T) {
	tr := build(t, func(s *Settings) { s.Summary = true })
	for name, want := range map[string]string{
		"open-denied":         "1001|1000|file|/etc/shadow||/usr/bin/app",
		"rename-over":         "1000||file|/app/a|/etc/b|/usr/bin/app",
		"exec-as-root-by-ana": "ana|root|process|/usr/bin/id||/usr/bin/app",
		"connect-ipv4":        "1000||socket|203.0.113.9|443|/usr/bin/app",
		"login":               "ana||user-session|pts/0|2001:db8::7|/usr/sbin/sshd",
		"login-failed":        "admin||user-session|ssh|203.0.113.7|/usr/sbin/sshd",
		"add-user":            "ana||account|bob||/usr/sbin/useradd",
		"add-group":           "0|builders|account|builders||/usr/sbin/groupadd",
		"service-stop":        "0||service|auditd||/usr/lib/systemd/systemd",
		"kill":                "1001|1000|process|auditd|2211|/usr/bin/app",
		"audit-off":           "0||configuration|set||",
	} {
		e := oneEvent(t, tr, readLines(t, filepath.Join("testdata", "events", name+".log"))...)
		v := ours(&e)
		var got []string
		for _, k := range []string{"actor.primary", "actor.secondary", "object.type", "object.primary", "object.secondary", "how"} {
			got = append(got, strings.Join(v["auditd.summary."+k], ","))
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("%s: %s, want %s", name, g, want)
		}
	}
}
