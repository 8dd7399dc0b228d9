package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
)

// modelCmd is vegad model.
type modelCmd struct {
	Show   modelShowCmd   `cmd:"" help:"Print what a bundle or a network is, layer by layer, and what it costs."`
	Verify modelVerifyCmd `cmd:"" help:"Check every file of a bundle against its digest, and its signature."`
	Budget modelBudgetCmd `cmd:"" help:"Estimate how long a bundle takes on each Jetson module."`

	Keygen   modelKeygenCmd   `cmd:"" help:"Make a pair of keys for signing bundles."`
	Sign     modelSignCmd     `cmd:"" help:"Sign a bundle."`
	Install  modelInstallCmd  `cmd:"" help:"Install a signed bundle from a folder or a tar file."`
	Activate modelActivateCmd `cmd:"" help:"Try an installed bundle from the next start on."`
	Rollback modelRollbackCmd `cmd:"" help:"Go back to the bundle that ran before."`
	List     modelListCmd     `cmd:"" help:"List the installed bundles."`
}

type modelVerifyCmd struct {
	Bundle string   `arg:"" optional:"" help:"Name or folder; without one, the default."`
	Key    []string `placeholder:"FILE" type:"existingfile" help:"Trusted ed25519 key in base64: requires a signature."`
	JSON   bool     `name:"json" help:"Print JSON."`
}

// bundleSummary is what people and machines want to know of a bundle.
type bundleSummary struct {
	Name       string             `json:"name"`
	Version    string             `json:"version"`
	Dir        string             `json:"dir"`
	Digest     string             `json:"digest"` // of the manifest
	Licence    string             `json:"licence"`
	Precisions []models.Precision `json:"precisions"`
	View       models.View        `json:"view"`
	ClipFrames int                `json:"clipFrames"`
	Labels     []string           `json:"labels"`
	Colors     []string           `json:"colors"`
	Training   models.Training    `json:"training"`
	Signature  string             `json:"signature,omitempty"`
}

func summarize(b *models.Bundle) *bundleSummary {
	m := b.Manifest
	return &bundleSummary{
		Name: m.Name, Version: m.Version, Dir: b.Dir, Digest: b.Digest(), Licence: m.Licence,
		Precisions: b.Precisions(), View: m.View, ClipFrames: m.Clip.Length, Labels: m.Labels, Colors: m.Colors,
		Training: m.Training,
	}
}

// named opens a bundle by name or folder; an empty name is the default bundle.
func named(name string) (*models.Bundle, error) {
	cfg := config.Default()
	if name != "" {
		cfg.Bundle = name
	}
	dir, err := daemon.FindBundle(cfg)
	if err != nil {
		return nil, err
	}
	return models.Open(dir)
}

func join[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = string(word)
	}
	return strings.Join(out, ", ")
}

// Run verifies a bundle. A bundle without a signature passes unless a key was given.
func (c *modelVerifyCmd) Run(s streams) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	bundle, err := named(c.Bundle)
	if err != nil {
		return err
	}
	sum := summarize(bundle)
	sum.Signature = "not checked: no key was given"
	err = bundle.Verify(keys)
	switch {
	case err == nil:
		sum.Signature = "valid"
	case errors.Is(err, models.ErrUnsigned) && len(keys) == 0:
		sum.Signature = "none"
	case len(keys) > 0:
		return fmt.Errorf("verifying bundle %s: %w", bundle.Dir, err)
	}
	if c.JSON {
		return s.json(sum)
	}
	s.say("%s %s: every file matches its digest; signature: %s\n%s\n", sum.Name, sum.Version, sum.Signature, sum.Digest)
	return nil
}

func readKeys(files []string) ([]ed25519.PublicKey, error) {
	var keys []ed25519.PublicKey
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a public key: %w", err)
		}
		key, err := models.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("reading public key %s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
