package linktest

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Child is this test binary run as another process, which its TestMain tells by the environment.
type Child struct {
	Env       []string      // NAME=value, beside that of this process
	KillAfter time.Duration // from its first line on
	Line      func(string)  // takes each line of its standard output; may be nil
	System    *syscall.SysProcAttr
}

// Run runs the process to its end, which is the error unless it is a clean one. With KillAfter it is killed then, as a
// power cut would end it, and everything else fails the test.
func (c Child) Run(tb testing.TB) error {
	tb.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env, cmd.Stderr, cmd.SysProcAttr = append(os.Environ(), c.Env...), os.Stderr, c.System
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	var killer *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if killer == nil && c.KillAfter > 0 {
			killer = time.AfterFunc(c.KillAfter, func() { _ = cmd.Process.Kill() })
			defer killer.Stop()
		}
		if c.Line != nil {
			c.Line(lines.Text())
		}
	}
	err = cmd.Wait()
	if c.KillAfter > 0 && cmd.ProcessState.Exited() {
		tb.Fatalf("the process ended by itself: %v", err)
	}
	if c.KillAfter > 0 {
		return nil
	}
	return err
}
