package redact

import "strings"

// nameKind says what the name of an option, a variable or a key makes of its
// value.
type nameKind uint8

const (
	nameNone   nameKind = iota
	nameSecret          // password, token …
	nameKey             // api-key, private-key …: a path is no secret
	namePWD             // pwd: also the working directory
	namePass            // pass: also which of two runs
)

// secretWords end the name of a secret. free ones may have anything before them
// (rootpassword), the others a mark or a change of case (db_pass, accessToken).
var secretWords = [...]struct {
	word string
	kind nameKind
	free bool
}{
	{"password", nameSecret, true}, {"pass-phrase", nameSecret, true}, {"requirepass", nameSecret, true}, {"masterauth", nameSecret, true},
	{"secret-string", nameSecret, true}, {"dockerconfigjson", nameSecret, true}, {"secretstring", nameSecret, true}, {"sonar.login", nameSecret, true}, {"x-jfrog-art-api", nameSecret, true},
	{"x-goog-signature", nameSecret, true}, {"passwd", nameSecret, true}, {"passphrase", nameSecret, true}, {"passcode", nameSecret, true},
	{"pass", nameSecret, false}, {"storepass", nameSecret, true}, {"keypass", nameSecret, true}, {"dbpass", nameSecret, true},
	{"userpass", nameSecret, true}, {"rootpass", nameSecret, true}, {"bindpass", nameSecret, true}, {"adminpass", nameSecret, true},
	{"secret", nameSecret, false}, {"clientsecret", nameSecret, true}, {"appsecret", nameSecret, true}, {"jwtsecret", nameSecret, true},
	{"token", nameSecret, false}, {"authtoken", nameSecret, true}, {"accesstoken", nameSecret, true}, {"apitoken", nameSecret, true},
	{"refreshtoken", nameSecret, true}, {"bearertoken", nameSecret, true}, {"bottoken", nameSecret, true},
	{"pwd", namePWD, false}, {"psk", nameSecret, false},
	{"apikey", nameKey, true}, {"api_key", nameKey, true}, {"api-key", nameKey, true},
	{"authkey", nameKey, true}, {"auth-key", nameKey, true}, {"auth_key", nameKey, true},
	{"secretkey", nameKey, true}, {"secret_key", nameKey, true}, {"secret-key", nameKey, true}, {"secret_access_key", nameKey, true},
	{"accesskey", nameKey, true}, {"access_key", nameKey, true}, {"access-key", nameKey, true},
	{"accountkey", nameKey, true}, {"account_key", nameKey, true}, {"account-key", nameKey, true},
	{"storagekey", nameKey, true}, {"storage_key", nameKey, true}, {"storage-key", nameKey, true},
	{"encryptionkey", nameKey, true}, {"encryption_key", nameKey, true}, {"encryption-key", nameKey, true},
	{"masterkey", nameKey, true}, {"master_key", nameKey, true}, {"master-key", nameKey, true},
	{"signingkey", nameKey, true}, {"signing_key", nameKey, true}, {"signing-key", nameKey, true},
	{"privatekey", nameKey, true}, {"private_key", nameKey, true}, {"private-key", nameKey, true},
	{"subscriptionkey", nameKey, true}, {"subscription_key", nameKey, true}, {"subscription-key", nameKey, true},
	{"applicationkey", nameKey, true}, {"application_key", nameKey, true}, {"application-key", nameKey, true},
	{"app_key", nameKey, true}, {"app-key", nameKey, true}, {"appkey", nameKey, true}, {"insert-key", nameKey, true}, {"functions-key", nameKey, true},
	{"licensekey", nameKey, true}, {"license_key", nameKey, true}, {"license-key", nameKey, true},
	{"sharedkey", nameKey, true}, {"shared_key", nameKey, true}, {"shared-key", nameKey, true},
	{"certificatekey", nameKey, true}, {"certificate-key", nameKey, true},
	{"x-amz-signature", nameSecret, true},
}

// endsSecret is what the name of a secret ends with.
var endsSecret = setOf("dDeEsStTnNkKyYhHgGiI0123456789]")

// harmless end like the name of a secret and are none: marks of a place in a
// list, files, and switches.
var harmless = [...]string{"nexttoken", "next-token", "next_token", "pagetoken", "page-token", "page_token", "starting-token", "startingtoken",
	"continue-token", "continuationtoken", "continuation-token", "auth-user-pass", "auth_user_pass", "nopass", "no-pass", "no-password",
	"ask-pass", "ask-password", "ask-become-pass", "ask-vault-pass", "prompt-password", "one-pass", "two-pass", "multi-pass", "single-pass", "host-pass"}

// maxName is the length of the longest name that is looked at.
const maxName = 96

// named says what a name makes of its value. Its dashes and the digits at its
// end do not count, nor does the D of java -Dpassword=….
func named(name string) nameKind {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	if rest := strings.TrimLeft(name, "-"); rest != name && strings.HasPrefix(rest, "D") {
		name = rest[1:]
	} else {
		name = rest
	}
	for len(name) > 0 && name[len(name)-1] >= '0' && name[len(name)-1] <= '9' {
		name = name[:len(name)-1]
	}
	switch {
	case name == "_auth", strings.HasPrefix(name, "TF_TOKEN_"):
		return nameSecret
	case len(name) < leastName || !endsSecret[name[len(name)-1]]: // most
		return nameNone
	}
	for i := range secretWords {
		w := &secretWords[i]
		at := len(name) - len(w.word)
		if at < 0 || !equalFold(name[at:], w.word) || !w.free && at > 0 && !parted(name, at) {
			continue
		}
		for _, h := range harmless {
			if n := len(name) - len(h); n >= 0 && equalFold(name[n:], h) {
				return nameNone
			}
		}
		if w.kind == namePWD && at > 0 {
			return nameSecret // MYSQL_PWD
		}
		return w.kind
	}
	return nameNone
}

// parted reports whether a word of its own begins at i.
func parted(name string, i int) bool {
	before, at := name[i-1], name[i]
	if before == '-' || before == '_' || before == '.' {
		return true
	}
	return at >= 'A' && at <= 'Z' && (before >= 'a' && before <= 'z' || before >= '0' && before <= '9')
}

// nameByte reports whether c may stand in a name.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// longest is how long a value may be that is no secret although its name is that
// of one: it bounds how often a text is read.
const longest = 1024

// secret reports whether a value is one, given its name.
func (k nameKind) secret(v string) bool {
	switch {
	case k == nameNone, v == "", marked(v), masked(v):
		return false
	case len(v) > longest:
		return true
	case variable(v):
		return false
	case k == namePass && len(v) < 3 && strings.Trim(v, "0123456789") == "":
		return false
	case k == namePWD:
		return v[0] != '/' && v[0] != '.'
	case k == nameKey && (v[0] == '/' || v[0] == '.' || v[0] == '~' || strings.HasSuffix(v, ".pem") || strings.HasSuffix(v, ".key") || awsID(v)):
		return false
	}
	switch v {
	case "true", "false", "yes", "no", "none", "null", "nil", "on", "off", "-", "True", "False", "YES", "NO", "TRUE", "FALSE", "(null)", "stdin", "prompt":
		return false
	}
	for _, p := range [...]string{"file:", "env:", "fd:", "id=", "type=", "src=", "source=", "env=", "{{"} {
		if strings.HasPrefix(v, p) {
			return false
		}
	}
	return true
}

// masked reports whether somebody has replaced a value already: xxxx, ****, <none>.
func masked(v string) bool {
	if v[0] == '<' && v[len(v)-1] == '>' && len(v) <= 64 {
		return true
	}
	c := v[0]
	return len(v) > 2 && (c == 'x' || c == 'X' || c == '*') && strings.Trim(v, v[:1]) == ""
}

// variable reports whether a value is a reference that a shell did not expand,
// and so tells nothing: $PASS, ${PASS}, $(cat …).
func variable(v string) bool {
	if v == "$" || v[0] == '`' || strings.HasPrefix(v, "$(") { // a shell's words end at the bracket
		return true
	}
	if v[0] != '$' {
		return false
	}
	v = v[1:]
	if v[0] == '{' && v[len(v)-1] == '}' {
		v = v[1 : len(v)-1]
	}
	for i := 0; i < len(v); i++ {
		if c := v[i]; !nameByte(c) || c == '-' || c == '.' || i == 0 && c >= '0' && c <= '9' {
			return false
		}
	}
	return true
}

// awsID reports whether s is the id of an AWS key, which is no secret.
func awsID(s string) bool {
	if len(s) != 20 || s[0] != 'A' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
