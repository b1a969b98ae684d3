package redact

// pattern says what told a secret; it is a label of metrics.
type pattern uint8

// The patterns that are built in; those of the settings follow.
const (
	byName pattern = iota
	byOption
	byPlace
	byURL
	byHeader
	byBlock
	byAWS
	byJWT
	byGitHub
	byGitLab
	bySlack
	byNPM
	byPyPI
	byStripe
	byGoogle
	byOther
	numPatterns
)

var patternNames = [numPatterns]string{"name", "short_option", "argument", "url", "header", "private_key", "aws", "jwt", "github", "gitlab", "slack",
	"npm", "pypi", "stripe", "google", "other_token"}

// charset is what a token is made of, beside letters and digits.
type charset uint8

const (
	setPlain charset = iota // nothing else
	setUnder                // _
	setDash                 // -
	setURL                  // _ and -
	setDot                  // _ - .
	setPath                 // _ - /
	setHex                  // only 0-9 and a-f
	setColon                // _ - :
)

func (s charset) has(c byte) bool {
	switch {
	case s == setHex:
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	case c == '_':
		return s == setUnder || s == setURL || s == setDot || s == setPath || s == setColon
	case c == '-':
		return s == setDash || s == setURL || s == setDot || s == setPath || s == setColon
	case c == ':':
		return s == setColon
	case c == '/':
		return s == setPath
	case c == '.':
		return s == setDot
	}
	return false
}

// run returns where the bytes of s from i that are in the set end.
func (s charset) run(text string, i int) int {
	for i < len(text) && s.has(text[i]) {
		i++
	}
	return i
}

// token is a secret that begins with a fixed text. It is replaced as a whole, so
// that its hash is the same where a name tells it.
type token struct {
	prefix string
	set    charset
	least  int // bytes after the prefix
	id     pattern
}

var tokens = [...]token{
	{"ghp_", setPlain, 36, byGitHub}, {"gho_", setPlain, 36, byGitHub}, {"ghu_", setPlain, 36, byGitHub}, {"ghs_", setPlain, 36, byGitHub},
	{"ghr_", setPlain, 36, byGitHub}, {"github_pat_", setUnder, 22, byGitHub},
	{"glpat-", setDot, 20, byGitLab}, {"gldt-", setURL, 20, byGitLab}, {"glrt-", setURL, 20, byGitLab}, {"glcbt-", setURL, 20, byGitLab},
	{"glptt-", setURL, 20, byGitLab}, {"glsoat-", setURL, 20, byGitLab}, {"glagent-", setURL, 20, byGitLab}, {"gloas-", setURL, 20, byGitLab},
	{"xoxb-", setDash, 10, bySlack}, {"xoxp-", setDash, 10, bySlack}, {"xoxa-", setDash, 10, bySlack}, {"xoxe-", setDash, 10, bySlack},
	{"xoxe.xox", setDot, 10, bySlack}, {"xoxr-", setDash, 10, bySlack}, {"xoxs-", setDash, 10, bySlack}, {"xoxo-", setDash, 10, bySlack},
	{"xapp-", setDash, 20, bySlack}, {"hooks.slack.com/services/", setPath, 20, bySlack},
	{"npm_", setPlain, 36, byNPM},
	{"pypi-", setURL, 32, byPyPI},
	{"sk_live_", setPlain, 16, byStripe}, {"sk_test_", setPlain, 16, byStripe}, {"rk_live_", setPlain, 16, byStripe}, {"rk_test_", setPlain, 16, byStripe},
	{"whsec_", setPlain, 24, byStripe},
	{"AIza", setURL, 35, byGoogle}, {"GOCSPX-", setURL, 20, byGoogle}, {"ya29.", setURL, 20, byGoogle},
	{"hvs.", setURL, 20, byOther}, {"hvb.", setURL, 20, byOther}, {"dop_v1_", setHex, 64, byOther}, {"dckr_pat_", setURL, 20, byOther},
	{"hf_", setPlain, 34, byOther}, {"sk-proj-", setURL, 20, byOther}, {"sk-ant-", setURL, 20, byOther},
	{"tskey-", setDash, 16, byOther}, {"shpat_", setHex, 32, byOther}, {"atlasv1.", setURL, 60, byOther}, {"AGE-SECRET-KEY-1", setPlain, 50, byOther},
	{"SG.", setDot, 60, byOther}, {"SWMTKN-1-", setDash, 40, byOther}, {"NRAK-", setPlain, 20, byOther}, {"PMAK-", setDash, 40, byOther},
	{"rubygems_", setHex, 48, byOther}, {"ATATT3", setURL, 60, byOther}, {"ATBB", setPlain, 28, byOther}, {"AKCp", setPlain, 60, byOther},
	{"dt0c01.", setDot, 60, byOther}, {"sntrys_", setURL, 40, byOther}, {"lin_api_", setPlain, 32, byOther}, {"glsa_", setUnder, 32, byOther},
	{"squ_", setHex, 40, byOther}, {"sqp_", setHex, 40, byOther}, {"api.telegram.org/bot", setColon, 40, byOther}, {"discord.com/api/webhooks/", setPath, 40, byOther},
}

// literals are the texts without which a text holds no secret that is known.
func literals() []literal {
	list := []literal{
		{text: "pass", fold: true, class: className}, {text: "secret", fold: true, class: className}, {text: "token", fold: true, class: className},
		{text: "_auth", class: className}, {text: "masterauth", fold: true, class: className}, {text: "sonar.login", class: className},
		{text: "dockerconfigjson", class: className}, {text: "\"auth", class: classAuth}, {text: "-art-api", fold: true, class: className}, {text: "db.auth(", class: classCall}, {text: "changeUserPassword(", class: classCall}, {text: "signature", fold: true, class: className}, {text: "--from-literal", class: className},
		{text: "-----BEGIN", class: classKey}, {text: "@tcp(", class: classDSN}, {text: "@unix(", class: classDSN},
		{text: "authorization", fold: true, class: classHeader}, {text: "cookie:", fold: true, class: classHeader},
		{text: "bearer ", fold: true, class: classScheme}, {text: "basic ", fold: true, class: classScheme, arg: 1},
		{text: "identified", fold: true, class: classSQL}, {text: "--password-stdin", class: classProgram},
		{text: "echo ", class: classPipe}, {text: "printf ", class: classPipe}, {text: "?sig=", class: classSAS}, {text: "&sig=", class: classSAS},
		{text: "AKIA", class: classAWS}, {text: "ASIA", class: classAWS},
	}
	for _, before := range "_-ihtsenrgcdp" { // api-key, apikey, authkey, accountkey, accesskey, storagekey, …
		list = append(list, literal{text: string(before) + "key", fold: true, class: className})
	}
	for _, mark := range "=:\"' " {
		list = append(list, literal{text: "pwd" + string(mark), fold: true, class: className}, literal{text: "psk" + string(mark), fold: true, class: className})
	}
	for c := 'a'; c <= 'z'; c++ {
		list = append(list, literal{text: string(c) + "://", fold: true, class: classURL})
	}
	for i := range tokens {
		list = append(list, long(tokens[i].prefix, tokens[i].set, literal{class: classToken, arg: i})...)
	}
	for _, text := range [...]string{" <<<", "<<< ", "<<<\"", "<<<'", "<<<$"} {
		list = append(list, literal{text: text, class: classPipe})
	}
	return append(list, long("eyJ", setPlain, literal{class: classToken, arg: -1})...)
}

// long returns the literals of a text that may be too short for one: with each
// byte that may follow.
func long(text string, set charset, lit literal) (list []literal) {
	if lit.text = text; len(text) >= leastLiteral {
		return []literal{lit}
	}
	for c := byte(0); c < 128; c++ {
		if set.has(c) {
			lit.text = text + string(rune(c))
			list = append(list, lit)
		}
	}
	return list
}
