package syslog

import (
	"errors"
	"time"

	"tallyman/pipeline/event"
)

// A stop has two sides: readers end with what the kernel has already taken from
// senders, and the lane hands on what they read.

// linger is how long a stop goes on with what the kernel has already taken from
// senders: nothing else has it.
const linger = 250 * time.Millisecond

// backlog is how long a stop goes on accepting connections that the kernel has
// already made, and waits for what is on its way on those where nothing is.
const backlog = 20 * time.Millisecond

// leave hands on, once the context is done, what was read ahead and what the
// kernel has taken from senders; then it returns the error.
func (in *input) leave(b *event.Batch, stop error) error {
	in.stop()
	in.looked = time.Time{}
	in.look(b)
	for {
		in.gather(b)
		if len(b.Events) > 0 {
			return nil
		}
		select {
		case c := <-in.dgrams:
			in.take(b, c)
		case c := <-in.streams:
			in.take(b, c)
		case <-in.ended:
			if in.gather(b); len(b.Events) > 0 {
				return nil
			}
			return stop
		}
	}
}

// stop lets readers end with what is there. It may be called again.
func (in *input) stop() {
	if in.ctx.Err() != nil {
		return
	}
	in.until.Store(time.Now().Add(linger).UnixNano())
	in.cancel()
	for _, ln := range in.listeners {
		// Whoever has connected has been told that somebody listens.
		if d, ok := ln.(interface{ SetDeadline(time.Time) error }); !ok || d.SetDeadline(time.Now().Add(backlog)) != nil {
			_ = ln.Close() // accept ends with that
		}
	}
	for _, s := range in.sockets {
		s.stop()
	}
	in.slots.stop()
	go func() {
		in.work.Wait()
		close(in.ended)
	}()
}

// shut closes everything and waits for all goroutines.
func (in *input) shut() error {
	in.stop()
	close(in.quit)
	in.slots.closeAll()
	<-in.ended
	var err error
	for _, s := range in.sockets {
		err = errors.Join(err, s.close())
	}
	in.listeners, in.sockets = nil, nil
	return err
}

// Close implements plugin.Input.
func (in *input) Close() error {
	if in.quit == nil {
		return nil
	}
	err := in.shut()
	in.quit = nil
	return err
}
