package config

import "time"

// Engine says how TensorRT's engines are built and kept.
type Engine struct {
	// Folder of built engines; without one it is engines in the cache directory that systemd gives, else none are kept.
	Dir Path `yaml:"dir"`
	// Secret that seals engines, made if absent; without one it is engine.key in the state directory, else in dir.
	KeyFile Path `yaml:"keyFile"`
	// While engines are built: answer with the next provider, or wait.
	Meanwhile string `yaml:"meanwhile" default:"answer" oneof:"answer wait"`
	// Most scratch memory of one engine; on a Jetson it is the robot's own memory.
	Workspace Bytes `yaml:"workspace" default:"512MiB" range:"64MiB..16GiB"`
	// How long TensorRT looks for faster kernels, from 1 to 5.
	Level int `yaml:"level" default:"3" range:"1..5"`
	// Nodes below which a part of a network stays with CUDA.
	MinSubgraph int `yaml:"minSubgraph" default:"5" range:"1..1000"`
}

// Update says which bundles may be installed in the field, and how they are tried.
type Update struct {
	// Folder of installed bundles; without one it is models in the state directory that systemd gives, else there is none.
	Dir Path `yaml:"dir"`
	// Public keys that may sign bundles; files with an ed25519 key in base64.
	Keys []Path `yaml:"keys" count:"0..16"`
	// How long a new bundle must answer until it stays.
	Probation time.Duration `yaml:"probation" default:"2m" range:"1s..24h"`
	// Starts that a new bundle is given to get that far.
	Starts int `yaml:"starts" default:"3" range:"1..100"`
}
