package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"tallyman/pipeline/kafkalink"
)

const (
	// commitEvery is how often the group is told what is on stable storage.
	commitEvery = time.Second
	// linger is how long the end of a generation waits for the journal, so that
	// whoever gets the partitions does not read again what is on its way.
	linger = 2 * time.Second
	// lookEvery is how often the number of partitions is looked at.
	lookEvery = 15 * time.Second
	// pause is how long a broker that failed is left alone.
	pause = 500 * time.Millisecond
)

// socket is a connection of the group's that can be ended from outside: the
// library waits for an answer to JoinGroup as long as a rebalance may take.
type socket struct {
	net.Conn
	in *input
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.in.socketsMu.Lock()
	delete(s.in.sockets, s)
	s.in.socketsMu.Unlock()
	return s.Conn.Close()
}

// dialGroup makes the connections of the group.
func (in *input) dialGroup(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := in.dialer.DialNet(ctx, network, addr)
	if err != nil {
		return nil, explained{in.dialer.Explain(err, addr)}
	}
	s := &socket{c, in}
	in.socketsMu.Lock()
	defer in.socketsMu.Unlock()
	if in.sockets == nil {
		_ = c.Close() // the input is closed
		return nil, net.ErrClosed
	}
	in.sockets[s] = struct{}{}
	return s, nil
}

// hangUp ends every connection of the group, and lets none be made.
func (in *input) hangUp() {
	in.socketsMu.Lock()
	all := in.sockets
	in.sockets = nil
	in.socketsMu.Unlock()
	for s := range all {
		_ = s.Conn.Close() // whoever reads from it says what it came to
	}
}

// newGroup joins the group; what comes of it is told by Next.
func (in *input) newGroup() (*kafka.ConsumerGroup, error) {
	mechanism, err := in.dialer.Mechanism()
	if err != nil {
		return nil, err
	}
	return kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: in.s.Group, Brokers: in.dialer.Brokers(), Topics: in.s.Topics, StartOffset: kafka.FirstOffset,
		Dialer:            &kafka.Dialer{ClientID: in.s.Link.Client, Timeout: in.s.Link.Timeout, DialFunc: in.dialGroup, SASLMechanism: mechanism},
		HeartbeatInterval: in.s.Session / 10, SessionTimeout: in.s.Session, RebalanceTimeout: max(in.s.Session, 10*time.Second),
		JoinGroupBackoff: 2 * time.Second, Timeout: in.s.Link.Timeout,
	})
}

// member takes part in the group until ctx is done. After a failure to join it
// begins with a group of its own making, so that a password that has changed is
// read again.
func (in *input) member(ctx context.Context) {
	for ctx.Err() == nil {
		g, err := in.newGroup()
		if err == nil {
			err = in.generations(ctx, g)
			in.leave(g)
		}
		if ctx.Err() == nil {
			in.fails(fmt.Errorf("group %s: %w", in.s.Group, in.explainGroup(err)))
			wait(ctx, pause)
		}
	}
}

// generations runs one generation after the other.
func (in *input) generations(ctx context.Context, g *kafka.ConsumerGroup) error {
	for {
		gen, err := g.Next(ctx)
		if err != nil {
			if errors.Is(err, kafka.RebalanceInProgress) {
				continue
			}
			return err
		}
		gen.Start(func(over context.Context) { in.generation(over, gen) })
	}
}

// leave leaves the group; what takes longer than it may is cut off.
func (in *input) leave(g *kafka.ConsumerGroup) {
	done := make(chan struct{})
	go func() {
		_ = g.Close() // it returns nothing but nil
		close(done)
	}()
	t := time.NewTimer(2 * linger)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		in.hangUp()
		<-done
		in.socketsMu.Lock()
		in.sockets = map[*socket]struct{}{}
		in.socketsMu.Unlock()
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// generation reads what the group gave us until it takes it back.
func (in *input) generation(over context.Context, gen *kafka.Generation) {
	committed := map[place]int64{}
	for topic, list := range gen.Assignments {
		for _, a := range list {
			committed[place{topic, int32(a.ID)}] = max(a.Offset, unknown)
		}
	}
	session, from := in.book.begin(committed)
	in.joined.Store(true)
	in.env.Log.Info("kafka: the group gave us partitions", "group", in.s.Group, "generation", gen.ID, "partitions", len(from))
	in.count.partitions.Set(int64(len(from)))
	ctx, cancel := context.WithCancel(over)
	defer cancel()
	var busy sync.WaitGroup
	busy.Go(func() {
		defer cancel()
		in.read(ctx, session, from)
	})
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			if err := in.commit(gen); err != nil {
				in.fails(err)
				cancel()
			}
		case <-ctx.Done():
		}
	}
	busy.Wait()
	in.book.end()
	t := time.NewTimer(linger)
	defer t.Stop()
	select {
	case <-in.book.settled():
	case <-t.C:
	}
	if err := in.commit(gen); err != nil {
		in.env.Log.Info("kafka: the last offsets were not committed; what follows them comes again", "group", in.s.Group, "error", err)
	}
	in.book.release()
	in.count.partitions.Set(0)
}

// commit tells the group what is on stable storage.
func (in *input) commit(gen *kafka.Generation) error {
	due := in.book.due()
	if len(due) == 0 {
		return nil
	}
	offsets := map[string]map[int]int64{}
	for p, next := range due {
		if offsets[p.topic] == nil {
			offsets[p.topic] = map[int]int64{}
		}
		offsets[p.topic][int(p.partition)] = next
	}
	if err := gen.CommitOffsets(offsets); err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", in.s.Group, in.explainGroup(err))
	}
	in.book.told(due)
	in.count.commits.Inc()
	return nil
}

// read fetches until ctx is done, the session is over, or the topics have another
// number of partitions than they had: then the group has to share them anew.
func (in *input) read(ctx context.Context, session int, from map[place]int64) {
	parts := -1
	for ctx.Err() == nil && in.book.current(session) {
		known, err := in.ask(ctx)
		if err != nil {
			in.fails(err)
			wait(ctx, pause)
			continue
		}
		n := 0
		for _, t := range known.Topics {
			n += len(t.Leaders)
		}
		if parts >= 0 && n != parts {
			return
		}
		parts = n
		in.cluster(known.ID)
		if err := in.lead(ctx, session, from, known); err != nil && ctx.Err() == nil && !errors.Is(err, errOver) {
			in.fails(err)
			wait(ctx, pause)
		}
	}
}

// ask asks for the topics.
func (in *input) ask(ctx context.Context) (*kafkalink.Cluster, error) {
	c, err := in.dialer.Any(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // nothing of it is wanted any more
	known, err := c.Ask(ctx, in.s.Topics)
	if err != nil {
		return nil, err
	}
	for name, t := range known.Topics {
		if t.Err != nil {
			in.fails(fmt.Errorf("topic %s: %w", name, explain(t.Err, name)))
		}
	}
	return known, nil
}

// lead runs one fetcher for each broker until one of them fails, or it is time to
// look at the topics again.
func (in *input) lead(ctx context.Context, session int, from map[place]int64, known *kafkalink.Cluster) error {
	byBroker := map[int32]*fetcher{}
	for p := range from {
		t := known.Topics[p.topic]
		if int(p.partition) >= len(t.Leaders) || t.Leaders[p.partition] < 0 {
			return fmt.Errorf("partition %d of topic %s: %w", p.partition, p.topic, kafka.LeaderNotAvailable)
		}
		id := t.Leaders[p.partition]
		f := byBroker[id]
		if f == nil {
			u, err := newUnpacker(int(in.s.Batch))
			if err != nil {
				return err
			}
			f = &fetcher{in: in, session: session, unpack: u, next: map[place]int64{}, parts: map[string][]int32{}}
			byBroker[id] = f
		}
		f.next[p] = from[p]
		f.parts[p.topic] = append(f.parts[p.topic], p.partition)
	}
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	errs := make([]error, len(byBroker))
	var busy sync.WaitGroup
	n := 0
	for id, f := range byBroker {
		f.topics = slices.Sorted(maps.Keys(f.parts))
		to := &errs[n]
		n++
		busy.Go(func() {
			defer cancel()
			*to = f.run(ctx, known.Brokers[id])
		})
	}
	if len(byBroker) == 0 {
		if ours := maps.Values(known.Topics); !slices.ContainsFunc(slices.Collect(ours), func(t kafkalink.Topic) bool { return t.Err != nil }) {
			in.works() // others of the group have all partitions
		}
		<-ctx.Done()
	}
	busy.Wait()
	for _, f := range byBroker {
		maps.Copy(from, f.next)
		f.unpack.zstd.Close()
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return nil
}
