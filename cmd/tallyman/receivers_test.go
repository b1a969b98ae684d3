package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tallyman/pipeline/schema"
)

const receivers = "../../configs/receivers"

// node is a part of a JSON document.
type node map[string]any

// searchEngine is how one of them keeps a map: a field for each label that anybody thinks
// of would fill the mapping. What OpenSearch has for that, flat_object, knows no limit of a
// value's length and refuses an event for a long one, so that there maps are kept unsearched.
type searchEngine struct {
	name, file string
	object     node
}

var searchEngines = []searchEngine{
	{"elasticsearch", "elasticsearch-index-template.json", node{"type": "flattened", "ignore_above": 1024}},
	{"opensearch", "opensearch-index-template.json", node{"type": "object", "enabled": false}},
}

// indexTemplate is the template of configs/receivers for a data stream: every field of the schema with its type, and what the schema does not
// name as keywords. A value that does not fit its field costs that value its index and
// not the event: evidence is kept.
func (s searchEngine) indexTemplate() node {
	properties := node{}
	for _, k := range schema.Keys() {
		i := k.Info()
		at, parts := properties, strings.Split(i.Name, ".")
		for _, p := range parts[:len(parts)-1] {
			if at[p] == nil {
				at[p] = node{"properties": node{}}
			}
			at = at[p].(node)["properties"].(node)
		}
		at[parts[len(parts)-1]] = s.indexed(i)
	}
	keywords := node{"match_mapping_type": "string", "mapping": node{"type": "keyword", "ignore_above": 1024}}
	return node{
		"index_patterns": []string{"logs-tallyman.*-*"}, "data_stream": node{}, "priority": 500,
		"template": node{
			"settings": node{"index.mapping.total_fields.limit": 2000, "index.mapping.ignore_malformed": true},
			"mappings": node{"dynamic_templates": []node{{"strings": keywords}}, "properties": properties},
		},
	}
}

// indexed is how one field is indexed. What is longer than 1,024 characters is kept and
// not searched as a whole; without that limit a term of 32 KiB refuses its event.
func (s searchEngine) indexed(i schema.Info) node {
	switch typ := i.Type.String(); typ {
	case "object", "flattened":
		return s.object
	case "keyword":
		return node{"type": typ, "ignore_above": 1024}
	default:
		return node{"type": typ}
	}
}

// TestTheIndexTemplate holds the files against the schema; -update writes them anew.
func TestTheIndexTemplate(t *testing.T) {
	for _, s := range searchEngines {
		t.Run(s.name, s.template)
	}
}

func (s searchEngine) template(t *testing.T) {
	want, err := json.MarshalIndent(s.indexTemplate(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	path := filepath.Join(receivers, s.file)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the schema asks for (%v); -update writes it anew", path, err)
	}
	known := []string{"keyword", "constant_keyword", "wildcard", "text", "match_only_text", "long", "unsigned_long", "integer", "double", "float", "boolean", "date", "ip", s.object["type"].(string)}
	for _, k := range schema.Keys() {
		if typ := s.indexed(k.Info())["type"].(string); !slices.Contains(known, typ) {
			t.Errorf("%s is of type %s, which %s does not know", k.Info().Name, typ, s.name)
		}
	}
}

// TestThePolicyOfS3 holds the policy against the requests that the output makes: each
// is allowed, and nothing else is. The page shows the same.
func TestThePolicyOfS3(t *testing.T) {
	needs := map[string]string{
		"PutObject": "s3:PutObject", "CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject",
		"GetObject": "s3:GetObject", "HeadObject": "s3:GetObject", "AbortMultipartUpload": "s3:AbortMultipartUpload",
		"ListObjectsV2": "s3:ListBucket", "HeadBucket": "s3:ListBucket", "ListMultipartUploads": "s3:ListBucketMultipartUploads",
	}
	var want []string
	files, err := filepath.Glob("../../outputs/s3/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bclient\.([A-Z]\w+)\(|NewListObjects(V2)Paginator`).FindAllStringSubmatch(string(b), -1) {
			op := m[1]
			if m[2] != "" {
				op = "ListObjectsV2"
			}
			if needs[op] == "" {
				t.Errorf("%s: nobody knows what %s needs", f, op)
			}
			want = append(want, needs[op])
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)

	page, err := os.ReadFile("../../docs/reference/s3.md")
	if err != nil {
		t.Fatal(err)
	}
	var shown []any
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		var v any
		if err := json.Unmarshal(m[1], &v); err != nil {
			t.Errorf("the page shows no JSON: %v", err)
		}
		shown = append(shown, v)
	}
	for i, name := range []string{"s3-policy.json", "s3-lifecycle.json"} {
		b, err := os.ReadFile(filepath.Join(receivers, name))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil || i >= len(shown) {
			t.Fatalf("%s: %v", name, err)
		}
		if a, b := string(compact(t, v)), string(compact(t, shown[i])); a != b {
			t.Errorf("%s is not what the page shows:\n%s\n%s", name, a, b)
		}
	}
	var policy struct {
		Statement []struct {
			Effect   string
			Action   []string
			Resource string
		}
	}
	if err := json.Unmarshal(compact(t, shown[0]), &policy); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range policy.Statement {
		objects := strings.HasSuffix(s.Resource, "/*")
		for _, a := range s.Action {
			if s.Effect != "Allow" || objects != !strings.HasPrefix(a, "s3:List") {
				t.Errorf("%s is %s on %s", a, s.Effect, s.Resource)
			}
			got = append(got, a)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the policy allows %v, and the requests need %v", got, want)
	}
}

func compact(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
