package daemon_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/growthtest"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// leastCPU is what can be told from nothing, in % of a core: the kernel counts in hundredths of a second.
const leastCPU = 1.0

// growthOfClients is what the real program pays for those who look on and ask, in processor time beyond what it needs
// alone.
func growthOfClients(t *testing.T, phase time.Duration) growthtest.Figure {
	t.Helper()
	p := runProgram(t, measureFilm(t))
	asker := p.connect(t)
	awaitAnswer(t, asker)
	g := join(t, p.url)
	alone := p.phase(t, g, phase).cpu
	f := growthtest.Figure{
		Name: "clients", Title: "Processor time beyond that of the program alone", XLabel: "viewers, questions",
		YLabel: "% of a core",
	}
	for _, name := range []string{"pages", "standing questions", "questions a second"} {
		f.Curves = append(f.Curves, growthtest.Curve{Name: name, Floor: leastCPU})
	}
	add := func(curve, size int, cpu float64) {
		c := &f.Curves[curve]
		c.Points = append(c.Points, growthtest.Point{Size: float64(size), Cost: cpu - alone})
	}
	for _, n := range []int{1, 2, 4, 8, 16} {
		pages := p.visit(t, n)
		add(0, n, p.phase(t, g, phase).cpu)
		pages.leave()
	}
	for _, n := range []int{1, 4, 16, 64} {
		g.stand(n)
		add(1, n, p.phase(t, g, phase).cpu)
	}
	for i := range 64 {
		g.send("watch", fmt.Sprintf(`{"requestId":"w%d","cancel":true,"client":"c%d"}`, i, i/16))
	}
	for _, n := range []int{1, 2, 5, 10, 20} {
		ctx, stop := context.WithCancel(t.Context())
		var tasks sync.WaitGroup
		tasks.Go(func() { askAt(ctx, t, asker, n) })
		add(2, n, p.phase(t, g, phase).cpu)
		stop()
		tasks.Wait()
	}
	p.stop()
	return f
}

// growthOfCameras is what the real program pays for more cameras of 640x480 at 15 pictures a second, each observed five
// times a second.
func growthOfCameras(t *testing.T, phase time.Duration) growthtest.Figure {
	t.Helper()
	film := measureFilm(t)
	cpu, memory := growthtest.Curve{Name: "processor time, % of a core"}, growthtest.Curve{Name: "resident memory, MiB"}
	for _, n := range []int{1, 2, 4, 8} {
		p := runOn(t, slices.Repeat([]string{film + "?loop=1"}, n)...)
		asker := p.connect(t)
		awaitAnswer(t, asker)
		g := join(t, p.url)
		pause(time.Second)
		before := g.status()
		spent := p.phase(t, g, phase).cpu
		after := g.status()
		for i, c := range after.Cameras {
			if lost := c.Skipped - before.Cameras[i].Skipped; lost > 0 {
				t.Logf("camera %d of %d skipped %d pictures: the machine is too small for so many", i+1, n, lost)
			}
		}
		cpu.Points = append(cpu.Points, growthtest.Point{Size: float64(n), Cost: spent})
		memory.Points = append(memory.Points, growthtest.Point{Size: float64(n), Cost: p.resident(t)})
		_ = asker.Close()
		g.client.Disconnect(100)
		p.stop()
	}
	return growthtest.Figure{
		Name: "cameras", Title: "The running program with several cameras", XLabel: "cameras", YLabel: "% of a core, MiB",
		Curves: []growthtest.Curve{cpu, memory},
	}
}

// stand leaves n standing questions with the program, sixteen a client.
func (g *guest) stand(n int) {
	g.t.Helper()
	for i := range n {
		g.send("watch", fmt.Sprintf(
			`{"requestId":"w%d","question":"how far is the nearest chair?","client":"c%d","leaseSeconds":3600}`, i, i/16))
	}
}

// askAt asks n questions a second until the context ends.
func askAt(ctx context.Context, t *testing.T, asker *link.Asker, n int) {
	t.Helper()
	ticker := time.NewTicker(time.Second / time.Duration(n))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_, err := asker.Ask(ctx, payload.Ask{Question: "how many chairs are there?"})
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
	}
}
