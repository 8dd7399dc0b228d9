//go:build cgo

package engine

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ONNX Runtime's C interface is a table of functions that only grows at its end. The Go binding does not wrap those
// that write a profile, so they are called by their place in the table; a test compares the places with the header.
enum {
	AT_GET_ERROR_MESSAGE = 2,
	AT_ENABLE_PROFILING = 14,
	AT_ALLOCATOR_FREE = 76,
	AT_DEFAULT_ALLOCATOR = 78,
	AT_RELEASE_STATUS = 93,
	AT_END_PROFILING = 110,
	C_API_VERSION = 22,
};

typedef struct {
	void *const *(*get_api)(uint32_t);
	const char *(*get_version)(void);
} api_base;

// table returns the functions of a library that is loaded already, or NULL.
static void *const *table(const char *library) {
	void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle) return NULL;
	api_base *(*base)(void) = (api_base *(*)(void))dlsym(handle, "OrtGetApiBase");
	void *const *api = base ? base()->get_api(C_API_VERSION) : NULL;
	dlclose(handle); // the binding holds the library
	return api;
}

// failure turns a status into a text that the caller frees, or NULL for success.
static char *failure(void *const *api, void *status) {
	if (!status) return NULL;
	char *text = strdup(((const char *(*)(const void *))api[AT_GET_ERROR_MESSAGE])(status));
	((void (*)(void *))api[AT_RELEASE_STATUS])(status);
	return text;
}

static char *enable_profiling(void *const *api, void *options, const char *prefix) {
	return failure(api, ((void *(*)(void *, const char *))api[AT_ENABLE_PROFILING])(options, prefix));
}

static char *end_profiling(void *const *api, void *session, char **file) {
	void *allocator = NULL;
	char *wrong = failure(api, ((void *(*)(void **))api[AT_DEFAULT_ALLOCATOR])(&allocator));
	if (wrong) return wrong;
	char *name = NULL;
	wrong = failure(api, ((void *(*)(void *, void *, char **))api[AT_END_PROFILING])(session, allocator, &name));
	if (wrong) return wrong;
	*file = strdup(name);
	return failure(api, ((void *(*)(void *, void *))api[AT_ALLOCATOR_FREE])(allocator, name));
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"
)

// profiler has a session write down what it runs, and where. It ends with stop or discard.
type profiler struct {
	library, dir string
}

// startProfiler turns profiling on in the options of a session that is about to be made.
func startProfiler(library string, options *ort.SessionOptions) (*profiler, error) {
	// Below systemd everything else, /tmp too, can only be read.
	scratch, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	dir, err := os.MkdirTemp(scratch, "vegad-profile-")
	if err != nil {
		return nil, fmt.Errorf("making room for a profile: %w", err)
	}
	p := &profiler{library: library, dir: dir}
	err = p.call(options, "o", func(api *unsafe.Pointer, handle unsafe.Pointer) *C.char {
		prefix := C.CString(filepath.Join(dir, "run"))
		defer C.free(unsafe.Pointer(prefix))
		return C.enable_profiling(api, handle, prefix)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("turning on the profile: %w", err), p.discard())
	}
	return p, nil
}

// stop ends the profile of a session and says where its nodes ran.
func (p *profiler) stop(session *ort.AdvancedSession) ([]Share, error) {
	var file *C.char
	err := p.call(session, "ortSession", func(api *unsafe.Pointer, handle unsafe.Pointer) *C.char {
		return C.end_profiling(api, handle, &file)
	})
	defer C.free(unsafe.Pointer(file))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ending the profile: %w", err), p.discard())
	}
	shares, err := readProfile(C.GoString(file))
	return shares, errors.Join(err, p.discard())
}

func (p *profiler) discard() error {
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("removing a profile: %w", err)
	}
	return nil
}

// call finds the C object that a value of the binding holds and hands it to f, whose text is an error.
func (p *profiler) call(holder any, field string, f func(api *unsafe.Pointer, handle unsafe.Pointer) *C.char) error {
	library := C.CString(p.library)
	defer C.free(unsafe.Pointer(library))
	api := C.table(library)
	handle := reflect.ValueOf(holder).Elem().FieldByName(field)
	if api == nil || handle.Kind() != reflect.Pointer {
		return errors.New("this ONNX Runtime or its binding is built in another way")
	}
	text := f(api, handle.UnsafePointer())
	if text == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(text))
	return errors.New(C.GoString(text))
}
