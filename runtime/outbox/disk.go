package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

const (
	fileName = "outbox.db"
	newName  = "outbox.db.new" // a file that is being written to take the other's place
	lockName = "outbox.lock"
)

// ErrLocked says that another process uses the folder.
var ErrLocked = errors.New("another process uses this outbox")

// What is wrong with a file.
var (
	errCorrupt  = errors.New("the outbox file is damaged")
	errDisorder = fmt.Errorf("%w: its records are not in order", errCorrupt)
	errClosed   = errors.New("the outbox is closed")
)

const (
	metaBucket = "meta"
	epochKey   = "epoch" // of the last boot that wrote
	booksKey   = "books" // how many records each class has
)

func bucketOf(c Class) []byte { return []byte{'c', byte('0' + c)} }

// disk is the file. One goroutine changes it and another reads it.
type disk struct {
	dir  string
	lock *os.File

	mu sync.RWMutex // held for writing while one file takes the place of another
	db *bolt.DB
}

// inventory is what a file held when it was opened.
type inventory struct {
	epoch   uint64            // the highest
	boots   map[string]uint64 // the epoch of every bootId
	last    [Classes]uint64   // the highest order
	tally   [Classes]tally
	oldest  *Record // by order, of all classes
	damaged uint64
}

type tally struct {
	records int
	bytes   int64
}

// guarded turns what a damaged file does to the database, a panic or a fault of the mapped memory, into an error.
func guarded(work func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errCorrupt, p)
		}
	}()
	return work()
}

// openDisk takes the folder for this process and writes what is whole of its file into a new one.
func openDisk(dir string) (*disk, inventory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, inventory{}, fmt.Errorf("making the folder of the outbox: %w", err)
	}
	d := &disk{dir: dir}
	inv, err := d.takeLock()
	if err == nil {
		inv, err = d.renew()
	}
	if err != nil {
		return nil, inventory{}, errors.Join(fmt.Errorf("opening the outbox %s: %w", dir, err), d.close())
	}
	return d, inv, nil
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *disk) takeLock() (inventory, error) {
	f, err := os.OpenFile(d.path(lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return inventory{}, err
	}
	d.lock = f
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return inventory{}, ErrLocked
	}
	return inventory{}, err
}

// enterBooks writes how many records there are, so that a damaged structure cannot hide any.
func enterBooks(tx *bolt.Tx, tallies *[Classes]tally) error {
	if err := tx.Bucket([]byte(metaBucket)).Put([]byte(booksKey), entry(tallies)); err != nil {
		return fmt.Errorf("entering the books: %w", err)
	}
	return nil
}

func entry(tallies *[Classes]tally) []byte {
	var counts []byte
	for _, t := range tallies {
		counts = binary.BigEndian.AppendUint64(counts, uint64(t.records))
	}
	return counts
}

// takeStock reads every record, and hands it to each, which may be nil. A record that is damaged, missing, twice there
// or out of order means that the file is damaged.
func takeStock(db *bolt.DB, each func(*Record) error) (inventory, error) {
	inv := inventory{boots: make(map[string]uint64)}
	err := guarded(func() error {
		return db.View(func(tx *bolt.Tx) error {
			meta := tx.Bucket([]byte(metaBucket))
			if v := meta.Get([]byte(epochKey)); len(v) == 8 {
				inv.epoch = binary.BigEndian.Uint64(v)
			}
			for c := range Class(Classes) {
				if err := inv.count(tx.Bucket(bucketOf(c)), c, each); err != nil {
					return err
				}
			}
			if books := meta.Get([]byte(booksKey)); books != nil && !bytes.Equal(books, entry(&inv.tally)) {
				return fmt.Errorf("%w: it does not show all its records", errCorrupt)
			}
			return nil
		})
	})
	return inv, err
}

func (inv *inventory) count(b *bolt.Bucket, class Class, each func(*Record) error) error {
	cursor := b.Cursor()
	for k, v := cursor.First(); k != nil; k, v = cursor.Next() {
		r, err := readRecord(k, v, class)
		if err != nil {
			return err
		}
		if r.order <= inv.last[class] {
			return errDisorder
		}
		epoch := r.order >> seqBits
		inv.epoch, inv.boots[r.BootID] = max(inv.epoch, epoch), epoch
		inv.last[class] = r.order
		inv.tally[class].records++
		inv.tally[class].bytes += r.size()
		if inv.oldest == nil || r.order < inv.oldest.order {
			inv.oldest = &r
		}
		if each == nil {
			continue
		}
		if err := each(&r); err != nil {
			return err
		}
	}
	return nil
}

// readRecord reads a record and holds it against the place where it was found.
func readRecord(k, v []byte, class Class) (Record, error) {
	r, n, err := decode(v)
	if err != nil || n != len(v) || r.Class != class || len(k) != 8 || binary.BigEndian.Uint64(k) != r.order {
		return r, fmt.Errorf("%w: a record is not what was written", errCorrupt)
	}
	return r, nil
}

// read returns up to limit records of a class with orders above after.
func (d *disk) read(class Class, after uint64, limit int) (records []Record, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.db == nil {
		return nil, errClosed
	}
	err = guarded(func() error {
		return d.db.View(func(tx *bolt.Tx) error {
			cursor := tx.Bucket(bucketOf(class)).Cursor()
			size := int64(0)
			for k, v := cursor.Seek(keyOf(after + 1)); k != nil && len(records) < limit; k, v = cursor.Next() {
				r, err := readRecord(k, v, class)
				if err != nil {
					return err
				}
				if r.order <= after {
					return errDisorder
				}
				after = r.order
				records = append(records, r)
				if size += r.size(); size > readBytes {
					break
				}
			}
			return nil
		})
	})
	return records, err
}

// readBytes bounds what is read ahead for a class.
const readBytes = 256 << 10

// size is that of the file, 0 when it cannot be told.
func (d *disk) size() int64 {
	info, err := os.Stat(d.path(fileName))
	if err != nil {
		return 0
	}
	return info.Size()
}

// close gives file and folder back.
func (d *disk) close() error {
	err := d.closeFile()
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
		d.lock = nil
	}
	return err
}

func (d *disk) closeFile() error {
	d.mu.Lock()
	db := d.db
	d.db = nil
	d.mu.Unlock()
	if db == nil {
		return nil
	}
	return shut(db)
}

// shut closes a database. One that a panic left locked would never close: it is given up then.
func shut(db *bolt.DB) error {
	closed := make(chan error, 1)
	go func() { closed <- guarded(db.Close) }()
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return errors.New("closing the outbox: the database does not end")
	}
}
