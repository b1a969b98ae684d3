package webclient

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// shortest is how long a text is at least that is taken for a secret where nothing
// says that it is one: a version or a number would be cut out of every answer.
const shortest = 6

// secrets are the texts that must not be repeated: each value, and what follows
// the scheme in one like "Bearer TOKEN", also the password behind Basic.
func (r *Request) secrets() []string {
	list := slices.Clone(r.Conceal)
	for _, values := range r.Secret {
		for _, v := range values {
			list = append(list, v)
			scheme, token, ok := strings.Cut(v, " ")
			if !ok {
				continue
			}
			list = append(list, token)
			if plain, err := base64.StdEncoding.DecodeString(token); err == nil && scheme == "Basic" {
				if _, password, _ := strings.Cut(string(plain), ":"); len(password) >= shortest {
					list = append(list, password)
				}
			}
		}
	}
	return list
}

// inQuery are the values of a query, any of which may be a token, as they stand
// there and as others may write them.
func inQuery(query string) (list []string) {
	for pair := range strings.SplitSeq(query, "&") {
		_, raw, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(raw)
		if err != nil {
			plain = raw
		}
		if len(plain) >= shortest {
			list = append(list, raw, url.QueryEscape(plain), url.PathEscape(plain), plain)
		}
	}
	return list
}
