package auditd

import (
	"errors"
	"fmt"

	libaudit "github.com/elastic/go-libaudit/v2"
)

// askKernel asks for the status of the kernel's audit. Each question has a socket
// of its own: a client of go-libaudit that missed one answer takes every later
// one for the one before.
func askKernel() (st kernelStatus, err error) {
	c, err := libaudit.NewAuditClient(nil)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	got, err := c.GetStatus()
	if err != nil {
		return st, fmt.Errorf("ask the kernel's audit for its state: %w", err)
	}
	rules, err := listRules()
	if err != nil {
		return st, fmt.Errorf("ask the kernel's audit for its rules: %w", err)
	}
	return kernelStatus{Lost: got.Lost, Enabled: got.Enabled, PID: got.PID, Rules: len(rules),
		backlog: got.Backlog, backlogLimit: got.BacklogLimit, rateLimit: got.RateLimit}, nil
}
