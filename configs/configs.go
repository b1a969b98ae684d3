// Package configs is what is shipped beside the program and inside it: the packs of
// rules and the audit rules that feed them. It knows nothing of what they mean.
package configs

import "embed"

// Rules are the packs, as rules/NAME.yaml.
//
//go:embed rules/*.yaml
var Rules embed.FS

// AuditRules are the rules for the kernel, in the form of auditctl(8).
//
//go:embed audit.rules
var AuditRules string
