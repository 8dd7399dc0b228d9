package store

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// version is one to four numbers with dots between them.
type version [4]uint32

// parseVersion refuses everything whose order is not plain, such as "1.0-beta".
func parseVersion(text string) (version, error) {
	var v version
	parts := strings.Split(text, ".")
	if len(parts) > len(v) {
		return v, fmt.Errorf("%w: %.40q", ErrVersion, text)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || part != strconv.FormatUint(n, 10) {
			return v, fmt.Errorf("%w: %.40q", ErrVersion, text)
		}
		v[i] = uint32(n)
	}
	return v, nil
}

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v[0], w[0]), cmp.Compare(v[1], w[1]), cmp.Compare(v[2], w[2]), cmp.Compare(v[3], w[3]))
}

// above holds a version against the highest that was confirmed under its name.
func (st state) above(name, text string) error {
	v, err := parseVersion(text)
	if err != nil {
		return err
	}
	floor, ok := st.Floors[name]
	if !ok {
		return nil
	}
	f, err := parseVersion(floor)
	if err != nil {
		return fmt.Errorf("the store's own floor: %w", err)
	}
	if v.compare(f) < 0 {
		return fmt.Errorf("%w: %s %s, and %s ran here", ErrOlder, name, text, floor)
	}
	return nil
}

// raise notes that a version was confirmed.
func (st *state) raise(name, text string) error {
	if err := st.above(name, text); err != nil {
		return nil //nolint:nilerr // going back to an older bundle lowers no floor
	}
	if st.Floors[name] == text {
		return nil
	}
	if _, err := parseVersion(text); err != nil {
		return err
	}
	st.Floors[name] = text
	return nil
}
