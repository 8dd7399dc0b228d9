//go:build !linux

package engine

// keepSignals only runs f: there is no CUDA on other systems that vegad is built for.
func keepSignals(f func() error) error { return f() }
