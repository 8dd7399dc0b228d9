package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// find returns what matches a pattern, none when it cannot be read.
func (m machine) find(pattern string) []string {
	found, err := fs.Glob(m.root, pattern)
	if err != nil {
		return nil
	}
	return found
}

// smallMemory is what a machine should have without swap; building engines takes more than running them.
const smallMemory = 12 << 30

// swap tells whether engines can be built on a small board.
func (m machine) swap() []finding {
	total, size := m.meminfo("MemTotal"), m.meminfo("SwapTotal")
	switch {
	case size > 0:
		return []finding{ok("swap", fmt.Sprintf("%d of %d MiB free", m.meminfo("SwapFree")/mebibyte, size/mebibyte))}
	case m.jetson() && total > 0 && total < smallMemory:
		return []finding{warn("swap", fmt.Sprintf("none, with %d MiB of memory: building engines may fail", total/mebibyte),
			"sudo systemctl enable --now nvzramconfig, or make a swap file on an SSD")}
	}
	return []finding{ok("swap", "none")}
}

// builtAfter is a year that no right clock can show any more.
const builtAfter = 2025

// clock tells whether times in messages can be trusted, and with them certificates.
func (m machine) clock() finding {
	now := m.now()
	shown := now.UTC().Format("2006-01-02 15:04:05 UTC")
	if now.Year() < builtAfter {
		return broken("clock", shown+" cannot be: certificates are not valid yet",
			"sudo timedatectl set-time, and mount the battery of the clock, or reach a time server")
	}
	synced, err := m.synced()
	switch {
	case err != nil:
		return warn("clock", shown+"; the kernel does not tell whether it is right: "+err.Error(),
			"timedatectl status tells")
	case !synced:
		return warn("clock", shown+", not synchronised",
			"sudo timedatectl set-ntp true; without a network, times in messages are this clock's")
	}
	return ok("clock", shown+", synchronised")
}

// kernelSynced asks the kernel whether something disciplines its clock.
func kernelSynced() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, err
	}
	const unsynchronised = 5 // TIME_ERROR
	return state != unsynchronised && t.Status&unix.STA_UNSYNC == 0, nil
}

// engineFolder is where the service keeps what TensorRT has built, unless the configuration names another folder.
const engineFolder = "/var/cache/vegad/engines"

// engines looks at the cache of engines. They are native code: nobody else may put one there.
func (m machine) engines() []finding {
	folder := cmp.Or(m.engineDir, engineFolder)
	inside := cmp.Or(strings.TrimPrefix(path.Clean(folder), "/"), ".") // as an fs.FS names it
	info, err := fs.Stat(m.root, inside)
	if err != nil {
		if !m.jetson() {
			return nil // nothing here builds engines
		}
		return []finding{ok("engines", "none are kept in "+folder+" yet: the first start builds them")}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return []finding{broken("engines", fmt.Sprintf("others may use %s (%v): engines are native code", folder,
			info.Mode().Perm()), "sudo chmod 0700 "+folder)}
	}
	count, bytes := 0, int64(0)
	err = fs.WalkDir(m.root, inside, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".engine") {
			return err
		}
		file, err := entry.Info()
		if err != nil {
			return err
		}
		count++
		bytes += file.Size()
		return nil
	})
	if err != nil {
		return []finding{warn("engines", err.Error(), "look as the user of the service: sudo -u vegad vegad doctor")}
	}
	if err := m.access(folder); err != nil {
		return []finding{warn("engines", fmt.Sprintf("%s cannot be written: %v: engines are built at every start", folder,
			err), "sudo chown -R vegad: "+folder)}
	}
	return []finding{ok("engines", fmt.Sprintf("%d engines, %d MiB in %s", count, bytes/mebibyte, folder))}
}
