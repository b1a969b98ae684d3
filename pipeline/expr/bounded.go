package expr

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/vm/runtime"
)

// bound puts the bounded functions into cfg. What they take comes from events:
// how much they make of it must not be the sender's choice.
func bound(cfg *conf.Config) {
	for name, of := range map[string]func(s, sep string, n int) []string{"split": strings.SplitN, "splitAfter": strings.SplitAfterN} {
		cfg.Functions[name] = &builtin.Function{Name: name, Types: []reflect.Type{
			reflect.TypeFor[func(string, string) []string](), reflect.TypeFor[func(string, string, int) []string](),
		}, Func: func(a ...any) (any, error) { return pieces(a, of) }}
	}
	cfg.Functions["replace"] = &builtin.Function{Name: "replace", Types: []reflect.Type{
		reflect.TypeFor[func(string, string, string) string](), reflect.TypeFor[func(string, string, string, int) string](),
	}, Func: replace}
}

// maxPieces is how many pieces a text may be cut into.
const maxPieces = 10_000

func pieces(a []any, cut func(s, sep string, n int) []string) (any, error) {
	n := -1
	if len(a) > 2 {
		n = runtime.ToInt(a[2])
	}
	if n < 0 || n > maxPieces {
		list := cut(a[0].(string), a[1].(string), maxPieces+1)
		if len(list) > maxPieces {
			return nil, fmt.Errorf("the text has more than %d pieces", maxPieces)
		}
		return list, nil
	}
	return cut(a[0].(string), a[1].(string), n), nil
}

func replace(a ...any) (any, error) {
	s, old, by, n := a[0].(string), a[1].(string), a[2].(string), -1
	if len(a) > 3 {
		n = runtime.ToInt(a[3])
	}
	times := strings.Count(s, old)
	if n >= 0 {
		times = min(times, n)
	}
	if size := len(s) + times*(len(by)-len(old)); size > maxText {
		return nil, fmt.Errorf("the text would have %d bytes, more than %d", size, maxText)
	}
	return strings.Replace(s, old, by, n), nil
}
