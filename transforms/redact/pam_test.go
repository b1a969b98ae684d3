package redact

import (
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestWhatPAMWasAskedForIsNoSecret: the name of a service may be that of a secret, and
// what stands behind it in parentheses is what PAM was asked for. A secret in such a
// place is one all the same.
func TestWhatPAMWasAskedForIsNoSecret(t *testing.T) {
	tr := build(t, nil)
	for text, same := range map[string]bool{
		"pam_unix(passwd:chauthtok): password changed for ana":                       true,
		"pam_unix(gdm-password:auth): authentication failure; logname= uid=0":        true,
		"pam_unix(passwd:session): session opened for user ana(uid=1000) by (uid=0)": true,
		"passwd[7]: pam_sss(passwd:account): Access denied for user ana":             true,
		"pam_unix(passwd:Zq9Vb7XyWm): x":                                             false,
		"login(passwd:session)":                                                      false,
		"pam_unix(x passwd:session)":                                                 false,
	} {
		var e event.Event
		e.Fields.AddString(schema.Message, text)
		got := one(t, tr, e)
		if kept := got.Get(schema.Message).Str(); (kept == text) != same {
			t.Errorf("%q became %q", text, kept)
		}
	}
}
