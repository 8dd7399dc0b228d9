package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/models"
)

// These variables make the test binary the process that is killed.
const (
	childDir   = "VEGAD_STORE_CHILD" // the store's folder
	childFrom  = "VEGAD_STORE_FROM"  // the bundle to install
	childSteps = "VEGAD_STORE_STEPS" // at which step it ends
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := update(dir, os.Getenv(childFrom)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// update does all that an update does on a robot, from the stick to the confirmation, and kills itself at a step.
func update(dir, from string) error {
	left, err := strconv.Atoi(os.Getenv(childSteps))
	if err != nil {
		return err
	}
	s, err := Open(storeConfig(dir))
	if err != nil {
		return err
	}
	s.step = func(name string) {
		if left--; left == 0 {
			fmt.Println(name)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	}
	ctx := context.Background()
	if _, err := s.Install(ctx, from); err != nil {
		return err
	}
	if _, err := s.Activate(ctx, "", nil); err != nil {
		return err
	}
	if _, err := s.Start(); err != nil {
		return err
	}
	return s.Confirm()
}

// TestPowerCutAtEveryStep kills an update at each of its steps. After each kill, a start finds a whole bundle, old or
// new, and the same update can be done to its end.
func TestPowerCutAtEveryStep(t *testing.T) {
	oldest, old, fresh := signed(t, "1.0.0"), signed(t, "1.1.0"), pack(t, signed(t, "1.2.0"), "tiny/")
	seen := map[string]int{}
	kills := 0
	for step := 1; ; step++ {
		dir := t.TempDir()
		s := openStore(t, dir)
		for _, from := range []string{oldest, old} {
			if _, err := s.Install(t.Context(), from); err != nil {
				t.Fatal(err)
			}
			runNewest(t, s)
		}
		name, killed := killAt(t, dir, fresh, step)
		if !killed {
			break
		}
		kills++
		seen[name]++
		afterPowerCut(t, dir, fresh, name)
	}
	for _, name := range []string{
		"file copied", "manifest written", "bundle renamed", "state written", "state renamed", "old bundle removed",
		"bundle proven",
	} {
		if seen[name] == 0 {
			t.Errorf("no kill at %q", name)
		}
	}
	t.Logf("%d kills at %v", kills, seen)
}

func runNewest(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.Activate(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(); err != nil {
		t.Fatal(err)
	}
}

// killAt runs an update in a child that ends at a step, and tells at which.
func killAt(t *testing.T, dir, from string, step int) (name string, killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childFrom+"="+from, childSteps+"="+strconv.Itoa(step))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		return "", false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself at step %d: %v", step, err)
	}
	return strings.TrimSpace(string(out)), true
}

func afterPowerCut(t *testing.T, dir, fresh, name string) {
	t.Helper()
	s := openStore(t, dir)
	c, err := s.Start()
	if err != nil {
		t.Fatalf("after a kill at %q: %v", name, err)
	}
	b, err := models.Open(c.Dir)
	if err != nil {
		t.Fatalf("after a kill at %q: %v", name, err)
	}
	if v := b.Manifest.Version; v != "1.1.0" && v != "1.2.0" {
		t.Errorf("after a kill at %q, version %s runs", name, v)
	}
	info, err := s.Install(t.Context(), fresh)
	if err != nil {
		t.Fatalf("after a kill at %q: %v", name, err)
	}
	runNewest(t, s)
	c, err = s.Start()
	if err != nil || c.Digest != info.Digest || c.Trial {
		t.Errorf("after a kill at %q, the update ends with %+v, %v", name, c, err)
	}
	folders, err := filepath.Glob(filepath.Join(dir, bundlesDir, "*"))
	if err != nil || len(folders) != 2 {
		t.Errorf("after a kill at %q, %d bundles are kept: %v", name, len(folders), err)
	}
}
