package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tallyman/transforms/rules"
	"tallyman/transforms/rules/sigma"
)

func newRulesImport(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "import", Short: "Translate the rules of others into ours"}
	var out string
	sub := &cobra.Command{
		Use: "sigma FILE|DIR...", Short: "Translate Sigma rules", Args: cobra.MinimumNArgs(1),
		Long: `import sigma translates rules of Sigma for Linux audit records (service auditd),
process_creation, file_event, network_connection and the Kubernetes audit log into a
file of rules for the transform rules, and says of each that it does not translate why
not. A rule is translated whole or not at all. Of a folder it takes every *.yml and
*.yaml. It ends with 4 when some were not translated.

Read what comes out before it goes live: ` + "`tallyman rules backtest --file OUT`" + ` shows what
it would have found.`,
		Example: "  tallyman rules import sigma rules/linux --output sigma.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := yamlFiles(args)
			if err != nil {
				return failed(err)
			}
			t := &importing{s: s, seen: map[string]string{}}
			for _, f := range files {
				if err := t.file(f); err != nil {
					return failed(err)
				}
			}
			if err := t.write(out); err != nil {
				return failed(err)
			}
			if _, err := fmt.Fprintf(s.err, "%s translated, %d not\n", many(uint64(len(t.rules)), "rule"), t.left); err != nil {
				return failed(err)
			}
			if t.left > 0 {
				return &exit{exitCheck, nil}
			}
			return nil
		},
	}
	sub.Flags().StringVarP(&out, "output", "o", "", "write to this `FILE`, which must not exist, and not to standard output")
	cmd.AddCommand(sub)
	return cmd
}

// yamlFiles returns the files that are named, and those in folders.
func yamlFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".yml" || ext == ".yaml") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// importing collects what was translated.
type importing struct {
	s     streams
	rules []*sigma.Rule
	seen  map[string]string // files by the id of their rule
	left  int
}

// biggestRule bounds a file of rules.
const biggestRule = 4 << 20

func (t *importing) file(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Size() > biggestRule {
		err = fmt.Errorf("%s takes more than %s", path, size(biggestRule))
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	list, err := sigma.Translate(text)
	if err != nil {
		return t.leave(path, "", err)
	}
	for _, one := range list {
		if one.Err == nil {
			one.Err = t.add(path, one.Rule)
		}
		if one.Err != nil {
			if err := t.leave(path, one.Title, one.Err); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes a rule that is one for us as well.
func (t *importing) add(path string, r *sigma.Rule) error {
	if first, ok := t.seen[r.ID]; ok {
		return fmt.Errorf("its id %s is that of a rule in %s", r.ID, first)
	}
	if err := validRule(r); err != nil {
		return fmt.Errorf("its translation is not valid: %w", err)
	}
	t.seen[r.ID] = path
	t.rules = append(t.rules, r)
	return nil
}

// validRule compiles a rule as the transform would.
func validRule(r *sigma.Rule) error {
	var b fileBytes
	if err := sigma.Write(&b, "check", []*sigma.Rule{r}); err != nil {
		return err
	}
	if problems := rules.CheckText("rule", b); problems.Bad() {
		return errors.New(problems[0].Text)
	}
	return nil
}

type fileBytes []byte

func (b *fileBytes) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// leave says why a rule is left.
func (t *importing) leave(path, title string, why error) error {
	t.left++
	_, err := fmt.Fprintf(t.s.err, "%s: %s: %v\n", inertString(path), inertString(title), inertString(why.Error()))
	return err
}

func (t *importing) write(path string) error {
	if path == "" {
		return sigma.Write(t.s.out, "sigma", t.rules)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(sigma.Write(f, "sigma", t.rules), f.Close())
}
