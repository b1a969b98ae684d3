package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// validator is as much of JSON Schema (draft 2020-12) as the schema uses; a
// word that it does not know fails the test.
type validator struct {
	t    *testing.T
	defs map[string]any
}

// bad returns why a value does not meet a schema, "" where it does.
func (v validator) bad(schema, value any, at string) string {
	if b, ok := schema.(bool); ok {
		if b {
			return ""
		}
		return at + ": nothing is allowed here"
	}
	s := schema.(map[string]any)
	for word, arg := range s {
		if why := v.word(s, word, arg, value, at); why != "" {
			return why
		}
	}
	return ""
}

func (v validator) word(s map[string]any, word string, arg, value any, at string) string {
	switch word {
	case "$schema", "title", "$defs", "description", "default", "examples", "then":
		return ""
	case "$ref":
		def, ok := v.defs[strings.TrimPrefix(arg.(string), "#/$defs/")]
		if !ok {
			v.t.Fatalf("%s refers to nothing", arg)
		}
		return v.bad(def, value, at)
	case "anyOf", "oneOf", "allOf":
		return v.choice(word, arg.([]any), value, at)
	case "if":
		if v.bad(arg, value, at) == "" {
			return v.bad(s["then"], value, at)
		}
		return ""
	case "const":
		return unless(fmt.Sprint(arg) == fmt.Sprint(value), at+": not the constant")
	case "enum":
		return unless(slices.ContainsFunc(arg.([]any), func(one any) bool { return fmt.Sprintf("%T%v", one, one) == fmt.Sprintf("%T%v", value, value) }), at+": not of the enum")
	case "type":
		return unless(ofType(arg, value), at+": not of the type")
	}
	switch x := value.(type) {
	case map[string]any:
		return v.object(s, word, arg, x, at)
	case []any:
		if word == "items" {
			for i, one := range x {
				if why := v.bad(arg, one, fmt.Sprintf("%s[%d]", at, i)); why != "" {
					return why
				}
			}
		}
	case string:
		if word == "pattern" {
			return unless(regexp.MustCompile(arg.(string)).MatchString(x), at+": does not match")
		}
	case float64:
		if word == "minimum" {
			return unless(x >= arg.(float64), at+": too small")
		}
	}
	if !slices.Contains([]string{"properties", "additionalProperties", "required", "propertyNames", "minProperties", "maxProperties", "items", "pattern", "minimum"}, word) {
		v.t.Fatalf("the schema has the word %q", word)
	}
	return ""
}

func (v validator) choice(word string, list []any, value any, at string) string {
	good := 0
	for _, one := range list {
		if v.bad(one, value, at) == "" {
			good++
		}
	}
	enough := map[string]bool{"anyOf": good > 0, "oneOf": good == 1, "allOf": good == len(list)}
	return unless(enough[word], fmt.Sprintf("%s: %d of %s", at, good, word))
}

func (v validator) object(s map[string]any, word string, arg any, x map[string]any, at string) string {
	props, _ := s["properties"].(map[string]any)
	for key, one := range x {
		why := ""
		switch schema, known := props[key]; {
		case word == "properties" && known:
			why = v.bad(schema, one, at+"."+key)
		case word == "additionalProperties" && !known:
			why = v.bad(arg, one, at+"."+key)
		case word == "propertyNames":
			why = v.bad(arg, key, at+"."+key)
		}
		if why != "" {
			return why
		}
	}
	switch word {
	case "required":
		for _, key := range arg.([]any) {
			if _, ok := x[key.(string)]; !ok {
				return at + ": lacks " + key.(string)
			}
		}
	case "minProperties":
		return unless(float64(len(x)) >= arg.(float64), at+": too few")
	case "maxProperties":
		return unless(float64(len(x)) <= arg.(float64), at+": too many")
	}
	return ""
}

func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

func ofType(arg, value any) bool {
	if list, ok := arg.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return ofType(one, value) })
	}
	switch x := value.(type) {
	case map[string]any:
		return arg == "object"
	case []any:
		return arg == "array"
	case string:
		return arg == "string"
	case bool:
		return arg == "boolean"
	case float64:
		return arg == "number" || arg == "integer" && x == float64(int64(x))
	}
	return arg == "null" && value == nil
}

// An editor must not underline what the program takes, and underlines most of
// what it refuses.
func TestSchemaAgreesWithLoad(t *testing.T) {
	var b bytes.Buffer
	if err := Schema(&b, fakes()); err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(b.Bytes(), &schema); err != nil {
		t.Fatal(err)
	}
	v := validator{t, schema["$defs"].(map[string]any)}
	lines := map[string]bool{ // of the output of hec, and whether they are right
		"": true, "ack: false": true, "ack: ${YES:-true}": true, "ack: yes": false, "ratio: 0.5": true, "ratio: x": false, "limit: 5": true, "limit: -1": false,
		"offset: -1": true, "offset: 1.5": false, "batch: {bytes: 5MiB, count: 7}": true, "batch: {bytes: 0}": true, "batch: {bytes: 5}": false, "batch: {bytes: 1.5 kb}": true,
		"batch: {bytes: '${N:-5}MiB'}": true, "batch: 5": false, "batch: {x: 1}": false, "tls: {cert: a, min_version: 1.2}": true, "tls: {cert: a, min_version: '1.3'}": true,
		"tls: {cert: a, min_version: 1.1}": false, "tls: {}": false, "headers: {A: b, C: 5}": true, "headers: {A: [b]}": false, "routes: [{index: a, if: b}]": true,
		"routes: [{if: b}]": false, "tenants: {x: {index: a}}": true, "tenants: {x: {}}": false, "also: [a, 5]": true, "also: a": false, "token: {file: a}": true,
		"token: {env: A}": true, "token: hunter2": false, "token: {}": false, "token: {env: A, file: b}": false, "when: a": true, "when: true": false, "when_full: drop_oldest": true,
		"when_full: drop": false, "xyzzy: 1": false,
	}
	for line, right := range lines {
		compare(t, v, schema, hec+"    "+line+"\n", right)
	}
	for text, right := range map[string]bool{
		hec + "grace: 1m\n": true, hec + "grace: 1.5h\n": true, hec + "grace: 7d\n": true, hec + "grace: 0\n": true, hec + "grace: 10\n": false, hec + "grace: 1w\n": false,
		hec + "log: {level: debug}\n": true, hec + "log: {level: loud}\n": false, hec + "labels: {a: b, c: 1}\n": true, hec + "jornal: {}\n": false, "journal: {dir: /j}\n": false,
		hec + "  'a b': {type: hec, url: 'https://h'}\n": false, hec + "  b: {type: docker}\n": false, hec + "  b: {}\n": false, hec + "  b: {type: hec}\n": false,
		"journal: {dir: /j}\ninputs: {}\noutputs: {o: {type: hec, url: 'https://h'}}\n": false, "journal: {dir: /j}\ninputs: {d: {type: docker}}\ntransforms: {}\noutputs: {o: {type: hec, url: 'https://h'}}\n": false,
	} {
		compare(t, v, schema, text, right)
	}
}

// compare checks that Load and the schema say of a text what is right.
func compare(t *testing.T, v validator, schema map[string]any, text string, right bool) {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(asJSON, &value); err != nil {
		t.Fatal(err)
	}
	_, problems := Load(write(t, text), Options{Plugins: fakes(), LookupEnv: environment(nil)})
	if problems.Bad() == right {
		t.Errorf("Load says %q of\n%s", problems, text)
	}
	if why := v.bad(schema, value, ""); (why == "") != right {
		t.Errorf("the schema says %q of\n%s", why, text)
	}
}
