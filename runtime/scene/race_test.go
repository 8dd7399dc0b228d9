//go:build race

package scene_test

// fewer divides the number of rendered rooms: the race detector makes drawing them ten times slower.
const fewer = 4
