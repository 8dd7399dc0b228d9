package engine

// Tune sets what the benchmarks compare.
func (o *Options) Tune(spin, arena bool) { o.tuning = tuning{spin: spin, noArena: !arena} }

// ForCPU rewrites explicit Q/DQ for the CPU.
func ForCPU(model []byte) ([]byte, error) { return forCPU(model) }
