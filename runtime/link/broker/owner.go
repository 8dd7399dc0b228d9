package broker

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// portOwner names the program that listens on a TCP port of this machine, as far as Linux tells this user. It is empty
// when it cannot be found out.
func portOwner(addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ""
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode := listeningInode(table, number); inode != "" {
			return inodeOwner(inode)
		}
	}
	return ""
}

// listeningInode finds the socket's inode in a table of /proc/net: the local address is field 1, the state field 3
// (0A listens) and the inode field 9.
func listeningInode(table string, port uint64) string {
	data, err := os.ReadFile(table)
	if err != nil {
		return ""
	}
	suffix := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 9 && fields[3] == "0A" && strings.HasSuffix(fields[1], suffix) {
			return fields[9]
		}
	}
	return ""
}

func inodeOwner(inode string) string {
	handles, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return ""
	}
	want := "socket:[" + inode + "]"
	for _, handle := range handles {
		if target, err := os.Readlink(handle); err != nil || target != want {
			continue
		}
		pid := strings.Split(handle, "/")[2]
		name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err != nil {
			return ""
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}
