package store

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
)

// maker is who signs bundles in the tests.
func maker(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(key[ed25519.SeedSize:])
}

// signed writes a signed bundle of a version.
func signed(t testing.TB, version string) string {
	t.Helper()
	dir := modeltest.Write(t, modeltest.Default())
	modeltest.EditManifest(t, dir, func(m map[string]any) { m["version"] = version })
	sign(t, dir, maker(1))
	return dir
}

func sign(t testing.TB, dir string, key ed25519.PrivateKey) {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, models.SignatureName), models.Sign(manifest, key), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(storeConfig(dir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func storeConfig(dir string) Config {
	return Config{Dir: dir, Keys: []ed25519.PublicKey{public(maker(1))}, Logger: slog.New(slog.DiscardHandler)}
}

// install puts a version into the store and returns its digest.
func install(t testing.TB, s *Store, version string) string {
	t.Helper()
	info, err := s.Install(t.Context(), signed(t, version))
	if err != nil {
		t.Fatal(err)
	}
	return info.Digest
}

// run installs, activates, starts and confirms a version.
func run(t testing.TB, s *Store, version string) string {
	t.Helper()
	digest := install(t, s, version)
	if _, err := s.Activate(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	start(t, s, digest, true)
	if err := s.Confirm(); err != nil {
		t.Fatal(err)
	}
	return digest
}

// start starts once and holds the choice against what is wanted.
func start(t testing.TB, s *Store, digest string, onTrial bool) Choice {
	t.Helper()
	c, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	if c.Digest != digest || c.Trial != onTrial || (c.Dir == "") != (digest == "") {
		t.Fatalf("chose %+v, want %s, on trial %v", c, digest, onTrial)
	}
	if c.Dir != "" {
		if _, err := models.Open(c.Dir); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestAnUpdateIsTriedAndConfirmed(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	start(t, s, "", false) // nothing is installed: the bundle of the configuration
	first := run(t, s, "1.0.0")
	start(t, openStore(t, dir), first, false) // also for the next process
	second := install(t, s, "1.1.0")
	start(t, s, first, false) // installing changes nothing
	proven := ""
	info, err := s.Activate(t.Context(), "tiny@1.1.0", func(_ context.Context, b *models.Bundle) error {
		proven = b.Digest()
		return nil
	})
	if err != nil || info.Role != "trial" || proven != second {
		t.Fatalf("%+v, %v, proved %s", info, err, proven)
	}
	start(t, s, second, true)
	if err := s.Confirm(); err != nil {
		t.Fatal(err)
	}
	start(t, s, second, false)
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Role != "current" || list[0].Version != "1.1.0" ||
		list[1].Role != "previous" || list[1].Digest != first {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestTwoAreKept(t *testing.T) {
	s := openStore(t, t.TempDir())
	first := run(t, s, "1.0")
	run(t, s, "1.1")
	third := run(t, s, "1.2")
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Digest != third {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := os.Stat(s.Path(first)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the oldest is there still: %v", err)
	}
}

func TestATrialThatIsNotConfirmedEndsByItself(t *testing.T) {
	s := openStore(t, t.TempDir())
	first := run(t, s, "1.0.0")
	second := install(t, s, "2.0.0")
	if _, err := s.Activate(t.Context(), second[:8], nil); err != nil {
		t.Fatal(err)
	}
	for range DefaultStarts {
		start(t, s, second, true)
	}
	c := start(t, s, first, false)
	if !strings.Contains(c.Reason, "not confirmed in 3 starts") {
		t.Errorf("the reason is %q", c.Reason)
	}
	if c := start(t, s, first, false); c.Reason != "" {
		t.Errorf("the reason is told again: %q", c.Reason)
	}
	if _, err := s.Activate(t.Context(), "tiny@2.0.0", nil); !errors.Is(err, ErrRejected) {
		t.Errorf("it can be activated again: %v", err)
	}
}

func TestATrialThatFails(t *testing.T) {
	s := openStore(t, t.TempDir())
	first := run(t, s, "1.0.0")
	second := install(t, s, "1.0.1")
	if _, err := s.Activate(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	start(t, s, second, true)
	if err := s.Fail("output geometry is off"); err != nil {
		t.Fatal(err)
	}
	start(t, s, first, false)
	list, err := s.List()
	if err != nil || len(list) != 2 || list[1].Role != "rejected" || list[1].Problem != "output geometry is off" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Fail("again"); err != nil {
		t.Error(err)
	}
	start(t, s, first, false)
}

func TestABundleThatProveRefusesIsNotActivated(t *testing.T) {
	s := openStore(t, t.TempDir())
	install(t, s, "1.0.0")
	wrong := errors.New("golden test failed")
	prove := func(context.Context, *models.Bundle) error { return wrong }
	if _, err := s.Activate(t.Context(), "", prove); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
	start(t, s, "", false)
}

func TestRollback(t *testing.T) {
	s := openStore(t, t.TempDir())
	if err := s.Rollback(); !errors.Is(err, ErrNothingElse) {
		t.Errorf("with nothing installed: %v", err)
	}
	first := run(t, s, "1.0.0")
	second := run(t, s, "2.0.0")
	for _, want := range []string{first, second, first} { // and back again
		if err := s.Rollback(); err != nil {
			t.Fatal(err)
		}
		start(t, s, want, false)
	}
	if err := s.Rollback(); err != nil {
		t.Fatal(err)
	}
	third := install(t, s, "3.0.0")
	if _, err := s.Activate(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	start(t, s, third, true)
	if err := s.Rollback(); err != nil { // of a trial
		t.Fatal(err)
	}
	start(t, s, second, false)
}

func TestTheFirstUpdateCanBeRolledBackToTheConfiguredBundle(t *testing.T) {
	s := openStore(t, t.TempDir())
	first := run(t, s, "1.0.0")
	for _, want := range []string{"", first} {
		if want == first {
			if _, err := s.Activate(t.Context(), first, nil); err != nil {
				t.Fatal(err)
			}
			start(t, s, first, true)
			continue
		}
		if err := s.Rollback(); err != nil {
			t.Fatal(err)
		}
		start(t, s, "", false)
	}
}

func TestAnOlderBundleIsRefused(t *testing.T) {
	s := openStore(t, t.TempDir())
	run(t, s, "1.9.0")
	run(t, s, "1.10.0") // which is newer, as numbers go
	if _, err := s.Install(t.Context(), signed(t, "1.9.9")); !errors.Is(err, ErrOlder) {
		t.Errorf("an older one: %v", err)
	}
	if _, err := s.Activate(t.Context(), "tiny@1.9.0", nil); !errors.Is(err, ErrOlder) {
		t.Errorf("activating the previous one: %v", err)
	}
	if err := s.Rollback(); err != nil { // which ran here
		t.Fatal(err)
	}
	if _, err := s.Install(t.Context(), signed(t, "1.9.9")); !errors.Is(err, ErrOlder) {
		t.Errorf("after a rollback the floor is lower: %v", err)
	}
	if _, err := s.Install(t.Context(), signed(t, "2.0-beta")); !errors.Is(err, ErrVersion) {
		t.Errorf("a version without order: %v", err)
	}
}

func TestOnlyTrustedBundlesAreInstalled(t *testing.T) {
	s := openStore(t, t.TempDir())
	for name, c := range map[string]struct {
		edit func(dir string)
		want error
	}{
		"unsigned":    {func(dir string) { _ = os.Remove(filepath.Join(dir, models.SignatureName)) }, models.ErrUnsigned},
		"another key": {func(dir string) { sign(t, dir, maker(2)) }, models.ErrBadSignature},
		"edited after signing": {func(dir string) {
			modeltest.EditManifest(t, dir, func(m map[string]any) { m["description"] = "better" })
		}, models.ErrBadSignature},
		"a file changed": {func(dir string) {
			path := filepath.Join(dir, "int8", "video_stem.onnx")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			_ = os.WriteFile(path, data, 0o600)
		}, models.ErrDigest},
		"a file cut":     {func(dir string) { _ = os.Truncate(filepath.Join(dir, "golden.npz"), 7) }, models.ErrDigest},
		"a file missing": {func(dir string) { _ = os.Remove(filepath.Join(dir, "golden.npz")) }, fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			dir := signed(t, "1.0.0")
			c.edit(dir)
			for _, from := range []string{dir, pack(t, dir, "tiny/")} {
				if _, err := s.Install(t.Context(), from); !errors.Is(err, c.want) {
					t.Errorf("%s: %v", from, err)
				}
			}
			if list, err := s.List(); err != nil || len(list) != 0 {
				t.Errorf("installed %v, %v", list, err)
			}
		})
	}
	bare, err := Open(Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Install(t.Context(), signed(t, "1.0.0")); !errors.Is(err, ErrNoKeys) {
		t.Errorf("without keys: %v", err)
	}
}

// pack writes a folder as a tar file, below a prefix.
func pack(t testing.TB, dir, prefix string) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: prefix + filepath.ToSlash(name), Size: int64(len(data)), Mode: 0o644}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	if err == nil {
		err = w.Close()
	}
	path := filepath.Join(t.TempDir(), "bundle.tar")
	if err == nil {
		err = os.WriteFile(path, out.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInstallingFromAnArchive(t *testing.T) {
	for _, prefix := range []string{"", "tiny/", "./", "usb/stick/tiny/"} {
		s := openStore(t, t.TempDir())
		dir := signed(t, "1.0.0")
		info, err := s.Install(t.Context(), pack(t, dir, prefix))
		if err != nil {
			t.Fatalf("%q: %v", prefix, err)
		}
		again, err := s.Install(t.Context(), dir)
		if err != nil || again.Digest != info.Digest {
			t.Errorf("%q: installing again gives %+v, %v", prefix, again, err)
		}
	}
	s := openStore(t, t.TempDir())
	text := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(text, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{text, "/dev/null", filepath.Join(t.TempDir(), "none")} {
		if _, err := s.Install(t.Context(), from); err == nil {
			t.Errorf("%s was installed", from)
		}
	}
}

func TestADamagedBundleGivesWay(t *testing.T) {
	s := openStore(t, t.TempDir())
	first := run(t, s, "1.0.0")
	second := run(t, s, "2.0.0")
	damage := func(digest string) {
		if err := os.Truncate(filepath.Join(s.Path(digest), "golden.npz"), 1); err != nil {
			t.Fatal(err)
		}
	}
	damage(second)
	start(t, s, first, false)
	damage(first)
	start(t, s, "", false)
	third := install(t, s, "3.0.0")
	if _, err := s.Activate(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	damage(third)
	if c := start(t, s, "", false); !strings.Contains(c.Reason, "damaged") {
		t.Errorf("the reason is %q", c.Reason)
	}
	if again := install(t, s, "3.0.0"); again != third { // repairs it
		t.Errorf("installed %s", again)
	}
	if _, err := models.Open(s.Path(third)); err != nil {
		t.Error(err)
	}
}

func TestFindingABundle(t *testing.T) {
	s := openStore(t, t.TempDir())
	digest := run(t, s, "1.0.0")
	install(t, s, "1.1.0")
	for _, wanted := range []string{"tiny@1.0.0", digest, digest[:8]} {
		if info, err := s.find(wanted); err != nil || info.Digest != digest {
			t.Errorf("%s: %+v, %v", wanted, info, err)
		}
	}
	if _, err := s.find("tiny"); err == nil || !strings.Contains(err.Error(), "names 2 installed bundles") {
		t.Errorf("an ambiguous name: %v", err)
	}
	for _, wanted := range []string{"other", digest[:7], "tiny@9"} {
		if _, err := s.find(wanted); !errors.Is(err, ErrNotHere) {
			t.Errorf("%s: %v", wanted, err)
		}
	}
}

func TestOnlyOneProcessChangesTheStore(t *testing.T) {
	s := openStore(t, t.TempDir())
	unlock, err := s.lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Rollback(); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	unlock()
	if err := s.Fail("x"); err != nil {
		t.Error(err)
	}
}

func TestStatesThatCannotBeRead(t *testing.T) {
	large := strings.Repeat(" ", maxState+1)
	for _, text := range []string{"", "[]", `{"current":"../../etc"}`, `{"trial":{"digest":"x"}}`, large} {
		dir := t.TempDir()
		s := openStore(t, dir)
		if err := os.WriteFile(filepath.Join(dir, stateName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := s.Start(); err == nil {
			t.Errorf("%.20q gives %+v", text, c)
		}
	}
}

func TestVersions(t *testing.T) {
	order := []string{"0", "0.1", "0.2.0", "0.10", "1", "1.0.0.1", "2.0"}
	for i := range order[1:] {
		a, errA := parseVersion(order[i])
		b, errB := parseVersion(order[i+1])
		if errA != nil || errB != nil || a.compare(b) >= 0 || b.compare(a) <= 0 {
			t.Errorf("%s and %s: %v, %v", order[i], order[i+1], errA, errB)
		}
	}
	for _, bad := range []string{"", "v1", "1.", "1.2.3.4.5", "01", "-1", "1.0-beta", "4294967296"} {
		if _, err := parseVersion(bad); !errors.Is(err, ErrVersion) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzState(f *testing.F) {
	digest := strings.Repeat("a", 64)
	f.Add(`{"current":"` + digest + `","trial":{"digest":"` + digest + `","starts":1},"floors":{"a":"1"}}`)
	f.Add(`{"current":"..","rejected":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		st, err := parseState([]byte(text))
		if err != nil {
			return
		}
		for _, digest := range []string{st.Current, st.Previous, st.Newest} {
			if digest != "" && !digestPattern.MatchString(digest) {
				t.Errorf("%q came through", digest)
			}
		}
		st.Floors["a"], st.Rejected["a"] = "1", "why" // neither is nil
	})
}

func FuzzArchive(f *testing.F) {
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, models.ManifestName), []byte("{}"), 0o600); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(pack(f, dir, "tiny/"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:700])
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := index(bytes.NewReader(data))
		if err != nil {
			return
		}
		for name, m := range a.members {
			if m.at < 0 || m.size < 0 || name == "" {
				t.Errorf("%q lies at %d", name, m.at)
			}
		}
	})
}
