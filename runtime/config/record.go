package config

import "time"

// Record says what is recorded, and how much of it stays. See docs/recordings.md.
type Record struct {
	// Folder of recordings; without one it is recordings in the state directory that systemd gives, else none can be made.
	Dir Path `yaml:"dir"`
	// Record always, in a ring, or only on demand: by the page's button or a command.
	When string `yaml:"when" default:"demand" oneof:"demand always"`
	// Pictures that are stored to the last bit can be told again exactly; JPEG takes a fraction of the room.
	Pictures string `yaml:"pictures" default:"lossless" oneof:"lossless jpeg"`
	// Most that the ring may take.
	MaxBytes Bytes `yaml:"maxBytes" default:"1GiB" range:"16MiB..1024GiB"`
	// Age at which what is in the ring goes.
	MaxAge time.Duration `yaml:"maxAge" default:"24h" range:"1m..8760h"`
	// Most that may be kept from falling out of the ring: what was recorded on demand, and what lies around events and
	// questions. The oldest goes first.
	MaxKept Bytes `yaml:"maxKept" default:"4GiB" range:"16MiB..1024GiB"`
	// Room on the disk that is left to others: with less, the ring shrinks, then recording pauses. 0 leaves none.
	MinFree Bytes `yaml:"minFree" default:"512MiB" range:"0..1024GiB"`
	// How much is kept before an event or a question.
	Before time.Duration `yaml:"before" default:"1m" range:"1s..1h"`
	// How much is kept after it.
	After time.Duration `yaml:"after" default:"1m" range:"1s..1h"`
}
