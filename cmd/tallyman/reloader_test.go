package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"tallyman/pipeline/control"
	"tallyman/pipeline/engine"
)

// TestReloadsCoalesce: while one reload is under way, a hundred requests become
// one more, which all of them get.
func TestReloadsCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, goOn := make(chan bool, 10), make(chan struct{})
		r := newReloader(func(discard bool) control.Answer {
			begun <- discard
			<-goOn
			return control.Answer{Text: "done"}
		})
		ctx, cancel := context.WithCancel(t.Context())
		go r.run(ctx)
		var all sync.WaitGroup
		get := func(discard bool, want string) {
			one := r.ask(discard)
			all.Go(func() {
				if a := r.wait(one); a.Text != want {
					t.Errorf("the answer is %+v, want %q", a, want)
				}
			})
		}
		get(false, "done")
		if <-begun {
			t.Error("the first one was to discard nothing")
		}
		for i := range 100 {
			get(i == 50, "done")
		}
		goOn <- struct{}{}
		if !<-begun {
			t.Error("one of those who wait wants to discard")
		}
		goOn <- struct{}{}
		all.Wait()
		synctest.Wait()
		select {
		case <-begun:
			t.Error("a third reload began")
		default:
		}
		if s := r.status(); s == nil || !s.OK || s.Text != "" {
			t.Errorf("the status: %+v", s)
		}

		get(false, "done")
		<-begun
		get(false, "the process is ending")
		cancel()
		goOn <- struct{}{}
		all.Wait()
		if a := r.wait(r.ask(false)); a.Code != exitFailure {
			t.Errorf("after the end: %+v", a)
		}
	})
}

func TestRefused(t *testing.T) {
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(io.Writer(&b), nil))
	for _, c := range []struct {
		name string
		err  error
		code int
		want string
	}{
		{"problems that were printed", &exit{exitConfig, nil}, exitConfig, "not valid"},
		{"a file that cannot be read", &exit{exitPermission, nil}, exitPermission, "not valid"},
		{"a backlog", engine.ErrBacklog, exitLeft, "events wait"},
		{"a restart", engine.ErrRefused, exitConfig, "restart"},
		{"another", errors.New("address in use"), exitFailure, "address in use"},
	} {
		b.Reset()
		a := refused(c.err, "t.yaml:1:1: bad\n", log)
		if a.Code != c.code || !strings.HasPrefix(a.Text, "t.yaml:1:1: bad\n") || !strings.Contains(a.Text, c.want) {
			t.Errorf("%s: %+v", c.name, a)
		}
		if !strings.Contains(b.String(), "class=config_rejected") || !strings.Contains(b.String(), c.want) {
			t.Errorf("%s: the log says %s", c.name, b.String())
		}
	}
}

// TestStatusIsInert: what a destination answers does not act on the terminal.
func TestStatusIsInert(t *testing.T) {
	st := &processStatus{Status: engine.Status{Outputs: []engine.BookStatus{{Name: "o", Error: "the peer said \x1b[31mgo\x07\nand more", Balanced: false}}}}
	text := statusText(st)
	if strings.ContainsAny(text, "\x1b\x07") || !strings.Contains(text, `\x1b[31mgo\x07`) || !strings.Contains(text, "DOES NOT BALANCE") {
		t.Errorf("the status is %q", text)
	}
}

// TestAHangUpDuringTheStart: a SIGHUP that comes before there is anything to reload
// neither ends the process nor is lost.
func TestAHangUpDuringTheStart(t *testing.T) {
	hup, deaf := hups()
	defer deaf()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	did := make(chan bool, 1)
	r := newReloader(func(discard bool) control.Answer { did <- discard; return control.Answer{} })
	ctx, stop := context.WithCancel(t.Context())
	r.follow(ctx, hup)
	go r.run(ctx)
	if <-did {
		t.Error("it lets go of what removed outputs have left")
	}
	stop()
	<-r.done
}
