package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// line is one line of the export. Exactly one of the last three is there, except for a forget.
type line struct {
	Kind    string          `json:"kind"`
	Number  uint64          `json:"number"`
	MonoNs  int64           `json:"monoNs"`
	Message json.RawMessage `json:"message,omitempty"` // as docs/recordings.md describes it for the kind
	Picture *lineOfPicture  `json:"picture,omitempty"`
	Bytes   int             `json:"bytes,omitempty"` // of a checkpoint, which is for machines only
}

// lineOfPicture tells of a picture; its pixels are in the film.
type lineOfPicture struct {
	Seq      uint64    `json:"seq"`
	Wall     time.Time `json:"wall"`
	Width    int       `json:"widthPx"`
	Height   int       `json:"heightPx"`
	Lossless bool      `json:"lossless"`
	Bytes    int       `json:"bytes"`
}

// WriteLines writes one JSON object a line for each record of a recording.
func WriteLines(w io.Writer, r *Reader) error {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := encoder.Encode(lineOf(rec)); err != nil {
			return fmt.Errorf("writing record %d as JSON: %w", rec.Number, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing JSON lines: %w", err)
	}
	return nil
}

func lineOf(rec Record) line {
	l := line{Kind: rec.Kind.String(), Number: rec.Number, MonoNs: int64(rec.Mono)}
	switch {
	case rec.Kind == PictureKind:
		if p, err := describe(rec); err == nil {
			l.Picture = &lineOfPicture{
				Seq: p.Seq, Wall: p.Wall, Width: p.Width, Height: p.Height, Lossless: p.Lossless, Bytes: len(rec.Data),
			}
		}
	case json.Valid(rec.Data):
		l.Message = rec.Data
	default:
		l.Bytes = len(rec.Data)
	}
	return l
}
