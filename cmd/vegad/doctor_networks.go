package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
)

// examineNetworks verifies the bundle, loads ONNX Runtime and lets the bundle run its golden test.
func (m machine) examineNetworks(ctx context.Context, cfg config.Config, log *slog.Logger) (findings []finding) {
	bundle, err := openBundle(cfg)
	switch {
	case errors.Is(err, models.ErrNotFound):
		findings = append(findings, broken("bundle", err.Error(), "train one with make train-nano, or name another one"))
	case err != nil:
		findings = append(findings, broken("bundle", err.Error(), "copy the bundle again: it is damaged"))
	default:
		findings = append(findings, ok("bundle", fmt.Sprintf("%s %s, digest %.16s…, %s, in %s", bundle.Manifest.Name,
			bundle.Manifest.Version, bundle.Digest(), join(bundle.Precisions()), bundle.Dir)))
	}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: log})
	if err != nil {
		return append(findings, broken("onnxruntime", err.Error(), "make setup fetches it"))
	}
	findings = append(findings, ok("onnxruntime", fmt.Sprintf("%s from %s", rt.Version(), rt.Path())))
	findings = append(findings, m.runtimeLibraries(rt.Path())...)
	if bundle != nil {
		findings = append(findings, examineEngine(ctx, rt, bundle, cfg))
	}
	if err := rt.Close(); err != nil {
		findings = append(findings, warn("onnxruntime", err.Error(), "please report this"))
	}
	return findings
}

// examineEngine loads the bundle as the daemon would.
func examineEngine(ctx context.Context, rt *engine.Runtime, bundle *models.Bundle, cfg config.Config) finding {
	cache, err := daemon.OpenCache(cfg, rt)
	if err != nil {
		return broken("engine", err.Error(), "give the folder of engines to the user that vegad runs as")
	}
	o := daemon.EngineOptions(cfg, cache, slog.New(slog.DiscardHandler))
	o.Later = true // engines that are missing are named, not built
	e, err := engine.Open(ctx, rt, bundle, o)
	if err != nil {
		return broken("engine", err.Error(), "try --provider cpu --precision fp32")
	}
	r := e.Report()
	detail := fmt.Sprintf("%s %s, golden test passed, loaded in %d ms with %d threads", r.Provider, r.Precision,
		r.LoadTime.Milliseconds(), r.Threads)
	var tried strings.Builder
	for _, share := range r.Ran {
		fmt.Fprintf(&tried, "\n%d nodes ran on %s", share.Nodes, share.Provider)
	}
	if r.Slow != "" {
		fmt.Fprintf(&tried, "\nslower than at the first start: %s", r.Slow)
	}
	for _, a := range r.Attempts {
		fmt.Fprintf(&tried, "\n%s", a)
	}
	if err := e.Close(); err != nil {
		return warn("engine", err.Error(), "please report this")
	}
	if r.Degraded {
		return warn("engine", detail+"; degraded: "+r.Reason+tried.String(), "repair what is named above, or ask for "+
			string(r.Provider)+" by name")
	}
	return ok("engine", detail+tried.String())
}
