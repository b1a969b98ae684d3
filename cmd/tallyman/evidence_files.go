package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tallyman/cmd/tallyman/report"
)

// The files of a report, which appear together once all are whole.
const (
	reportHTML    = "report.html"
	reportPDF     = "report.pdf"
	reportJSON    = "report.json"
	reportFigures = "figures.csv"
	reportEvents  = "events.csv"
)

// files writes beside its names first.
type files struct {
	dir  string
	open map[string]*os.File
}

// newFiles makes the folder. What is there is not overwritten.
func newFiles(dir string) (*files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{reportHTML, reportPDF, reportJSON, reportFigures, reportEvents} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, fmt.Errorf("%s has a %s; name another folder with --out, or remove that report first", dir, name)
		}
	}
	return &files{dir: dir, open: map[string]*os.File{}}, nil
}

func (f *files) create(name string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(f.dir, "."+name+".part"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		f.open[name] = file
	}
	return file, err
}

// write writes one file whole.
func (f *files) write(name string, fill func(io.Writer) error) error {
	file, err := f.create(name)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(file, 64<<10)
	return errors.Join(fill(b), b.Flush())
}

// render writes what is made of a report, and gives all files their names.
func (f *files) render(r *report.Report) error {
	err := errors.Join(
		f.write(reportHTML, func(w io.Writer) error { return report.WriteHTML(w, r) }),
		f.write(reportPDF, func(w io.Writer) error { return report.WritePDF(w, r) }),
		f.write(reportFigures, func(w io.Writer) error { return report.WriteFigures(w, r) }),
		f.write(reportJSON, func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", " ")
			return enc.Encode(r)
		}))
	if err != nil {
		return err
	}
	for _, name := range []string{reportEvents, reportFigures, reportJSON, reportPDF, reportHTML} {
		file := f.open[name]
		delete(f.open, name)
		if err := errors.Join(file.Sync(), file.Close(), os.Rename(file.Name(), filepath.Join(f.dir, name))); err != nil {
			return err
		}
	}
	return nil
}

// abandon removes what did not become a report.
func (f *files) abandon() (err error) {
	for _, file := range f.open {
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return err
}

// gather reads the source into a report. The second error says that it is not the
// whole of what there was; there is a report all the same.
func (v *evidence) gather(ctx context.Context, o report.Options, src *source, f *files) (r *report.Report, partly, err error) {
	file, err := f.create(reportEvents)
	if err != nil {
		return nil, nil, failed(err)
	}
	buffer := bufio.NewWriterSize(file, 64<<10)
	cited, err := report.NewCited(buffer)
	if err != nil {
		return nil, nil, failed(err)
	}
	m, err := report.New(o, cited)
	if errors.Is(err, report.ErrGap) {
		return nil, nil, &exit{exitUsage, fmt.Errorf("%w: name a longer one with --gap", err)}
	}
	if err != nil {
		return nil, nil, failed(err)
	}
	complete, partly, err := src.read(ctx, m.Add)
	var judged *exit // it has its code
	if errors.As(err, &judged) {
		return nil, nil, judged
	}
	if err = errors.Join(err, cited.Flush(), buffer.Flush()); err != nil {
		return nil, nil, failed(err)
	}
	return m.Report(complete), partly, nil
}
