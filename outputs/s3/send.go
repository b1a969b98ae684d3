package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"

	"tallyman/pipeline/event"
	"tallyman/pipeline/plugin"
)

// Send implements plugin.Output, for dead letters that are replayed: it writes
// one object for each partition, and returns when all are whole. Such an object
// has a key made of the ids of its events, so that another attempt finds it
// there; no manifest lists it.
func (o *output) Send(ctx context.Context, events []event.Event) error {
	var failed []plugin.Failure
	byDir := map[string]*object{}
	ids := map[string][]byte{}
	var order []string
	for i := range events {
		e := &events[i]
		line, err := o.enc.Append(o.line[:0], e)
		if err != nil {
			failed = append(failed, plugin.Failure{Index: i, Err: plugin.Permanent(fmt.Errorf("s3: render event %s: %w", e.ID, err))})
			continue
		}
		o.line = line
		d, _ := o.prefix.append(nil, e)
		dir := string(d)
		if byDir[dir] == nil {
			byDir[dir] = newObject(dir, "", 1, o.now(), o.zips[0])
			order = append(order, dir)
		}
		ids[dir] = append(ids[dir], e.ID.String()...)
		if err := byDir[dir].add(line, e.Records); err != nil {
			return plugin.Retry(err)
		}
	}
	slices.Sort(order)
	for _, dir := range order {
		if err := o.sendOne(ctx, byDir[dir], ids[dir]); err != nil {
			return err
		}
	}
	return plugin.Partial(failed)
}

func (o *output) sendOne(ctx context.Context, one *object, ids []byte) error {
	if err := one.end(1); err != nil {
		return plugin.Retry(err)
	}
	name := sha256.Sum256(ids)
	one.entry.Key = o.host + "-replay-" + hex.EncodeToString(name[:12]) + o.c.extension()
	if one.dir != "" {
		one.entry.Key = one.dir + "/" + one.entry.Key
	}
	err := o.putObject(ctx, one.entry.Key, one.buf, one.entry.SHA256, o.c.contentType(one.zip.kind), true)
	switch {
	case err == nil:
		o.meters.objects.Inc()
		o.meters.bytes.Add(uint64(len(one.buf)))
		return nil
	case is(err, http.StatusPreconditionFailed, "PreconditionFailed"):
		return o.found(ctx, &one.entry)
	}
	return o.wrap(ctx, "write", one.entry.Key, "s3:PutObject", err)
}
