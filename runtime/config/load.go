package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Load reads the file, lays the files conf.d/*.yaml beside it over it in lexical order, reads the secrets and checks
// everything. A list of a later file replaces the earlier one; maps are merged key by key. An empty path means no
// file: the defaults and the secrets. What is wrong with the content is returned as Problems, all at once.
func Load(path string) (Config, error) {
	c := Default()
	known := places{}
	var problems Problems
	files, err := layers(path)
	if err != nil {
		return Config{}, err
	}
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return Config{}, fmt.Errorf("reading configuration: %w", err)
		}
		d := decoder{file: file, places: known}
		d.decode(data, &c)
		problems = append(problems, d.problems...)
	}
	c.useCredentials()
	problems = append(problems, c.problems(known)...)
	problems = append(problems, c.readSecrets(known)...)
	problems = append(problems, c.checkFiles(known)...)
	if err := problems.orNil(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Parse reads one file's text over the defaults, without overlays, secrets, or a look at other files. The name stands
// in messages, and relative paths are relative to its folder.
func Parse(name string, data []byte) (Config, error) {
	c := Default()
	d := decoder{file: name, places: places{}}
	d.decode(data, &c)
	problems := slices.Concat(d.problems, c.problems(d.places))
	if err := problems.orNil(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// layers lists the main file and its overlays.
func layers(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	folder := filepath.Join(filepath.Dir(path), "conf.d")
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing configuration overlays: %w", err)
	}
	files := []string{path}
	for _, entry := range entries { // ReadDir sorts by name
		if !entry.IsDir() && filepath.Ext(entry.Name()) == ".yaml" {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	return files, nil
}

// readFile reads no more than a file that is too large by one byte, which the decoder then refuses.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// checkFiles opens what the configuration refers to, so that a wrong path is reported now and not at the first use.
func (c *Config) checkFiles(known places) Problems {
	k := checker{places: known}
	for i, each := range c.Cameras {
		if each.Calibration == nil || each.Calibration.File == "" {
			continue
		}
		if _, err := each.Calibration.load(); err != nil {
			k.add(fmt.Sprintf("cameras[%d].calibration.file", i), err.Error())
		}
	}
	for key, path := range map[string]Path{
		"broker.caFile": c.Broker.CAFile, "broker.certFile": c.Broker.CertFile, "embedded.certFile": c.Embedded.CertFile,
		"embedded.clientCAFile": c.Embedded.ClientCAFile, "commands.keysFile": c.Commands.KeysFile,
	} {
		k.readable(key, path, readFile)
	}
	for key, path := range map[string]Path{"broker.keyFile": c.Broker.KeyFile, "embedded.keyFile": c.Embedded.KeyFile} {
		k.readable(key, path, readSecret)
	}
	return k.found
}

// readable reports a file that is named and cannot be read.
func (k *checker) readable(key string, path Path, read func(string) ([]byte, error)) {
	if path == "" {
		return
	}
	if _, err := read(string(path)); err != nil {
		k.add(key, err.Error())
	}
}

// readSecret reads a file that nobody but its owner may read, or one of the folder that systemd guards itself.
func readSecret(path string) ([]byte, error) {
	if credentials := os.Getenv("CREDENTIALS_DIRECTORY"); credentials != "" && filepath.Dir(path) == credentials {
		return readFile(path)
	}
	text, err := readPrivate(path)
	return []byte(text), err
}
