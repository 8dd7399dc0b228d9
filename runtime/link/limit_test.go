package link

import (
	"strings"
	"testing"
)

func TestTooLarge(t *testing.T) {
	c := &Client{cfg: Config{MaxPayload: 10}}
	if err := c.tooLarge(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	if err := c.tooLarge(make([]byte, 11)); err == nil || !strings.Contains(err.Error(), "11 bytes") {
		t.Errorf("eleven bytes: %v", err)
	}
	c.cfg.MaxPayload = 0
	if err := c.tooLarge(make([]byte, 1<<20)); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}
