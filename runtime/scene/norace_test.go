//go:build !race

package scene_test

// fewer divides the number of rendered rooms under the race detector.
const fewer = 1
