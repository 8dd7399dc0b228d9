package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/store"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
)

type modelKeygenCmd struct {
	File string `arg:"" help:"The private key; the public one goes to FILE.pub."`
}

// Run makes a pair of keys for signing bundles. It overwrites nothing.
func (c *modelKeygenCmd) Run(s streams) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	for _, file := range []struct {
		name string
		key  []byte
		mode fs.FileMode
	}{{c.File, private.Seed(), 0o600}, {c.File + ".pub", public, 0o644}} {
		f, err := os.OpenFile(file.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, file.mode)
		if err != nil {
			return fmt.Errorf("writing a key: %w", err)
		}
		_, err = f.WriteString(base64.StdEncoding.EncodeToString(file.key) + "\n")
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("writing a key: %w", err)
		}
	}
	s.say("%s signs bundles and must stay secret; robots trust %s.pub through update.keys\n", c.File, c.File)
	return nil
}

type modelSignCmd struct {
	Bundle string `arg:"" help:"Folder of the bundle."`
	Key    string `required:"" placeholder:"FILE" type:"existingfile" help:"Private ed25519 key: see vegad model keygen."`
}

// Run signs a bundle after every file was found to match the manifest.
func (c *modelSignCmd) Run(s streams) error {
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("reading the private key: %w", err)
	}
	key, err := models.ParsePrivateKey(text)
	if err != nil {
		return fmt.Errorf("reading private key %s: %w", c.Key, err)
	}
	bundle, err := models.Open(c.Bundle)
	if err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(c.Bundle, models.ManifestName))
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	path := filepath.Join(c.Bundle, models.SignatureName)
	if err := os.WriteFile(path, models.Sign(manifest, key), 0o644); err != nil { //nolint:gosec // everybody may read it
		return fmt.Errorf("writing the signature: %w", err)
	}
	if err := bundle.Verify([]ed25519.PublicKey{key.Public().(ed25519.PublicKey)}); err != nil {
		return err
	}
	s.say("%s %s is signed: %s\n", bundle.Manifest.Name, bundle.Manifest.Version, path)
	return nil
}

// modelStore is what the commands on installed bundles share.
type modelStore struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration with the trusted keys."`
	Store  string `placeholder:"DIR" help:"Folder of installed bundles; without it, the configured one."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

func (o modelStore) open(s streams) (config.Config, *store.Store, error) {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return cfg, nil, fmt.Errorf("reading the configuration:\n%w", err)
	}
	if o.Store != "" {
		cfg.Update.Dir = config.Path(o.Store)
	}
	if cfg.Update.Dir == "" && os.Getenv("STATE_DIRECTORY") == "" {
		cfg.Update.Dir = "/var/lib/vegad/models" // where the service has it
	}
	st, err := daemon.OpenStore(cfg, newLogger(cfg.Log, s.err))
	return cfg, st, err
}

func (o modelStore) print(s streams, list ...store.Info) error {
	if o.JSON {
		return s.json(list)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, i := range list {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%.16s\t%s\n", i.Role, i.Name, i.Version, i.Digest, i.Problem)
	}
	_ = table.Flush() // a reader that has gone away is no reason to stop
	return nil
}

type modelInstallCmd struct {
	modelStore
	From     string `arg:"" help:"Folder or uncompressed tar file with a signed bundle, as on a USB stick."`
	Activate bool   `help:"Activate it as well."`
}

// Run installs a bundle.
func (c *modelInstallCmd) Run(ctx context.Context, s streams) error {
	cfg, st, err := c.open(s)
	if err != nil {
		return err
	}
	info, err := st.Install(ctx, c.From)
	if err != nil {
		return err
	}
	if c.Activate {
		if info, err = activate(ctx, cfg, st, info.Digest); err != nil {
			return err
		}
	}
	return c.print(s, info)
}

type modelActivateCmd struct {
	modelStore
	Bundle string `arg:"" optional:"" help:"Name, NAME@VERSION or digest; without one, the bundle installed last."`
}

// Run switches to an installed bundle after its engines were built and its golden test has passed.
func (c *modelActivateCmd) Run(ctx context.Context, s streams) error {
	cfg, st, err := c.open(s)
	if err != nil {
		return err
	}
	info, err := activate(ctx, cfg, st, c.Bundle)
	if err != nil {
		return err
	}
	if err := c.print(s, info); err != nil {
		return err
	}
	s.note("it is tried from the next start on: systemctl restart vegad\n")
	return nil
}

func activate(ctx context.Context, cfg config.Config, st *store.Store, wanted string) (store.Info, error) {
	log := slog.New(slog.DiscardHandler)
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: log})
	if err != nil {
		return store.Info{}, err
	}
	info, err := st.Activate(ctx, wanted, daemon.ProveOn(rt, cfg, log))
	return info, errors.Join(err, rt.Close())
}

type modelRollbackCmd struct{ modelStore }

// Run goes back to the bundle that ran before.
func (c *modelRollbackCmd) Run(s streams) error {
	_, st, err := c.open(s)
	if err != nil {
		return err
	}
	if err := st.Rollback(); err != nil {
		return err
	}
	s.note("it takes effect at the next start: systemctl restart vegad\n")
	list, err := st.List()
	if err != nil {
		return err
	}
	return c.print(s, list...)
}

type modelListCmd struct{ modelStore }

// Run lists the installed bundles.
func (c *modelListCmd) Run(s streams) error {
	_, st, err := c.open(s)
	if err != nil {
		return err
	}
	list, err := st.List()
	if err != nil {
		return err
	}
	return c.print(s, list...)
}
