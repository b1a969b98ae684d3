package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallyman/pipeline/config"
	"tallyman/pipeline/control"
	"tallyman/transforms/container"
)

const (
	// askWithin is how long doctor waits for the running process.
	askWithin = 5 * time.Second
	// fewEvents are too few to judge a share by.
	fewEvents = 100
	// fairShare is what the weakest set of sources finds on an ordinary host.
	fairShare = 0.9
)

// lastHour is the name of what the running process says of attribution.
const lastHour = "last hour"

// attributionNow asks the running process how events found their container in
// the last hour. That nothing runs is no fault: doctor is there before the start
// as well.
func attributionNow(cmd *cobra.Command) []container.Finding {
	data, err := statusOf(cmd)
	if err != nil {
		return []container.Finding{{Name: lastHour, Good: errors.Is(err, control.ErrNotRunning), Text: "not known: " + err.Error(),
			Hint: "where tallyman runs with another configuration, name it with --config, or the folder of its journal with --journal-dir"}}
	}
	return attributionIn(data)
}

// statusOf is the status of the process that has the journal of the configuration.
func statusOf(cmd *cobra.Command) (json.RawMessage, error) {
	path, over, err := config.Find(cmd.Flags())
	if err != nil {
		return nil, err
	}
	dir, found := config.JournalDir(path, config.Options{LookupEnv: os.LookupEnv, Override: over})
	if dir == "" {
		return nil, fmt.Errorf("%w: %w", control.ErrNotRunning, found)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askWithin)
	defer cancel()
	c, err := control.Dial(ctx, dir)
	if err != nil {
		return nil, err
	}
	data, err := c.Status(ctx)
	return data, errors.Join(err, c.Close())
}

// attributionIn judges what the transforms of a status report.
func attributionIn(status json.RawMessage) []container.Finding {
	var st struct {
		Transforms []struct {
			Type   string          `json:"type"`
			Report json.RawMessage `json:"report"`
		} `json:"transforms"`
	}
	err := json.Unmarshal(status, &st)
	var list []container.Finding
	for _, t := range st.Transforms {
		if t.Type != container.Plugin.Type {
			continue
		}
		var r container.Report
		if err = errors.Join(err, json.Unmarshal(t.Report, &r)); err == nil {
			list = append(list, judgeReport(&r))
		}
	}
	if err != nil {
		return []container.Finding{{Name: lastHour, Text: fmt.Sprintf("what the running process says is not understood: %v", err), Hint: "ask with the version that runs"}}
	}
	if len(list) == 0 {
		return []container.Finding{{Name: lastHour, Text: "what runs has no transform of type container: no event gets one", Hint: "add `- type: container` to transforms, after audit"}}
	}
	return list
}

// judgeReport says what share of events was found, and by what.
func judgeReport(r *container.Report) container.Finding {
	f := container.Finding{Name: lastHour, Good: true, Text: "no event came"}
	if r.Events == 0 {
		return f
	}
	shares := slices.Clone(r.Shares)
	slices.SortFunc(shares, func(a, b container.Share) int { return int(b.Events) - int(a.Events) })
	var by []string
	for _, s := range shares {
		by = append(by, fmt.Sprintf("%s %s %s", s.Method, s.Confidence, percent(s.Events, r.Events)))
	}
	f.Text = fmt.Sprintf("of %d events %s found their container or are proven to be the host's: %s", r.Events, percent(r.Found, r.Events), strings.Join(by, ", "))
	if r.Events >= fewEvents && float64(r.Found) < fairShare*float64(r.Events) {
		f.Good, f.Hint = false, "mend what is missing above"
		if !r.Connector {
			f.Hint += "; the process connector is not in use: it finds what is gone before it is read (connector: on says why it cannot be had)"
		}
	}
	return f
}

func percent(n, of uint64) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of)) }
