// Package layering holds the test that the real imports follow the picture of
// docs/ARCHITECTURE.md. It has no code of its own.
package layering
