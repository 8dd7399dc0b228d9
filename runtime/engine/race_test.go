//go:build race

package engine_test

// raced tells whether the race detector is in this program.
const raced = true
