package config

import _ "embed" // for the published schema

//go:embed schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for editors and fleet tools. It says what the
// keys are and what each value may be; what must fit together is checked by Load alone. A test makes the file from the
// struct tags and comments of this package.
func Schema() []byte { return []byte(schema) }
