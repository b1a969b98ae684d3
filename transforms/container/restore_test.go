package container

import (
	"bytes"
	"context"
	"testing"

	"tallyman/pipeline/event"
	"tallyman/pipeline/keep"
)

// sealed is a snapshot with a right sum around any bytes.
func sealed(body []byte) []byte {
	n := len(body)
	if n == 0 {
		return keep.NewWriter(nil, keepMark, keepVersion).End()
	}
	return keep.NewWriter(nil, keepMark+string(rune(keepVersion))+string(body[:n-1]), body[n-1]).End()
}

// FuzzRestore restores what no transform saved, under a right sum: it is refused
// and nothing is known, or what is known then is saved, comes back and is used.
func FuzzRestore(f *testing.F) {
	tr := plain(f).(*Transform)
	blank := snap(f, tr)
	st := tr.Lane("audit")
	var in, out event.Batch
	for _, line := range []string{create, setsid, main, "at 100: 30 of 22 openat", "at 200: 22 of 10 exit_group"} {
		in.Add(tell(f, line).ev)
	}
	in.Add(dockerEvent(idA))
	if err := st.Apply(context.Background(), &in, &out); err != nil {
		f.Fatal(err)
	}
	full := snap(f, tr)
	f.Add(full[len(keepMark)+1 : len(full)-4])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := tr.Restore(sealed(body)); err != nil {
			if !bytes.Equal(snap(t, tr), blank) {
				t.Fatal("something is known after a refusal")
			}
			return
		}
		if tr.table.count > tr.table.max || len(tr.reg.byID) > tr.reg.max {
			t.Fatal("more is known than may be")
		}
		once := snap(t, tr)
		if err := tr.Restore(once); err != nil || !bytes.Equal(snap(t, tr), once) {
			t.Fatalf("what was restored does not come back: %v", err)
		}
		out.Reset()
		if err := st.Apply(context.Background(), &in, &out); err != nil {
			t.Fatal(err)
		}
	})
}
