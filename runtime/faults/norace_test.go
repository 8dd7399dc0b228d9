//go:build !race

package faults_test

// raced tells whether the race detector is in this program.
const raced = false
