package engine

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"
)

// lastSignal is the highest that Linux knows.
const lastSignal = 64

// action is a signal's disposition as the kernel keeps it. Its parts are never looked at, so the layout may be longer
// than that of any one architecture.
type action [8]uintptr

// sigsetBytes is the size of a set of signals on every architecture that vegad is built for.
const sigsetBytes = 8

// keepSignals runs f and puts every signal's disposition back as it was. CUDA installs handlers of its own while its
// provider starts; they lack SA_ONSTACK, and the first signal after that, such as Ctrl-C, would end a Go program with
// "non-Go code set up signal handler without SA_ONSTACK flag".
func keepSignals(f func() error) error {
	before := map[int]action{}
	for number := 1; number <= lastSignal; number++ {
		if now, err := disposition(number, nil); err == nil {
			before[number] = now
		}
	}
	errs := []error{f()}
	for number, was := range before {
		now, err := disposition(number, nil)
		if err == nil && now != was {
			_, err = disposition(number, &was)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("putting back the handler of signal %d: %w", number, err))
		}
	}
	return errors.Join(errs...)
}

// disposition returns a signal's disposition and, unless to is nil, replaces it. SIGKILL and SIGSTOP cannot be replaced
// and never differ.
func disposition(number int, to *action) (action, error) {
	var was action
	//nolint:gosec // the kernel reads and writes within the two structures, which are longer than what it knows
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(to)),
		uintptr(unsafe.Pointer(&was)), sigsetBytes, 0, 0)
	if errno != 0 {
		return was, errno
	}
	return was, nil
}
