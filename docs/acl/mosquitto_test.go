package acl_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func findMosquitto(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("VEGAD_REQUIRE_MOSQUITTO") != "" {
		t.Fatal("mosquitto is not installed")
	}
	t.Skip("mosquitto is not installed: apt-get install mosquitto")
	return ""
}

func newMosquitto(t *testing.T) *hub {
	t.Helper()
	program := findMosquitto(t)
	h := &hub{robots: certificatetest.New(t, "robots"), operators: certificatetest.New(t, "operators")}
	h.equip(t)
	certificatetest.Put(t, filepath.Join(h.folder, "robots-ca.pem"), h.robots.PEM)
	certificatetest.Put(t, filepath.Join(h.folder, "operators-ca.pem"), h.operators.PEM)
	robots, operators := linktest.FreePort(t), linktest.FreePort(t)
	conf := filepath.Join(h.folder, "mosquitto.conf")
	adapt(t, "mosquitto.conf", conf, "/etc/mosquitto/certs/", h.folder+"/", "/etc/mosquitto/", h.folder+"/",
		"listener 8883", "listener "+robots+" 127.0.0.1", "listener 8884", "listener "+operators+" 127.0.0.1")
	adapt(t, "robots.acl", filepath.Join(h.folder, "robots.acl"),
		"# pattern write homeassistant/", "pattern write homeassistant/")
	adapt(t, "operators.acl", filepath.Join(h.folder, "operators.acl"),
		"pattern read vegad/v1/#\n", "pattern read vegad/v1/#\npattern read homeassistant/#\n")
	cmd := exec.Command(program, "-c", conf)
	if os.Getuid() == 0 { // started by root it becomes another user, who could not read the keys
		f, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("user root\n"); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if testing.Verbose() {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	h.robotsURL, h.operatorsURL = "mqtts://127.0.0.1:"+robots, "mqtts://127.0.0.1:"+operators
	eventually(t, "mosquitto listening", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+operators)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return h
}

func TestMosquitto(t *testing.T) {
	h := newMosquitto(t)
	for _, c := range []struct {
		name  string
		check func(*testing.T, *hub)
	}{
		{"conversation", conversation},
		{"trespasses", trespasses},
		{"overheard", overheard},
		{"strangers", strangers},
		{"oversize", oversize},
		{"retained", retained},
		{"clientID", stolenID},
		{"homeAssistant", announcement},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, h) })
	}
}

// announcement has a robot tell Home Assistant of itself, as docs/homeassistant.md says, and of another robot.
func announcement(t *testing.T, h *hub) {
	topic := func(robot string) string { return "homeassistant/device/vegad_acme/" + robot + "/config" }
	o := h.operator(t, "planner", "homeassistant/#")
	as := link.AskerConfig{Broker: h.robotsURL, TLS: h.config(t, h.robots, "0001")}
	for _, robot := range []string{"0002", "0001"} {
		err := link.Retain(t.Context(), as, topic(robot), []byte("told by 0001"))
		if err != nil && robot == "0001" {
			t.Fatal(err)
		}
	}
	if seen := o.until(t, topic("0001")); len(seen) != 1 {
		t.Errorf("%v", seen)
	}
}

// stolenID has a robot call itself what another one calls itself: the broker goes by the certificate, so that the
// other's session stays.
func stolenID(t *testing.T, h *hub) {
	e := h.robot(t, "0001", "0001")
	eventually(t, "connection", func() bool { return e.client.Stats().Connected })
	thief := h.config(t, h.robots, "0002")
	for _, id := range []string{"vegad-acme-0001", "0001"} {
		attempt(t, options(h.robotsURL, id, thief), root("0002")+"stats", "x")
	}
	o := h.operator(t, "planner", root("0001")+"answer/+")
	finish(t, o.Publish(root("0001")+"ask", 1, false, `{"requestId":"r1","question":"q"}`))
	o.until(t, root("0001")+"answer/r1")
	if n := e.client.Stats().Connections; n != 1 {
		t.Errorf("the robot connected %d times", n)
	}
}
