//go:build !race

package fleet_test

// raceDetector slows everything down: bounds of time mean nothing under it.
const raceDetector = false
