//go:build !cgo

package engine

import (
	"errors"

	"github.com/vega-edge/vegad/models"
)

// A program built without cgo has no ONNX Runtime: every call says so.
var errNoCgo = errors.New("this program was built without cgo and cannot load ONNX Runtime")

func nativeOpen() bool                  { return false }
func nativeLoad(string) (string, error) { return "", errNoCgo }
func nativeClose() error                { return nil }

type session struct{}

func declared([]byte) (inputs, outputs []signature, err error) { return nil, nil, errNoCgo }

func newSession(sessionConfig, models.GraphSpec) (*session, Stage, error) {
	return nil, StageSession, errNoCgo
}

func (*session) run() error     { return errNoCgo }
func (*session) terminate()     {}
func (*session) resume()        {}
func (*session) destroy() error { return nil }
