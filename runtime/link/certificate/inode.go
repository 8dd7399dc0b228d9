package certificate

import (
	"io/fs"
	"syscall"
)

// inode returns a file's number: a file that replaced another within one tick of the clock has another one.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
