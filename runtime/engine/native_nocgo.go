//go:build !cgo

package engine

import (
	"errors"

	"github.com/vega-edge/vegad/models"
)

// A program built without cgo has no ONNX Runtime: every call says so.
var errNoCgo = errors.New("this program was built without cgo and cannot load ONNX Runtime")

func nativeOpen() bool                  { return false }
func nativeVersion() string             { return "" }
func nativeLoad(string) (string, error) { return "", errNoCgo }

type native struct{}

var _ backend = native{}

func declared([]byte) (inputs, outputs []signature, err error) { return nil, nil, errNoCgo }

func (native) probe(sessionConfig) error { return errNoCgo }

func (native) open(sessionConfig, models.GraphSpec) (session, Stage, error) {
	return nil, StageSession, errNoCgo
}
