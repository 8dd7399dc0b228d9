package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

// renew puts a new file, with all records that are whole, in place of the one that is there. The database trusts what
// its pages say of each other; only what this process has written itself deserves that.
func (d *disk) renew() (inventory, error) {
	_ = d.closeFile() // it may be damaged, and its end cannot make that worse
	old, err := d.openOld()
	if errors.Is(err, fs.ErrNotExist) {
		return d.replace(func(func(*Record) error) (uint64, error) { return 0, nil })
	}
	if err == nil {
		inv, err := d.replace(copyOf(old))
		if err = errors.Join(err, shut(old)); err == nil {
			return inv, nil
		}
		if !errors.Is(err, errCorrupt) {
			return d.makeDo(err)
		}
	} else if !errors.Is(err, errCorrupt) {
		return inventory{}, err
	}
	inv, err := d.replace(d.salvage)
	inv.damaged = 1
	return inv, err
}

// openOld opens the file that is there, to be read. Every error but those of the operating system means damage.
func (d *disk) openOld() (old *bolt.DB, err error) {
	info, err := os.Stat(d.path(fileName))
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 { // it was just made, when the disk was full
		return nil, fs.ErrNotExist
	}
	if !d.wholeHeads() {
		return nil, fmt.Errorf("%w: one of its two heads", errCorrupt)
	}
	err = guarded(func() error {
		old, err = bolt.Open(d.path(fileName), 0o600, &bolt.Options{
			ReadOnly: true, Timeout: 100 * time.Millisecond, NoStatistics: true,
		})
		return err
	})
	var denied *fs.PathError
	if err != nil && !errors.As(err, &denied) {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return old, err
}

// wholeHeads checks both heads of the file. The database is content with one, and then shows the state before the last
// transaction: what that wrote would be lost without a word.
func (d *disk) wholeHeads() bool {
	const (
		headAt, sumAt = 16, 72 // in a page: behind its own header, and before the checksum
		sizeAt        = 24     // of a page, in the first head
	)
	f, err := os.Open(d.path(fileName))
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written
	offset := int64(0)
	for range 2 {
		head := make([]byte, sumAt+8)
		if _, err := f.ReadAt(head, offset); err != nil {
			return false
		}
		sum := fnv.New64a()
		_, _ = sum.Write(head[headAt:sumAt])
		if sum.Sum64() != binary.NativeEndian.Uint64(head[sumAt:]) {
			return false
		}
		offset = int64(binary.NativeEndian.Uint32(head[sizeAt:]))
	}
	return true
}

// provider hands over records, each after those of its class that came before it, and returns the highest epoch.
type provider func(add func(*Record) error) (epoch uint64, err error)

// copyOf provides the records of a database.
func copyOf(db *bolt.DB) provider {
	return func(add func(*Record) error) (uint64, error) {
		inv, err := takeStock(db, add)
		return inv.epoch, err
	}
}

// replace writes a new file and opens it in place of the one that is there.
func (d *disk) replace(records provider) (inventory, error) {
	path := d.path(newName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return inventory{}, fmt.Errorf("removing what was left: %w", err)
	}
	fresh, err := bolt.Open(path, 0o600, fileOptions(true))
	if err != nil {
		return inventory{}, errors.Join(fmt.Errorf("making a file: %w", err), os.Remove(path))
	}
	inv, err := fill(fresh, records)
	if err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		err = d.install(fresh)
	}
	if err != nil {
		return inventory{}, errors.Join(fmt.Errorf("filling a new file: %w", err), shut(fresh), os.Remove(path))
	}
	return inv, nil
}

func fileOptions(noSync bool) *bolt.Options {
	return &bolt.Options{
		Timeout: time.Second, FreelistType: bolt.FreelistMapType, NoStatistics: true, NoSync: noSync,
	}
}

// install makes the new file the file.
func (d *disk) install(fresh *bolt.DB) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.Rename(d.path(newName), d.path(fileName)); err != nil {
		return err
	}
	fresh.NoSync, fresh.AllocSize = false, 1<<20
	old := d.db
	d.db = fresh
	if old != nil {
		_ = shut(old) // nobody needs it any more
	}
	return syncFolder(d.dir)
}

// syncFolder makes a renaming last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}

// fill writes records into an empty database, a megabyte in one transaction, and counts them.
func fill(db *bolt.DB, records provider) (inventory, error) {
	err := guarded(func() error { return db.Update(prepare) })
	if err != nil {
		return inventory{}, err
	}
	var batch []*Record
	size := int64(0)
	flush := func() error {
		puts := batch
		batch, size = nil, 0
		return guarded(func() error { return db.Update(func(tx *bolt.Tx) error { return putAll(tx, puts) }) })
	}
	epoch, err := records(func(r *Record) error {
		batch = append(batch, r)
		if size += r.size(); size < batchBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return inventory{}, err
	}
	inv, err := takeStock(db, nil)
	inv.epoch = max(inv.epoch, epoch)
	if err != nil {
		return inv, err
	}
	return inv, guarded(func() error {
		return db.Update(func(tx *bolt.Tx) error { return enterBooks(tx, &inv.tally) })
	})
}

// prepare makes what a new file lacks.
func prepare(tx *bolt.Tx) error {
	for c := range Class(Classes) {
		if _, err := tx.CreateBucketIfNotExists(bucketOf(c)); err != nil {
			return fmt.Errorf("making a bucket: %w", err)
		}
	}
	_, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	return err
}

func putAll(tx *bolt.Tx, records []*Record) error {
	for _, r := range records {
		if err := tx.Bucket(bucketOf(r.Class)).Put(keyOf(r.order), r.encode()); err != nil {
			return fmt.Errorf("writing a record: %w", err)
		}
	}
	return nil
}

// makeDo opens the file that is there, which is whole as far as it can be told, when there is no room for a new one.
func (d *disk) makeDo(cause error) (inventory, error) {
	var inv inventory
	err := guarded(func() (err error) {
		if d.db, err = bolt.Open(d.path(fileName), 0o600, fileOptions(false)); err != nil {
			return err
		}
		d.db.AllocSize = 1 << 20
		inv, err = takeStock(d.db, nil)
		return err
	})
	if err != nil {
		return inv, errors.Join(cause, err)
	}
	return inv, nil
}

// A file is compacted when it is larger than this, and less than a quarter of it is in use.
const (
	compactFrom  = 4 << 20
	compactShare = 4
)
