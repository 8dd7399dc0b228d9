package scene

import (
	"encoding/binary"
	"math"
	"time"
)

// coder writes values to a buffer or reads them back: one function that visits all fields describes the format for
// both ways, so that they cannot differ.
type coder struct {
	buf     []byte
	reading bool
	short   bool // more was read than there is, or a length is out of bounds
}

// word visits eight bytes; everything else is made of them.
func (c *coder) word(v *uint64) {
	if !c.reading {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
		return
	}
	if len(c.buf) < 8 {
		c.short = true
		*v = 0
		return
	}
	*v = binary.LittleEndian.Uint64(c.buf)
	c.buf = c.buf[8:]
}

func (c *coder) float(v *float64) {
	w := math.Float64bits(*v)
	c.word(&w)
	*v = math.Float64frombits(w)
}

func (c *coder) floats(values ...*float64) {
	for _, v := range values {
		c.float(v)
	}
}

func (c *coder) vec(v *Vec3) { c.floats(&v.X, &v.Y, &v.Z) }

func (c *coder) cov(v *Cov) {
	for i := range v {
		c.float(&v[i])
	}
}

func (c *coder) int(v *int) {
	w := uint64(*v)
	c.word(&w)
	*v = int(w)
}

func (c *coder) flag(v *bool) {
	w := uint64(0)
	if *v {
		w = 1
	}
	c.word(&w)
	*v = w == 1
	c.short = c.short || w > 1
}

func (c *coder) duration(v *time.Duration) {
	w := uint64(*v)
	c.word(&w)
	*v = time.Duration(w)
}

// wall visits an instant to the nanosecond; the zero time stays the zero time.
func (c *coder) wall(v *time.Time) {
	known, nano := !v.IsZero(), 0
	if known {
		nano = int(v.UnixNano())
	}
	c.flag(&known)
	c.int(&nano)
	*v = time.Time{}
	if known {
		*v = time.Unix(0, int64(nano)).UTC()
	}
}

func (c *coder) stamp(v *stamp) {
	c.duration(&v.mono)
	c.wall(&v.wall)
}

// length visits a count of things that take at least size bytes each. Nothing is allocated for a count that the rest
// of the buffer cannot hold.
func (c *coder) length(n, size int) int {
	c.int(&n)
	if c.reading && (n < 0 || n > len(c.buf)/size) {
		c.short = true
		return 0
	}
	return n
}

func (c *coder) slice(v *[]float64) {
	n := c.length(len(*v), 8)
	if c.reading {
		*v = make([]float64, n)
	}
	for i := range *v {
		c.float(&(*v)[i])
	}
}

// text visits a string, padded to whole words.
func (c *coder) text(v *string) {
	n := c.length(len(*v), 1)
	if !c.reading {
		c.buf = append(c.buf, *v...)
		c.buf = append(c.buf, make([]byte, (8-n%8)%8)...)
		return
	}
	padded := (n + 7) / 8 * 8
	if padded > len(c.buf) {
		c.short = true
		return
	}
	*v = string(c.buf[:n])
	c.buf = c.buf[padded:]
}

func (c *coder) texts(v *[]string) {
	n := c.length(len(*v), 8)
	if c.reading {
		*v = make([]string, n)
	}
	for i := range *v {
		c.text(&(*v)[i])
	}
}
