package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// skew is how far the clocks of a robot and of those who command it may lie apart.
const skew = 5 * time.Minute

// birth lies before every moment at which this program can run: a wall clock that shows less was never set.
var birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// moments is what Clock keeps on disk.
type moments struct {
	Passed time.Time `json:"passed"` // signed by a trusted key: it has passed for certain
	Seen   time.Time `json:"seen"`   // last shown by a wall clock that was taken for set
}

// Clock tells the time even where the wall clock was not set since the machine started. It trusts the wall clock unless
// that lies before a moment that has passed for certain; then it counts on from the newest moment it knows of, and so
// runs behind true time, but never before what it has been told. All methods may be called from many goroutines.
type Clock struct {
	path string // empty keeps nothing
	wall func() time.Time

	mu    sync.Mutex
	known moments
	base  time.Time // what the time was at learned, while the wall clock is not set
	since time.Time // carries the monotonic clock
}

// OpenClock reads what the last run knew from a file in the folder; an empty folder keeps nothing. A file that cannot
// be read is an error that comes with a Clock that knows nothing.
func OpenClock(folder string, wall func() time.Time) (*Clock, error) {
	c := &Clock{wall: wall, base: birth, since: time.Now()}
	if folder == "" {
		return c, nil
	}
	c.path = filepath.Join(folder, "clock.json")
	data, err := readBounded(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &c.known)
	}
	if err != nil {
		c.known = moments{}
		return c, fmt.Errorf("reading the last known time: %w", err)
	}
	for _, moment := range []time.Time{c.known.Passed, c.known.Seen} {
		if moment.After(c.base) {
			c.base = moment
		}
	}
	return c, nil
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	now, _ := c.Tell()
	return now
}

// Tell returns the time, and whether it is that of the wall clock.
func (c *Clock) Tell() (now time.Time, set bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tell()
}

func (c *Clock) tell() (now time.Time, set bool) {
	wall := c.wall()
	if !wall.Before(birth) && !wall.Before(c.known.Passed.Add(-skew)) {
		return wall, true
	}
	return c.base.Add(time.Since(c.since)), false
}

// Passed tells that a moment has passed for certain, and keeps it.
func (c *Clock) Passed(moment time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !moment.After(c.known.Passed) {
		return nil
	}
	known := c.known
	known.Passed = moment
	if err := c.keep(known); err != nil {
		return err
	}
	if moment.After(c.base.Add(time.Since(c.since))) {
		c.base, c.since = moment, time.Now()
	}
	return nil
}

// Save keeps what the wall clock shows, for the next start; a wall clock that is not set is not worth keeping.
func (c *Clock) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, set := c.tell()
	if !set {
		return nil
	}
	known := c.known
	known.Seen = now
	return c.keep(known)
}

func (c *Clock) keep(known moments) error {
	data, err := json.Marshal(known)
	if err == nil && c.path != "" {
		err = replace(c.path, data)
	}
	if err != nil {
		return fmt.Errorf("keeping the time: %w", err)
	}
	c.known = known
	return nil
}

// maxStateBytes bounds the files of this package.
const maxStateBytes = 64 << 10

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStateBytes {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxStateBytes)
	}
	return os.ReadFile(path)
}

// replace writes a file so that after a crash the old or the new content is there, whole.
func replace(path string, content []byte) error {
	temporary := path + ".tmp"
	if err := writeSynced(temporary, content); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
