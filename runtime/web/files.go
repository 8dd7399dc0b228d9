package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
)

//go:embed look
var embedded embed.FS

// Files serves the files of a page, over those that all pages share. The digest of all of them is the ETag: a new
// program is a new page.
func Files(page fs.FS) (http.Handler, error) {
	look, err := fs.Sub(embedded, "look")
	if err != nil {
		return nil, err
	}
	digest := sha256.New()
	for _, files := range []fs.FS{look, page} {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := fs.ReadFile(files, name)
			digest.Write([]byte(name))
			digest.Write(data)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	tag := `"` + hex.EncodeToString(digest.Sum(nil)[:8]) + `"`
	server := http.FileServerFS(layered{page, look})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		server.ServeHTTP(w, r)
	}), nil
}

// layered looks for a file in one place and, if it is not there, in another.
type layered struct{ above, below fs.FS }

// Open opens the file of the first place that has it.
func (l layered) Open(name string) (fs.File, error) {
	f, err := l.above.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l.below.Open(name)
	}
	return f, err
}
