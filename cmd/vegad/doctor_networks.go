package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/link"
)

// examineNetworks verifies the bundle, loads ONNX Runtime and lets the bundle run its golden test.
func examineNetworks(ctx context.Context, cfg config.Config, log *slog.Logger) (findings []finding) {
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

// brokerPatience is how long a broker may take to answer.
const brokerPatience = 5 * time.Second

const brokerDown = "is it up? vegad run keeps trying until it is"

// examineBroker tries to reach the broker, or to listen where the embedded one will.
func examineBroker(ctx context.Context, cfg config.Config) finding {
	b := cfg.Broker
	ctx, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	if b.URL == "embedded" {
		return examineEmbedded(ctx, "127.0.0.1:1883")
	}
	config := link.AskerConfig{Broker: b.URL, Username: b.Username, Password: b.Password.Reveal(), Prefix: b.Prefix}
	if strings.HasPrefix(b.URL, "mqtts://") {
		certificates, err := daemon.LinkCertificates(cfg, nil)
		if err != nil {
			return broken("broker", err.Error(), "mend the files that broker.caFile, certFile and keyFile name")
		}
		config.TLS = certificates.Client()
		if ending := certificates.Expiring(b.ExpiryWarning); len(ending) > 0 {
			return warn("broker", fmt.Sprintf("certificate %s of %s ends at %s", ending[0].Subject, ending[0].File,
				ending[0].Ends.UTC().Format(time.RFC3339)), "put a renewed one in its place; no restart is needed")
		}
	}
	asker, err := link.Dial(ctx, config)
	if err != nil {
		return warn("broker", err.Error(), brokerDown)
	}
	if err := asker.Close(); err != nil {
		return warn("broker", err.Error(), "the broker ended the connection at once: look into its log")
	}
	return ok("broker", b.URL+" lets us in")
}

func examineEmbedded(ctx context.Context, addr string) finding {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return warn("broker", fmt.Sprintf("the embedded broker cannot listen: %v", err),
			"if vegad or mosquitto runs already, that is why: vegad run --broker mqtt://"+addr+" shares it")
	}
	if err := l.Close(); err != nil {
		return warn("broker", err.Error(), "please report this")
	}
	return ok("broker", "the embedded broker can listen on "+addr)
}
