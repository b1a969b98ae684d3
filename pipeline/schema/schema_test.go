package schema

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryFieldIsDescribedOnce(t *testing.T) {
	form := regexp.MustCompile(`^@?[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)
	seen := map[string]bool{}
	for _, k := range Keys() {
		in := k.Info()
		if !form.MatchString(in.Name) || in.Type.String() == "" {
			t.Errorf("field %d has no proper name or type: %+v", k, in)
		}
		if seen[in.Name] {
			t.Errorf("%s stands twice", in.Name)
		}
		seen[in.Name] = true
	}
	for _, want := range []string{"@timestamp", "event.sequence", "container.id", "tallyman.container.method", "auditd.data"} {
		if !seen[want] {
			t.Errorf("the schema lacks %s", want)
		}
	}
}

func TestFindIsTheInverseOfString(t *testing.T) {
	n := NewNames()
	for _, k := range Keys() {
		if got, ok := n.Find(k.String()); !ok || got != k {
			t.Errorf("Find(%q) = %d, %v; want %d", k, got, ok, k)
		}
	}
	if k, ok := n.Find("container.idd"); ok || k != None {
		t.Errorf("a name that is no field was found: %d", k)
	}
	if Key(60000).String() != "" || Type(99).String() != "" {
		t.Error("a number that is no field or type has a name")
	}
}

// TestModulesAreListed: what the decoders and transforms write as event.module, as
// their pairs show it, is in the list that the field's text is, and that list is in
// order.
func TestModulesAreListed(t *testing.T) {
	list, _, _ := strings.Cut(EventModule.Info().Text, ";")
	known := strings.Split(list, ", ")
	if !slices.IsSorted(known) {
		t.Errorf("the modules are not in order: %v", known)
	}
	module := regexp.MustCompile(`event\.module="([^"]*)"`)
	seen := map[string]string{}
	err := filepath.WalkDir(filepath.Join("..", "..", "transforms"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".golden" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range module.FindAllStringSubmatch(string(text), -1) {
			seen[m[1]] = path
		}
		return err
	})
	if err != nil || len(seen) < 10 {
		t.Fatalf("%d modules were found: %v", len(seen), err)
	}
	for name, path := range seen {
		if !slices.Contains(known, name) {
			t.Errorf("%s writes the module %q, which the schema does not list", path, name)
		}
	}
}

// fieldList returns the rows of a document's list of fields.
func fieldList(text string) string {
	_, body, _ := strings.Cut(text, "| Field | Type | Example | Notes |\n")
	body, _, _ = strings.Cut(body, "\n## ")
	return body
}

// TestTableIsTheSpecification reads the published field lists and compares them
// with the table, field by field.
func TestTableIsTheSpecification(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "spec", "SCHEMA.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("SKIPPED, the table was NOT compared with the specification: %v", err)
	}
	body := fieldList(string(text))
	for _, name := range []string{"fields-findings.md", "fields-containers.md", "fields-bands.md"} {
		more, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", name))
		if err != nil {
			t.Fatal(err)
		}
		body += "\n" + fieldList(string(more))
	}
	n, found := NewNames(), 0
	for _, line := range strings.Split(body, "\n") {
		c := strings.Split(strings.Trim(line, "|"), "|")
		if len(c) < 4 || strings.HasPrefix(line, "| ---") {
			continue
		}
		name, typ := strings.TrimSpace(c[0]), strings.TrimSpace(c[1])
		k, ok := n.Find(name)
		if !ok {
			t.Errorf("the specification has %s, the table does not", name)
			continue
		}
		found++
		in := k.Info()
		got := in.Type.String()
		if in.Many {
			got += "[]"
		}
		if got != typ {
			t.Errorf("%s is %s, the specification says %s", name, got, typ)
		}
		if custom := strings.HasPrefix(strings.TrimSpace(c[3]), "custom"); custom != in.Custom {
			t.Errorf("%s: custom is %v, the specification says %v", name, in.Custom, custom)
		}
	}
	if found == 0 || found != len(Keys()) {
		t.Errorf("compared %d fields, the table has %d", found, len(Keys()))
	}
}
