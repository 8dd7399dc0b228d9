package peers_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// size is how much of the comparison is made.
type size struct {
	target string
	turns  int
	film   int           // seconds
	asking time.Duration // of each contestant, each turn
	whole  bool          // also tries settings of the peers, and runs them on the files as vegad reads them
	judged []string      // the figures that so many turns can tell
}

func sizeOf(tb testing.TB) size {
	tb.Helper()
	turns, err := strconv.Atoi(os.Getenv("VEGAD_BENCH"))
	if err != nil || turns < 1 {
		tb.Skip("type make bench or make bench-short; they set VEGAD_BENCH to the number of turns")
	}
	if os.Getenv("VEGAD_BENCH_SHORT") != "" {
		return size{"bench-short", turns, 12, 1500 * time.Millisecond, false, []string{framesPerSecond, cpuPerFrame}}
	}
	return size{"bench", turns, 36, 4 * time.Second, true, shown()}
}

// TestBench is make bench. It fails where the contestants do not see the same, and where a ratio misses its bound by
// more than its spread. The short form judges throughput alone.
func TestBench(t *testing.T) {
	size := sizeOf(t)
	b := prepare(t, size)
	peers := b.peers()
	if !size.whole {
		peers = slices.DeleteFunc(peers, func(c *contestant) bool { return c.files != asShipped })
	}
	b.agree(t, peers)
	if size.whole {
		b.tune(peers)
	}
	all := append([]*contestant{{who: "vegad"}}, peers...)
	got := b.contest(all, size)
	out := benchtest.New(size.target)
	text := report{out, size.judged}.write(all, got)
	fmt.Print(text)
	out.Write(t, b.root, size.target+".md", text)
	out.Report(t, b.root)
}

func prepare(t *testing.T, size size) *bench {
	t.Helper()
	root := benchtest.Root(t)
	name := os.Getenv("VEGAD_BUNDLE")
	b := &bench{
		tb: t, root: root, folder: filepath.Join(root, "build", "bench"), rt: enginetest.Open(t),
		bundleDir: filepath.Join(root, "models", "bundles", name), broker: linktest.StartMosquitto(t, ""),
	}
	var err error
	b.bundle, err = models.Open(b.bundleDir)
	b.must(err)
	if v := b.bundle.Manifest.View; v.Width*height != v.Height*width {
		t.Fatalf("a film of %dx%d would have to be cut for the view of bundle %s, %dx%d", width, height, name, v.Width,
			v.Height)
	}
	b.film = b.filmFor(size.film)
	b.versions()
	return b
}

// versions prints what is compared.
func (b *bench) versions() {
	say := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if first == "" {
			b.must(err)
		}
		return first
	}
	peers := b.peers()
	fmt.Printf("%s\n", say(filepath.Join(b.root, "bin", "vegad"), "version"))
	m := b.bundle.Manifest
	fmt.Printf("bundle %s %s, int8; ONNX Runtime %s for vegad and C++\n", m.Name, m.Version, b.rt.Version())
	for _, c := range peers[:2] {
		fmt.Printf("%s: %s\n", c.who, say(c.run[0], append(c.run[1:], "--version")...))
	}
	fmt.Printf("%s\n\n", say("mosquitto", "-h"))
}

// agree makes sure that all see the same, before anything is measured.
func (b *bench) agree(t *testing.T, peers []*contestant) {
	t.Helper()
	want := b.vegadSees(t.Context())
	for _, c := range peers {
		a, err := compare(want, b.peerSees(c), b.bundle.Manifest.Decode.ScoreThreshold, agreed)
		if err != nil {
			t.Fatalf("%s does not see what vegad sees, so nothing is measured: %v", c, err)
		}
		fmt.Printf("%s: sees what vegad sees in %d pictures; %s\n", c, len(want), a)
	}
	fmt.Println()
}

// tune gives each peer the setting that gives it most frames a second, on the files as shipped.
func (b *bench) tune(peers []*contestant) {
	best := map[string]tuning{}
	cores := peers[0].tuning.threads
	for _, c := range peers[:2] {
		most := 0.0
		for _, t := range []tuning{{cores, 0}, {cores, 1}, {1, 0}} {
			tried := *c
			tried.tuning = t
			f := b.full(&tried)
			fmt.Printf("%s with %s: %.1f frames a second\n", c, t, f[framesPerSecond])
			if f[framesPerSecond] > most {
				most, best[c.who] = f[framesPerSecond], t
			}
		}
	}
	for _, c := range peers {
		c.tuning = best[c.who]
	}
	fmt.Println()
}

// contest has all run in turns. Each turn begins with another, so that none always follows the same.
func (b *bench) contest(all []*contestant, size size) map[string][]figures {
	got := map[string][]figures{}
	for turn := range size.turns {
		for i := range all {
			c := all[(i+turn)%len(all)]
			f := b.full(c)
			if c.files != asRead {
				maps.Copy(f, b.paced(c, size.asking))
			}
			got[c.String()] = append(got[c.String()], f)
			fmt.Printf("turn %d, %s: %.1f frames a second, %.1f ms of processor each, first answer after %.2f s\n",
				turn+1, c, f[framesPerSecond], f[cpuPerFrame], f[startToAnswer])
		}
	}
	return got
}
