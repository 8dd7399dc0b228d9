package gocv

import (
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if err := Quiet(); err != nil {
		slog.Error("silencing FFmpeg", "err", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if left := openMats(); left != 0 {
			slog.Error("native pictures were not closed", "count", left)
			code = 1
		}
		os.Exit(code)
	}))
}
