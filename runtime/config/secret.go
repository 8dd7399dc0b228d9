package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// The names under which the broker's password and certificates may come from outside of the configuration.
const (
	caCredential       = "broker-ca"
	certCredential     = "broker-cert"
	keyCredential      = "broker-key"
	passwordCredential = "broker-password"
	passwordVariable   = "VEGAD_BROKER_PASSWORD" //nolint:gosec // the name of a variable, no password
)

// Secret is a value that no log and no message shows. The zero value is no secret at all.
type Secret struct{ value string }

// Reveal returns the value itself, for the one place that needs it.
func (s Secret) Reveal() string { return s.value }

// String hides the value.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return "[hidden]"
}

// GoString hides the value from %#v as well.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// readSecrets fills in the broker's password from the first source that has one.
func (c *Config) readSecrets(known places) Problems {
	k := checker{places: known}
	c.readToken(&k)
	password, err := c.Broker.password()
	if err != nil {
		k.add("broker.passwordFile", err.Error())
		return k.found
	}
	c.Broker.Password = Secret{password}
	if password != "" && c.Broker.Username == "" {
		k.add("broker.username", "is missing: there is a password for the broker, but no user")
	}
	return k.found
}

func (b Broker) password() (string, error) {
	if b.PasswordFile != "" {
		return readPrivate(string(b.PasswordFile))
	}
	if folder := os.Getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		// systemd guards this folder itself, by an access list that shows up in the group's bits.
		data, err := readFile(filepath.Join(folder, passwordCredential))
		if err == nil {
			return oneLine(data)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("reading credential %s: %w", passwordCredential, err)
		}
	}
	return os.Getenv(passwordVariable), nil
}

// useCredentials takes certificates and key from systemd where the files do not name any, for encrypted links.
func (c *Config) useCredentials() {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" || !strings.HasPrefix(c.Broker.URL, "mqtts://") {
		return
	}
	credential := func(name string) Path {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err != nil {
			return ""
		}
		return Path(path)
	}
	if c.Broker.CAFile == "" {
		c.Broker.CAFile = credential(caCredential)
	}
	if c.Broker.CertFile == "" && c.Broker.KeyFile == "" {
		c.Broker.CertFile, c.Broker.KeyFile = credential(certCredential), credential(keyCredential)
	}
}

// ReadSecret reads a secret from a file that nobody but its owner may read.
func ReadSecret(path string) (Secret, error) {
	text, err := readPrivate(path)
	return Secret{text}, err
}

// readPrivate reads a secret from a file that nobody but its owner may read.
func readPrivate(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%s is open to others (mode %04o): chmod 600 it", path, mode)
	}
	data, err := readFile(path)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(string(data)) == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

func oneLine(data []byte) (string, error) {
	secret := strings.TrimRight(string(data), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("the credential %s is empty", passwordCredential)
	}
	return secret, nil
}
