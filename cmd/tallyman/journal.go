package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/journal"
)

// exitCheck is the exit code of a check that found something.
const exitCheck = 4

func newJournal(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "journal", Short: "Look at the journal: what is in it, what waits, and whether it is whole",
		Long: `journal looks at the journal's folder. It takes no lock and, but for quarantine
--drop, writes nothing, so it works beside a running tallyman as well as on the
folder of a dead one. The folder is the configuration's, or the one that
--journal-dir names.`,
	}
	journalDir(cmd.PersistentFlags().String)
	cmd.AddCommand(newJournalLs(s), newJournalDump(s), newJournalVerify(s), newJournalExport(s), newJournalQuarantine(s))
	return cmd
}

// journalDir adds the flag that names the folder without a configuration.
func journalDir(add func(name, value, usage string) *string) {
	add("journal-dir", "", "the `FOLDER` of the journal; no configuration is read then")
}

// look looks at the journal. The configuration is nil when the folder was named
// without one.
func look(cmd *cobra.Command, s streams) (*journal.View, *config.Config, error) {
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, nil, &exit{exitUsage, err}
	}
	isDir := func(o config.Override) bool { return slices.Equal(o.Key, []string{"journal", "dir"}) }
	i := slices.IndexFunc(over, isDir)
	if i < 0 {
		return lookByConfig(cmd, s, path, over)
	}
	dir, err := filepath.Abs(over[i].Value)
	if err != nil || over[i].Value == "" {
		return nil, nil, &exit{exitUsage, errors.Join(fmt.Errorf("%s names no folder", over[i].Source), err)}
	}
	v, err := lookAt(dir)
	return v, nil, err
}

// lookByConfig takes the folder from the configuration. Nothing of it is built:
// a journal can be looked at where a rule file is missing.
func lookByConfig(cmd *cobra.Command, s streams, path string, over []config.Override) (*journal.View, *config.Config, error) {
	cfg, found := config.Load(path, config.Options{Plugins: plugins(), LookupEnv: os.LookupEnv, Override: over})
	if cfg == nil {
		config.Print(s.err, found, colour(cmd, s.err))
		code := exitConfig
		if f, err := os.Open(path); err == nil {
			_ = f.Close() // nothing was written
		} else if os.IsPermission(err) {
			code = exitPermission
		}
		return nil, nil, &exit{code, errors.New("without a configuration, name the folder of the journal with --journal-dir")}
	}
	v, err := lookAt(cfg.Journal.Dir)
	return v, cfg, err
}

func lookAt(dir string) (*journal.View, error) {
	v, err := journal.Look(journal.Options{Dir: dir})
	if err == nil {
		return v, nil
	}
	hint := ""
	switch {
	case errors.Is(err, journal.ErrNone), errors.Is(err, fs.ErrNotExist):
		hint = "; name another folder with --journal-dir, or the configuration that tallyman runs with"
	case errors.Is(err, journal.ErrNewer):
		hint = "; look with the tallyman that wrote it"
	case errors.Is(err, fs.ErrPermission):
		hint = "; look as the user that runs tallyman"
	}
	return nil, failed(fmt.Errorf("%w%s", err, hint))
}

// inert writes what would act on a terminal, and bytes that are no text, as
// \xHH.
func inert(dst []byte, text []byte) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r < 0x20 && r != '\t', r >= 0x7f && r < 0xa0, r == utf8.RuneError && n == 1:
			for _, c := range text[:n] {
				dst = fmt.Appendf(dst, `\x%02x`, c)
			}
		default:
			dst = append(dst, text[:n]...)
		}
		text = text[n:]
	}
	return dst
}

func inertString(s string) string { return string(inert(nil, []byte(s))) }

// size writes a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, at := float64(n), -1
	for f >= unit && at < 3 {
		f /= unit
		at++
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGT"[at])
}

// many writes a number with its noun.
func many(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// troubles tells of damage on w, each place once, and remembers that there was
// some.
type troubles struct {
	tell func(string)
	bad  int
}

func (t *troubles) damage(d journal.Damage) {
	if d.Bad() {
		t.bad++
		t.tell(d.String())
	}
}

func (t *troubles) unreadable(f *journal.Seen, err error) {
	t.bad++
	t.tell(fmt.Sprintf("%s at byte %d: the events of sequence %d cannot be read: %v", f.Segment, f.Offset, f.Seq, err))
}

// exit is the exit code of a verb that came over the damage.
func (t *troubles) exit() error {
	if t.bad == 0 {
		return nil
	}
	return &exit{exitCheck, fmt.Errorf("%s of the journal could not be read; `tallyman journal verify` lists what is wrong", many(uint64(t.bad), "place"))}
}
