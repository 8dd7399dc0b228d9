package scene

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"
)

// The file is a header of 24 bytes and a payload: magic, version, CRC-32C of the payload, its length; all numbers are
// little-endian words.
const (
	fileMagic   = "vegascn\n"
	fileVersion = 1
	fileHeader  = 24
	fileLimit   = 16 << 20 // bytes of payload; a full memory takes less than one
)

// Where a restored robot is taken to stand, if no odometry says so: where it stood, with these standard deviations.
const (
	restoreMove   = 0.5 // m
	restoreTurn   = 0.3 // rad
	restoreOdds   = 1.5 // ln, no restored thing is more certain than this until it is seen
	restoreSpan   = 30 * time.Second
	longestAbsent = 10 * 365 * 24 * time.Hour
)

// Save writes what is remembered: the things with a label, the room, the pose and the epoch. Free space is not saved:
// what was free yesterday may not be. The caller's writer is not closed or flushed.
func (m *Memory) Save(w io.Writer) error {
	if _, err := w.Write(m.encode()); err != nil {
		return fmt.Errorf("saving the scene memory: %w", err)
	}
	return nil
}

func (m *Memory) encode() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := saved{
		labels: m.cfg.Labels, colors: m.cfg.Colors, source: m.cfg.Source, epoch: m.epoch, at: m.last.at,
		pose: m.pose, poseCov: m.poseCov, odometry: m.anchored && m.source == PoseOdometry,
		numbers: m.numbers, embedding: m.embedding, scale: m.scale, room: m.room,
	}
	if m.pending != nil { // restored and not used yet
		s.at, s.odometry = m.pending.at, m.pending.odometry
	}
	for _, t := range m.tracks {
		if t.confirmed {
			s.things = append(s.things, t)
		}
	}
	c := coder{buf: make([]byte, fileHeader, 1<<16)}
	s.visit(&c)
	payload := c.buf[fileHeader:]
	copy(c.buf, fileMagic)
	binary.LittleEndian.PutUint32(c.buf[8:], fileVersion)
	binary.LittleEndian.PutUint32(c.buf[12:], crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	binary.LittleEndian.PutUint64(c.buf[16:], uint64(len(payload)))
	return c.buf
}

// Restore takes over what Save has written, before the first observation. A file that is damaged, of another version,
// of other labels or colours or another Source is refused with an error that wraps ErrRejected, and memory stays as it
// was. See docs/scene.md for what happens at the first observation.
func (m *Memory) Restore(r io.Reader) error {
	payload, err := readPayload(r)
	if err != nil {
		return fmt.Errorf("restoring the scene memory: %w", err)
	}
	c := coder{buf: payload, reading: true}
	var s saved
	s.visit(&c)
	if c.short || len(c.buf) != 0 {
		return fmt.Errorf("restoring the scene memory: its fields do not fill it: %w", ErrRejected)
	}
	if err := s.check(&m.cfg); err != nil {
		return fmt.Errorf("restoring the scene memory: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.changed()
	if m.observed || len(m.tracks) > 0 {
		return fmt.Errorf("restoring the scene memory: it holds something already: %w", ErrRejected)
	}
	m.takeOver(&s)
	return nil
}

// readPayload reads the header and no more bytes than it announces.
func readPayload(r io.Reader) ([]byte, error) {
	var head [fileHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading the header: %w: %w", err, ErrRejected)
	}
	n := binary.LittleEndian.Uint64(head[16:])
	switch version := binary.LittleEndian.Uint32(head[8:]); {
	case string(head[:8]) != fileMagic:
		return nil, fmt.Errorf("it is no scene memory: %w", ErrRejected)
	case version != fileVersion:
		return nil, fmt.Errorf("it has version %d, this is %d: %w", version, fileVersion, ErrRejected)
	case n > fileLimit:
		return nil, fmt.Errorf("it announces %d bytes, %d are allowed: %w", n, fileLimit, ErrRejected)
	}
	var payload bytes.Buffer // grows as bytes come, not as they are announced
	if _, err := io.Copy(&payload, io.LimitReader(r, int64(n)+1)); err != nil {
		return nil, fmt.Errorf("reading the fields: %w: %w", err, ErrRejected)
	}
	if uint64(payload.Len()) != n {
		return nil, fmt.Errorf("it announces %d bytes and does not have just these: %w", n, ErrRejected)
	}
	sum := crc32.Checksum(payload.Bytes(), crc32.MakeTable(crc32.Castagnoli))
	if want := binary.LittleEndian.Uint32(head[12:]); sum != want {
		return nil, fmt.Errorf("its checksum is %08x, announced is %08x: %w", sum, want, ErrRejected)
	}
	return payload.Bytes(), nil
}

// arrival is what is left to decide about a restored memory at its first observation.
type arrival struct {
	at       stamp
	odometry bool
}

// takeOver fills an empty memory.
func (m *Memory) takeOver(s *saved) {
	m.epoch, m.pose, m.poseCov = s.epoch, s.pose, s.poseCov
	m.numbers, m.embedding, m.scale, m.room = s.numbers, s.embedding, s.scale, s.room
	for _, t := range s.things {
		m.serials++
		t.serial, t.before = m.serials, t.cov
		t.firstMono, t.lastMono = t.first.mono, t.last.mono
		t.post = make([]float64, len(t.labels))
		t.normalise()
	}
	m.tracks = append(m.tracks, s.things...)
	m.evict()
	m.pending = &arrival{at: s.at, odometry: s.odometry}
}

// resume decides, at the first observation after Restore, where the robot is in the restored map. It stays the same
// map if the odometry goes on where it was. Otherwise a new epoch begins: the robot is taken to stand about where it
// stood, nothing is certain before it is seen again, and the things in view say where it stands really.
func (m *Memory) resume(now stamp) {
	if m.pending == nil {
		return
	}
	p := *m.pending
	m.pending = nil
	away := time.Duration(0)
	if !p.at.wall.IsZero() && !now.wall.IsZero() {
		away = min(max(now.wall.Sub(p.at.wall), 0), longestAbsent)
	}
	m.shiftClock(now.mono - p.at.mono - away)
	odo, known := m.odometryAt(now.mono)
	m.odometry = Odometry{Pose: m.pose, Cov: m.poseCov, Mono: odo.Mono - min(away, restoreSpan)}
	if p.odometry && known && m.cfg.follows(&m.odometry, &odo) {
		m.anchored, m.source = true, PoseOdometry
		return
	}
	m.arriving = true
	m.unsettled = unsettledBy(restoreMove, restoreTurn)
	for _, t := range m.tracks {
		t.logOdds = min(t.logOdds, restoreOdds)
	}
}

// shiftClock writes the instants of an earlier run on the clock of this one.
func (m *Memory) shiftClock(by time.Duration) {
	for _, t := range m.tracks {
		t.first.mono += by
		t.last.mono += by
		t.firstMono, t.lastMono = t.first.mono, t.last.mono
		if t.moved != (stamp{}) {
			t.moved.mono += by
		}
	}
}

// settle ends the arrival of a restored memory in a new epoch, after the landmarks had their say.
func (m *Memory) settle(mono time.Duration) {
	if !m.arriving {
		return
	}
	m.arriving, m.unsettled = false, Cov{}
	epoch := m.epoch + 1
	if odo, known := m.odometryAt(mono); known {
		m.anchor(odo.Pose, m.pose)
		m.place()
		m.pose, m.poseCov, m.odometry, m.source = odo.Pose, odo.Cov, odo, PoseOdometry
	}
	m.epoch = epoch
}

// SaveFile saves to a file, atomically: a crash leaves the old content or the new one. One goroutine at a time may
// save to one path.
func (m *Memory) SaveFile(path string) error {
	if err := replace(path, m.encode()); err != nil {
		return fmt.Errorf("saving the scene memory to %s: %w", path, err)
	}
	return nil
}

func replace(path string, content []byte) error {
	temporary := path + ".tmp"
	if err := writeSynced(temporary, content); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// RestoreFile restores from a file that SaveFile wrote. A file that is not there gives an error that wraps
// fs.ErrNotExist.
func (m *Memory) RestoreFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("restoring the scene memory: %w", err)
	}
	return errors.Join(m.Restore(f), f.Close())
}
