package engine

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onStack is SA_ONSTACK: the handler runs on the stack that Go gives it. CUDA's handlers lack it.
const onStack = 0x08000000

// breakHandler does to SIGINT what CUDA does.
func breakHandler() error {
	was, err := disposition(int(syscall.SIGINT), nil)
	if err != nil {
		return err
	}
	was[1] &^= onStack
	_, err = disposition(int(syscall.SIGINT), &was)
	return err
}

func TestSignalHandlersArePutBack(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT)
	defer signal.Stop(signals)
	before, err := disposition(int(syscall.SIGINT), nil)
	if err != nil {
		t.Fatal(err)
	}
	if before[1]&onStack == 0 {
		t.Fatalf("Go's own handler has flags %#x: this test proves nothing", before[1])
	}
	wrong := errors.New("no GPU")
	err = keepSignals(func() error {
		if err := breakHandler(); err != nil {
			t.Error(err)
		}
		if now, err := disposition(int(syscall.SIGINT), nil); err != nil || now == before {
			t.Errorf("the handler was not broken: %v", err)
		}
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("the error became %v", err)
	}
	if after, err := disposition(int(syscall.SIGINT), nil); err != nil || after != before {
		t.Errorf("handler %v became %v, %v", before, after, err)
	}
}

// TestInterruptAfterCUDA has a child process survive a signal that ends Go programs with a handler of CUDA's kind.
func TestInterruptAfterCUDA(t *testing.T) {
	if mode := os.Getenv("VEGAD_TEST_INTERRUPT"); mode != "" {
		interruptSelf(t, mode)
		return
	}
	for mode, survives := range map[string]bool{"kept": true, "broken": false} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestInterruptAfterCUDA$", "-test.v")
		cmd.Env = append(os.Environ(), "VEGAD_TEST_INTERRUPT="+mode)
		out, err := cmd.CombinedOutput()
		if (err == nil) != survives {
			t.Errorf("%s: %v\n%s", mode, err, out)
		}
		if !survives && !strings.Contains(string(out), "without SA_ONSTACK") {
			t.Errorf("the child ended for another reason:\n%s", out)
		}
	}
}

func interruptSelf(t *testing.T, mode string) {
	t.Helper()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT)
	provider := func() error { return breakHandler() }
	if mode == "kept" {
		provider = func() error { return keepSignals(breakHandler) }
	}
	if err := provider(); err != nil {
		t.Fatal(err)
	}
	// On this very thread, which runs Go code: there the missing flag matters.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_, _, errno := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(syscall.Gettid()),
		uintptr(syscall.SIGINT))
	if errno != 0 {
		t.Fatal(errno)
	}
	select {
	case <-signals:
	case <-time.After(10 * time.Second):
		t.Error("the signal did not arrive")
	}
}
