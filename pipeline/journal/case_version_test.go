package journal

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"tallyman/pipeline/vfs"
)

// firstVersion is a journal that a build with the first version of the format
// wrote: twenty frames in four segments, of which the cursor a has finished five
// and b one. For each file its name and length, a line, and its bytes; gzip.
const firstVersion = "H4sIAAAAAAAC/+zZe1hUaR3A8XMGZriMAgLuGtmKtdtqLchcmdlcdtnVthRdhdlVltZ2BmZYlg3YoGxDU7uoZWoamje8YJmlXdQso0TzklamSVlQeYtK0NTUMiW7PDy+L3pemOwP/9nn" +
	"fD//vKNn3ofzfOc8749LjpCVY+TI8oWckUiw1Od0OMMupyOcXRsuz3T4XDmJgYLiorHPavpTmpEu1oec2cMPd49aoPUjdsO1xwIFxbpF07Q8Zd+9BCct2lPZ0d6qWfRg7x7bnevypR76" +
	"X1d7vnrP9Xhd05L+j68ur986Oqtt5cjBLfaa6tqKuorqqlEVVbpDXk1OGZSalj74gQeHvCXjrUPf9tCwzOFvf8fDj7zz0REj3/Xux7KyR+U4nC63x5vr8z/+ntFP5D35VP7Tz4wZ+95n" +
	"3/f+ceMLJkx8btLkwqLA8y9MmVr8YskHXpr2wZeDodKycKT8lYpXK1/7UFV1zesfrq37yEenf+yNj9fPmPmJWbPnfPJTn/7M3HnzP/u5BZ9fuGjxF5Ys/WLDsuVfWrFy1eo1jWvXrd/Q" +
	"tPHLX9n01c1f+/qWrd/45re+vW37ju/s/O73dn2/+Qc/3N2yZ++P9u0/cPDHhw7/5Kc/O/Lzo8d+cbz1l7868evftLX/9ne/P3nq9Jmzf+j445/+fK6z6/yFv1y8dPmvV65e+9vfr//j" +
	"xs3uf97617//06ejRemlR+nYmHamU5823mLo6JS7TRRQt8TEWm1xascYUcKirGrH2NQZB8qXz1pl6OiSu00UMD4h0T5gYJLaMVaUiFFWtePa6TUNbcOHPW3o6Ja7TRRQHGFqR6t83pRV" +
	"7Th579DV46oe3Gro6JG7TRRQHGG9g1SZrN4sd6nL4XWHwuFQxOUIhv1isro9fSarrsyuroxrF1rKHAXWfuZUdvLRTXKyFmi3Pzub8h5rlBlXefzRPTct2+YZP7ueOWvr2WS9H3PWptyD" +
	"NcpzVBasGDpm9eaFhnvxyt0meoDEEa52jFM626J0PPP8lg1FNa8UGjrmyt0mCiiOcLVjvCgRp6xqx5pA87Edp+3pho4+udtEAcURrnZMECXilVXtGLfjkQknjjTHGDr65W4TBRRHmOyY" +
	"oGtasqZpiaJEgrL2+f65Zdj8+lWN0+/uaHHkyO0mKijOMDFXneqgDWWFfGG/xx9xhsL+iDvilT/Cevr+CCu/ybaLteq5dS1Xi7t2JfYzLDv2TayRg3aCdvvDsyvvSYwyaFds7Ly8dMh4" +
	"l/Lh3Z9JK58ku3ITiVGepMFNoeuH5hbeMN6MQ2430SMkTnE15ADlqbBHCXl+b9fMjFutY40hnXK7iQqKY1wNOVCUGKCsasiMJ58YPaX79YnGkC653UQFxTGuhkwSJQYqqxpySe6rhzxz" +
	"GiYbQ7rldhMVFKeYGjJZlEhSVjXkuc5arbFwmW4M6ZHbTVRQnGJiuLqUaevIyXIHI/5ST9Dp9HlCYZfHF33ayl/FpIh1akfJiKaDN8cl9zMxmwubLqnTNkV5T3KUaZuelbQ+f9Ez1cqH" +
	"d3+nbYpyE8lRnqQXis6WxE2qX2C8Ga/cbqJHSBzjashBylOREiXkqTdO149u3z/EGDJXbjdRQXGMqyFTRYlByqqGbC17cffOlx9uMIb0ye0mKiiOcTVkmiiRqqxqyO2zH19csubiS8aQ" +
	"frndRAXFKaaGTBcl0pRVDdk1pv3k1K1X0gwhnTlyu4kKilPsterSykyHM7GmoizTkTmiLlxbN7K2LlgXzvR6vOJPsYH8gC5/KZ+nadoDbd3besvec9RZeurr/V8FAAAAAAAAAAAAAAAA" +
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAALxZBAqKiwL5AT1G/DtP0zT7tPIpvW+w" +
	"6EGbplk1q6Zptjv75Es9pKv/ddfL/wYAAP//BEoXyx0eAQA="

// unpacked writes firstVersion into a file system.
func unpacked(t *testing.T) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := m.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(firstVersion)))
	if err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(z); ; {
		var name string
		var size int
		if _, err := fmt.Fscanf(r, "%s %d\n", &name, &size); errors.Is(err, io.EOF) {
			return m
		} else if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		f, err := m.Open(filepath.Join(dir, name), vfs.CreateNew)
		if err == nil {
			_, err = f.WriteAt(b, 0)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheFirstVersionIsRead (RELIABILITY B19): a journal of the first version of
// the format is taken up where it was, and goes on in this one.
func TestTheFirstVersionIsRead(t *testing.T) {
	m := unpacked(t)
	for _, name := range []string{"state", segments(t, m)[0]} {
		if b := bytesIn(t, m, filepath.Join(dir, name)); b[7] != 1 && b[slotSize+7] != 1 {
			t.Fatalf("%s is of version %d", name, b[7])
		}
	}
	o := small(m)
	j := open(t, o)
	if p := string(j.Mark("position/in")); p != "20" {
		t.Errorf("the position is %s", p)
	}
	a, b := cursor(t, j, "a"), cursor(t, j, "b")
	if got := drain(t, a); fmt.Sprint(got) != fmt.Sprint(upTo(6, 20)) {
		t.Errorf("a read %v", got)
	}
	add(t, j, 21, 250)
	durably(t, j)
	if got := drain(t, b); fmt.Sprint(got) != fmt.Sprint(upTo(2, 21)) {
		t.Errorf("b read %v", got)
	}
	drain(t, a)
	shut(t, j)
	j = open(t, o)
	defer shut(t, j)
	cursor(t, j, "a")
	cursor(t, j, "b")
	for _, book := range j.Books() {
		if !book.Balanced() || book.Received != 21 || book.Counts.Delivered != 21 {
			t.Errorf("book %+v", book)
		}
	}
}

// TestANewerVersionIsLeftAlone (RELIABILITY B19): a folder that a newer version
// wrote is refused with words that say so, and every byte of it is as it was.
func TestANewerVersionIsLeftAlone(t *testing.T) {
	for _, which := range []string{"state", "segment"} {
		m := atRest(t, 10, false)
		name := "state"
		if which == "segment" {
			name = segments(t, m)[0]
		}
		f, err := m.Open(filepath.Join(dir, name), vfs.Write)
		if err != nil {
			t.Fatal(err)
		}
		newer(t, f, which == "state")
		before := map[string]string{}
		for _, n := range append(segments(t, m), "state") {
			before[n] = string(bytesIn(t, m, filepath.Join(dir, n)))
		}
		_, err = Open(small(m))
		if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "newer version") || !strings.Contains(err.Error(), "version 3") {
			t.Errorf("a newer %s: %v", which, err)
		}
		if n := len(segments(t, m)); n != len(before)-1 {
			t.Errorf("a newer %s: %d segments, and there were %d", which, n, len(before)-1)
		}
		for n, b := range before {
			if string(bytesIn(t, m, filepath.Join(dir, n))) != b {
				t.Errorf("a newer %s: %s was changed", which, n)
			}
		}
	}
}
