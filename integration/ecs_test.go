//go:build integration

package integration

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ecsjson "tallyman/outputs/format/json"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// ecsPackage is the field list that Elastic publishes.
const ecsPackage = "@elastic/ecs@9.4.0"

// published is one field of the list.
type published struct {
	Type      string
	Normalize []string
}

// publishedFields fetches the list through npm.
func publishedFields(t *testing.T) map[string]published {
	t.Helper()
	for _, name := range []string{"npm", "node", "tar"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("NOT RUN: %s is missing, the JSON was NOT compared with the published fields of ECS", name)
		}
	}
	dir := t.TempDir()
	pack := exec.CommandContext(t.Context(), "npm", "pack", "--silent", ecsPackage)
	pack.Dir, pack.WaitDelay = dir, time.Second
	if out, err := pack.CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: npm does not give %s (%v), the JSON was NOT compared with the published fields of ECS\n%s", ecsPackage, err, tail(out))
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if len(files) != 1 {
		t.Fatalf("npm pack left %v", files)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", files[0], "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
	const script = `const {EcsFlat: f} = require(process.argv[1]); const o = {};
for (const k in f) o[f[k].flat_name] = {type: f[k].type, normalize: f[k].normalize}; console.log(JSON.stringify(o))`
	out, err := exec.CommandContext(t.Context(), "node", "-e", script, filepath.Join(dir, "package/build/commonjs/index.js")).Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]published{}
	if err := json.Unmarshal(out, &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) < 1000 {
		t.Fatalf("the list has %d fields", len(fields))
	}
	return fields
}

// TestJSONHasThePublishedFields holds the names, the types and the lists of an
// event that has every field against the list of ECS.
func TestJSONHasThePublishedFields(t *testing.T) {
	fields := publishedFields(t)
	e := &event.Event{}
	for _, k := range schema.Keys() {
		if !k.Info().Type.IsMap() {
			e.Fields.AddString(k, "x")
		}
	}
	text, err := ecsjson.New(true).Append(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	var have map[string]any
	if err := json.Unmarshal(text, &have); err != nil {
		t.Fatal(err)
	}
	names, compared := schema.NewNames(), 0
	for name, v := range have {
		k, ok := names.Find(name)
		info := k.Info()
		ecs, known := fields[name]
		if !ok || known == info.Custom {
			t.Errorf("%s: of ECS is %v, custom is %v", name, known, info.Custom)
			continue
		}
		if !known {
			continue
		}
		compared++
		want := strings.NewReplacer("match_only_text", "text", "scaled_float", "float").Replace(ecs.Type) // how a store keeps them
		if got := info.Type.String(); got != want {
			t.Errorf("%s is %s, ECS says %s", name, got, want)
		}
		if _, list := v.([]any); list != slices.Contains(ecs.Normalize, "array") {
			t.Errorf("%s is a list: %v, ECS says %v", name, list, ecs.Normalize)
		}
	}
	if compared < 150 {
		t.Errorf("only %d fields of ECS were compared", compared)
	}
}
