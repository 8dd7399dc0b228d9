package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// What can be wrong with the state of the process's ONNX Runtime.
var (
	ErrRuntimeOpen   = errors.New("ONNX Runtime is already open in this process")
	ErrRuntimeClosed = errors.New("ONNX Runtime is closed")
	ErrSessionsLive  = errors.New("sessions are still open")
	ErrNoLibrary     = errors.New("the ONNX Runtime library was not found")
)

// environment is the one ONNX Runtime of the process. Once loaded, the library stays: some builds abort while they are
// unloaded, as on an Orin with cores switched off, and would turn a clean stop into a failure. Nothing is lost by it:
// what a process leaves behind goes with it, and sessions are freed on their own.
var environment struct {
	sync.Mutex
	path string // of the loaded library
	used bool   // a Runtime is open
}

// RuntimeOptions says where the native library is.
type RuntimeOptions struct {
	// Library is the path of libonnxruntime.so. If it is empty, $VEGAD_ONNXRUNTIME is used, then what lies beside
	// the program, then what the system's loader knows. A path given by name is not replaced by another one.
	Library string
	Logger  *slog.Logger // required
}

// Runtime owns the process's ONNX Runtime. There is at most one at a time.
type Runtime struct {
	path, version string

	mu       sync.Mutex
	open     bool
	sessions int
}

// OpenRuntime loads the native library. The error lists what was tried and says what to do.
func OpenRuntime(opts RuntimeOptions) (*Runtime, error) {
	program, err := os.Executable()
	if err != nil {
		program = ""
	}
	places := libraryPlaces(opts.Library, os.Getenv(LibraryVariable), program)
	environment.Lock()
	defer environment.Unlock()
	if environment.used {
		return nil, fmt.Errorf("opening ONNX Runtime: %w", ErrRuntimeOpen)
	}
	path, version, err := loadFirst(places)
	if err != nil {
		return nil, fmt.Errorf("opening ONNX Runtime: %w", err)
	}
	environment.path, environment.used = path, true
	opts.Logger.Debug("ONNX Runtime is loaded", "component", "engine", "path", path, "version", version)
	return &Runtime{path: path, version: version, open: true}, nil
}

// Version returns the version of the loaded library, such as "1.27.0".
func (r *Runtime) Version() string { return r.version }

// Path returns the file, or the name given to the system's loader, that the library was loaded from.
func (r *Runtime) Path() string { return r.path }

// Sessions returns how many native sessions are alive. It is 0 when every engine has been closed.
func (r *Runtime) Sessions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions
}

// Close ends the use of the library, which stays in memory: see environment. It is idempotent and returns
// ErrSessionsLive, with nothing changed, while an engine is open. After it, another Runtime can be opened on the same
// library.
func (r *Runtime) Close() error {
	environment.Lock()
	defer environment.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		return nil
	}
	if r.sessions > 0 {
		return fmt.Errorf("closing ONNX Runtime: %w (%d)", ErrSessionsLive, r.sessions)
	}
	r.open, environment.used = false, false
	return nil
}

// acquire counts a session in before it is made, so that Close cannot come between.
func (r *Runtime) acquire() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open {
		return ErrRuntimeClosed
	}
	r.sessions++
	return nil
}

func (r *Runtime) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions--
}
