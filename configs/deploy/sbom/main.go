// Command sbom writes the bill of materials of the program as CycloneDX 1.5 JSON: the
// modules that are linked into it, from go list, in order and with their checksums of
// go.sum. It knows nothing of licences, and the same source gives the same bytes.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	version := flag.String("version", "0.0.0", "the release")
	flag.Parse()
	if err := write(os.Stdout, *version); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// module is what go list says of one.
type module struct {
	Path, Version, Sum string
	Main               bool
	Replace            *module
}

type pkg struct{ Module *module }

// bom is the document; only what we fill of it.
type bom struct {
	Format       string      `json:"bomFormat"`
	SpecVersion  string      `json:"specVersion"`
	SerialNumber string      `json:"serialNumber"`
	Version      int         `json:"version"`
	Metadata     metadata    `json:"metadata"`
	Components   []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

func write(w io.Writer, version string) error {
	list, err := modules()
	if err != nil {
		return err
	}
	doc := bom{Format: "CycloneDX", SpecVersion: "1.5", Version: 1, Components: list,
		Metadata: metadata{Component: componentOf("application", "tallyman", version)}}
	body, err := json.Marshal(list)
	if err != nil {
		return err
	}
	// A name of what is in it, in the place of a random one.
	id := sha256.Sum256(append([]byte(version+"\n"), body...))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // RFC 9562, version 8
	s := hex.EncodeToString(id[:16])
	doc.SerialNumber = "urn:uuid:" + s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func componentOf(kind, path, version string) component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: kind, Ref: purl, Name: path, Version: version, PURL: purl}
}

// modules returns those whose packages the program is made of.
func modules() ([]component, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Module", "tallyman/cmd/tallyman")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var list []component
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		m := p.Module
		if m == nil || m.Main || seen[m.Path] {
			continue
		}
		seen[m.Path] = true
		if m.Replace != nil {
			m = m.Replace
		}
		c := componentOf("library", m.Path, m.Version)
		if c.Hashes, err = sums(m.Sum); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b component) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// sums turns the h1 sum of go.sum, a SHA-256 over the module's tree, into a hash.
func sums(h1 string) ([]hash, error) {
	text, ok := strings.CutPrefix(h1, "h1:")
	if !ok {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	return []hash{{"SHA-256", hex.EncodeToString(raw)}}, nil
}
