package daemon_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// crowd is the viewers of the last phase, beside one who reads nothing.
const crowd = 10

// TestMeasurePage runs the real program on a film, for VEGAD_MEASURE_PAGE seconds a phase: without a page, with one,
// with the page closed again, and with ten viewers and one that has stalled. make measure-page runs it.
func TestMeasurePage(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("VEGAD_MEASURE_PAGE"))
	if err != nil || seconds < 10 {
		t.Skip("type make measure-page; it sets VEGAD_MEASURE_PAGE to the seconds of a phase, at least 10")
	}
	root := benchtest.Root(t)
	t.Chdir(root)
	out := benchtest.New("measure-page")
	p := runProgram(t, measureFilm(t))
	awaitAnswer(t, p.connect(t))
	g := join(t, p.url)
	phase := time.Duration(seconds) * time.Second

	before := p.phase(t, g, phase)
	one := p.visit(t, 1)
	with := p.phase(t, g, phase)
	pictures := one.leave()
	after := p.phase(t, g, phase)
	many := p.visit(t, crowd)
	stalled := p.dialPage(t)
	full := p.phase(t, g, phase)
	_ = stalled.Close()
	shown := many.leave()

	out.Add("frames a second, page never open", before.frames, "1/s")
	out.Add("pictures a second to one viewer", float64(pictures)/with.seconds, "1/s")
	out.AtMost("CPU of one viewer", with.cpu-before.cpu, "% of a core", 5)
	out.Add("CPU of a page that was closed", after.cpu-before.cpu, "% of a core")
	out.Add("pictures a second to each of ten viewers", float64(shown)/crowd/full.seconds, "1/s")
	out.Add("CPU of ten viewers and a stalled one", full.cpu-before.cpu, "% of a core")
	out.AtMost("frame rate, change by one viewer", change(before, with), "%", 2)
	out.AtMost("frame rate, change by ten and a stalled one", change(before, full), "%", 2)
	out.Report(t, root)
}

// spell is what was measured over a time.
type spell struct{ seconds, frames, cpu float64 } // s, frames a second, % of a core

func change(from, to spell) float64 { return 100 * math.Abs(to.frames-from.frames) / from.frames }

// phase waits for the length and reads the program's own statistics and the kernel's.
func (p *program) phase(t *testing.T, g *guest, length time.Duration) spell {
	t.Helper()
	pause(2 * time.Second) // what was opened or closed settles
	for len(g.got) > 0 {
		<-g.got
	}
	cpu, begun := p.cpu(t), time.Now()
	var frames, counted float64
	for end := time.After(length); ; {
		select {
		case m := <-g.got:
			var s payload.Stats
			if m.Topic() == topic("stats") && json.Unmarshal(m.Payload(), &s) == nil {
				frames, counted = frames+s.FrameHz*s.PeriodSeconds, counted+s.PeriodSeconds
			}
			continue
		case <-end:
		}
		spent := time.Since(begun).Seconds()
		return spell{seconds: spent, frames: frames / counted, cpu: 100 * (p.cpu(t) - cpu) / spent}
	}
}

// visitors are pages that are open, as far as the program can tell.
type visitors struct {
	conns []*websocket.Conn
	tasks sync.WaitGroup
	mu    sync.Mutex
	shown int
}

func (p *program) dialPage(t *testing.T) *websocket.Conn {
	t.Helper()
	conn, reply, err := websocket.DefaultDialer.Dial("ws://"+p.page+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = reply.Body.Close()
	return conn
}

// visit opens pages that look at pictures and the gate, and acknowledge each picture at once.
func (p *program) visit(t *testing.T, count int) *visitors {
	t.Helper()
	v := &visitors{}
	for range count {
		conn := p.dialPage(t)
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"stream":"gate"}`)); err != nil {
			t.Fatal(err)
		}
		v.conns = append(v.conns, conn)
		v.tasks.Go(func() { v.read(conn) })
	}
	return v
}

func (v *visitors) read(conn *websocket.Conn) {
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if len(data) < 3 || data[0] == '{' || string(data[2:18]) != `{"type":"picture` {
			continue
		}
		v.mu.Lock()
		v.shown++
		v.mu.Unlock()
		if conn.WriteMessage(websocket.TextMessage, []byte(`{"drawn":true}`)) != nil {
			return
		}
	}
}

// leave closes the pages and returns how many pictures they were shown.
func (v *visitors) leave() int {
	for _, conn := range v.conns {
		_ = conn.Close()
	}
	v.tasks.Wait()
	return v.shown
}
