package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smaps = `00400000-01a3f000 r-xp 00000000 fe:00 1234                               /usr/bin/tallyman
Rss:               14000 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01a3f000-02c00000 r--p 0163f000 fe:00 1234                               /usr/bin/tallyman
Rss:               12000 kB
Anonymous:             4 kB
02c00000-02d00000 rw-p 02800000 fe:00 1234                               /usr/bin/tallyman
Anonymous:             0 kB
02d00000-02e00000 r--s 02800000 fe:00 1234                               /usr/bin/tallyman
Anonymous:             0 kB
c000000000-c000800000 rw-p 00000000 00:00 0 
Anonymous:          8192 kB
7f0000000000-7f0000100000 r-xp 00000000 fe:00 99                         /usr/lib/libc.so.6
Anonymous:             0 kB
7fff00000000-7fff00100000 r--p 00000000 fe:00 1234                       /usr/bin/tallyman (deleted)
Anonymous:             0 kB
`

// TestOnlyWhatTheFileHoldsIsGivenBack: a page that was written, that can be written,
// that is shared or that is of another file stays.
func TestOnlyWhatTheFileHoldsIsGivenBack(t *testing.T) {
	got, err := clean(strings.NewReader(smaps), "/usr/bin/tallyman")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]mapping{{0x400000, 0x1a3f000}}, got, cmp.AllowUnexported(mapping{})); d != "" {
		t.Error(d)
	}
	if _, err := clean(strings.NewReader("zz-1 r-xp 0 0 0 /x\n"), "/x"); err == nil {
		t.Error("an address that is none was taken")
	}
}

// TestTheProgramGivesItsPagesBack: fewer pages of files are resident after, and the
// program goes on.
func TestTheProgramGivesItsPagesBack(t *testing.T) {
	before := ofFiles(t)
	if err := trim(); err != nil {
		t.Fatal(err)
	}
	if after := ofFiles(t); after >= before {
		t.Errorf("%d kB of files were resident, and are %d after", before, after)
	}
}

// ofFiles is RssFile in kB (proc(5), status).
func ofFiles(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "RssFile:")
	if !ok {
		t.Skip("NOT RUN: this kernel does not say RssFile")
	}
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
