package systemd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// look finds a tool of systemd. make test, which installs them, sets the variable.
func look(t *testing.T, name string) string {
	t.Helper()
	tool, err := exec.LookPath(name)
	if err != nil && os.Getenv("VEGAD_REQUIRE_SYSTEMD") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return tool
}

// mostExposed is the highest score by systemd-analyze security that is accepted, in tenths: 0 is best, 100 worst.
const mostExposed = "20"

// TestUnits has systemd itself judge the units, where its tool is installed.
func TestUnits(t *testing.T) {
	tool := look(t, "systemd-analyze")
	for _, unit := range []struct{ file, name string }{
		{"vegad.service", "vegad.service"},
		{"vegad@.service", "vegad@front.service"},
	} {
		// The program is not installed here; everything else is judged as it is.
		text := strings.Replace(read(t, unit.file), "/usr/bin/vegad", "/bin/true", 1)
		path := filepath.Join(t.TempDir(), unit.name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("verify %s: %v\n%s", unit.file, err, out)
		}
		judge(t, tool, path)
	}
}

// judge prints the score of a unit and holds it against the bound.
func judge(t *testing.T, tool, path string) {
	t.Helper()
	out, err := exec.Command(tool, "security", "--offline=true", "--no-pager", "--threshold="+mostExposed, path).
		CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fmt.Println(lines[len(lines)-1])
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "Overall exposure level") {
		t.Error("no score was printed")
	}
}

// TestTemplate keeps the unit for several cameras the same as the unit for one, but for the names of its places.
func TestTemplate(t *testing.T) {
	want := strings.NewReplacer(
		"from a robot's camera", "from camera %i",
		"/etc/vegad/config.yaml", "/etc/vegad/%i.yaml",
		"StateDirectory=vegad", "StateDirectory=vegad/cameras/%i",
		"CacheDirectory=vegad", "CacheDirectory=vegad/cameras/%i",
		"RuntimeDirectory=vegad", "RuntimeDirectory=vegad/cameras/%i",
	).Replace(read(t, "vegad.service"))
	_, got, found := strings.Cut(read(t, "vegad@.service"), "[Unit]\n")
	if !found || "[Unit]\n"+got != want {
		t.Errorf("vegad@.service differs from vegad.service in more than its places; it should be\n%s", want)
	}
	if n := strings.Count(got, "%i"); n != 5 {
		t.Errorf("the template names its instance %d times, want 5", n)
	}
}

// TestUnitGrantsWhatItNeeds names what a robot cannot do without: an analysis of security would praise its absence.
func TestUnitGrantsWhatItNeeds(t *testing.T) {
	unit := read(t, "vegad.service")
	for _, line := range []string{
		"Type=notify", "WatchdogSec=30", "Restart=always", "StartLimitIntervalSec=0", "TimeoutStartSec=3min",
		"User=vegad", "SupplementaryGroups=video render", "DevicePolicy=closed", "DeviceAllow=char-video4linux rw",
		"DeviceAllow=char-media rw", "DeviceAllow=char-drm rw", "DeviceAllow=char-nvidia* rw", "DeviceAllow=/dev/nvmap rw",
		"DeviceAllow=/dev/nvhost-gpu rw", "DeviceAllow=/dev/nvgpu/igpu0/ctrl rw", "DeviceAllow=/dev/v4l2-nvdec rw",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("the unit lacks %q", line)
		}
	}
	for _, harmful := range []string{"PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute", "PrivateUsers"} {
		if strings.Contains(unit, "\n"+harmful+"=yes") {
			t.Errorf("with %s cameras or the GPU would not work", harmful)
		}
	}
}

// TestSysusers has systemd read the accounts, where its tool is installed.
func TestSysusers(t *testing.T) {
	tool := look(t, "systemd-sysusers")
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("vegad.sysusers.conf")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "--root="+root, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	passwd, group := read(t, filepath.Join(root, "etc/passwd")), read(t, filepath.Join(root, "etc/group"))
	if !regexp.MustCompile(`(?m)^vegad:[^:]*:\d+:\d+:[^:]*:/var/lib/vegad:/usr/sbin/nologin$`).MatchString(passwd) {
		t.Errorf("the account is not what it should be:\n%s", passwd)
	}
	for _, name := range []string{"video", "render"} {
		if !regexp.MustCompile(`(?m)^` + name + `:[^:]*:\d+:vegad$`).MatchString(group) {
			t.Errorf("vegad is not in group %s:\n%s", name, group)
		}
	}
}

// rule is one key of a udev rule.
var rule = regexp.MustCompile(`^[A-Z]+(\{[^}"]+\})?(==|!=|\+=|:=|=)"[^"]*"$`)

// TestUdevRules reads the rules as udev would, which drops a line with an unbalanced quote or a missing comma.
func TestUdevRules(t *testing.T) {
	text := read(t, "vegad.udev.rules")
	keys := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		for key := range strings.SplitSeq(line, ", ") {
			keys++
			if !rule.MatchString(key) {
				t.Errorf("udev does not understand %q in\n%s", key, line)
			}
		}
	}
	if keys < 10 || strings.Count(text, `GROUP="video"`) != 3 || strings.Count(text, `GROUP="render"`) != 1 {
		t.Errorf("%d keys were read; groups are given away or missing", keys)
	}
	if tool, err := exec.LookPath("udevadm"); err == nil && exec.Command(tool, "verify", "--help").Run() == nil {
		if out, err := exec.Command(tool, "verify", "vegad.udev.rules").CombinedOutput(); err != nil {
			t.Errorf("udevadm verify: %v\n%s", err, out)
		}
	}
}
