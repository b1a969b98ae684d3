package config

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVariables(t *testing.T) {
	env := Options{LookupEnv: environment(map[string]string{"HOST": "h1", "EMPTY": "", "LINES": "a\nb", "YES": "true", "N": "7", "SIZE": "3MiB",
		"TREE": "{a: b}", "WAIT": "5s", "WORD": "drop_oldest", "AGAIN": "${HOST}"})}
	const set = `set it, or write ${NOPE:-default}`
	cases := []struct {
		name, line string
		want       []string
	}{
		{"set", "headers: {a: '${HOST}'}", nil},
		{"not set", "headers: {a: '${NOPE}'}", []string{`FILE:8:19: the environment variable NOPE for "headers.a" of output "o" is not set (` + set + `)`}},
		{"not set, inside a text", `headers: {a: "x-${NOPE}"}`, []string{`FILE:8:21: the environment variable NOPE for "headers.a" of output "o" is not set (` + set + `)`}},
		{"two that are not set", "headers: {a: '${NOPE}${NOPE2}'}", []string{
			`FILE:8:19: the environment variable NOPE for "headers.a" of output "o" is not set (` + set + `)`,
			`FILE:8:26: the environment variable NOPE2 for "headers.a" of output "o" is not set (set it, or write ${NOPE2:-default})`}},
		{"not set, with a message", "headers: {a: '${NOPE:?ask the network team}'}", []string{`FILE:8:19: the environment variable NOPE for "headers.a" of output "o" is not set (ask the network team)`}},
		{"not closed", "headers: {a: '${NOPE'}", []string{`FILE:8:19: ${ without } in "headers.a" of output "o" ($$ is a dollar sign)`}},
		{"no name", "headers: {a: '${a b}'}", []string{`FILE:8:19: ${a b} in "headers.a" of output "o" is not a reference to a variable (write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a dollar sign)`}},
		{"one in another", "headers: {a: '${A:-${B}}'}", []string{`FILE:8:19: ${A:-${B} in "headers.a" of output "o" is not a reference to a variable (write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a dollar sign)`}},
		{"several lines", "headers: {a: '${LINES}'}", []string{`FILE:8:19: the environment variable LINES for "headers.a" of output "o" holds a line break (a value is one line)`}},
		{"a boolean", "ack: ${YES}", nil},
		{"no boolean", "ack: ${HOST}", []string{`FILE:8:10: "ack" of output "o" is the text "${HOST}", not true or false (write true or false)`}},
		{"a number", "limit: ${N}", nil},
		{"a part of a number", "limit: 1${N}", []string{`FILE:8:12: "limit" of output "o" is the text "1${N}", not a whole number from 0`}},
		{"a size", "batch: {bytes: '${SIZE}'}", nil},
		{"a word that is allowed", "when_full: ${WORD}", nil},
		{"a word that is not, and is not told", "when_full: ${HOST}", []string{`FILE:8:16: "when_full" of output "o" cannot be "${HOST}" (it is one of: block, drop_newest, drop_oldest)`}},
		{"no key", "headers: {'${HOST}': a}", nil},
		{"no structure", "headers: ${TREE}", []string{`FILE:8:14: "headers" of output "o" is the text "${TREE}", not a map (a map is written {name: value})`}},
		{"nothing that is compiled", `when: 'host == "${HOST}"'`, []string{`warning: FILE:8:11: "when" of output "o" keeps ${HOST} as it is written (write the value itself; no variable changes an expression)`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { expect(t, hec+"    "+c.line+"\n", env, c.want) })
	}
	expect(t, hec+"grace: '${N}'\n", env, []string{`FILE:8:8: "grace" is the text "${N}", not a duration with its unit, like "250ms" or "10s" (the units are ms, s, m, h and d)`})
	expect(t, hec+"  '${HOST}': {type: hec}\n", env, []string{`FILE:8:3: "${HOST}" cannot be the name of an output (letters, digits, _ . and -, at most 64, a letter or digit first)`})
	expect(t, hec+"  p: {type: '${HOST}'}\n", env, []string{`FILE:8:13: unknown type "${HOST}" of output "p" (the types of outputs are: hec)`})
}

func TestValuesOfVariables(t *testing.T) {
	env := Options{LookupEnv: environment(map[string]string{"HOST": "h1", "EMPTY": "", "TREE": "{a: b}", "AGAIN": "${HOST}"})}
	cfg := expect(t, hec+`    headers:
      plain: ${HOST}
      inside: "a-${HOST}-z"
      twice: ${HOST}${HOST}
      default: ${NOPE:-none}
      empty: ${EMPTY}
      default_of_empty: ${EMPTY:-none}
      no_default: ${NOPE:-}
      dollars: $${HOST} costs $5 and $
      structure: ${TREE}
      once: ${AGAIN}
    also: ["a-${HOST}", "$$x"]
`, env, nil)
	want := map[string]string{"plain": "h1", "inside": "a-h1-z", "twice": "h1h1", "default": "none", "empty": "", "default_of_empty": "none",
		"no_default": "", "dollars": "${HOST} costs $5 and $", "structure": "{a: b}", "once": "${HOST}"}
	if diff := cmp.Diff(want, cfg.Outputs[0].Settings.(*hecSettings).Headers); diff != "" {
		t.Error(diff)
	}
	var also []string
	for _, text := range cfg.Outputs[0].Settings.(*hecSettings).Also {
		also = append(also, fmt.Sprintf("%s at %d:%d", text, text.Pos.Line, text.Pos.Col))
	}
	if diff := cmp.Diff([]string{"a-h1 at 19:13", "$x at 19:26"}, also); diff != "" {
		t.Error(diff)
	}
}
