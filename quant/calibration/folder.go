package calibration

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/models"
)

// maxSampleBytes bounds one file of samples.
const maxSampleBytes = 256 << 20

// Folder reads samples from the .npz files of a folder, one sample a file, in the order of their names. The arrays are
// named after the inputs and hold float32.
func Folder(dir string) (Samples, error) {
	files, err := filepath.Glob(filepath.Join(escape(dir), "*.npz"))
	if err == nil && len(files) == 0 {
		if _, err = os.Stat(dir); err == nil {
			err = fmt.Errorf("%w: no .npz file", ErrNoSamples)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading samples from %s: %w", dir, err)
	}
	slices.Sort(files)
	return func(yield func(Sample, error) bool) {
		for _, file := range files {
			sample, err := readSample(file)
			if !yield(sample, err) || err != nil {
				return
			}
		}
	}, nil
}

// escape keeps a folder's own name from being read as a pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func readSample(file string) (Sample, error) {
	data, err := readRegular(file)
	if err != nil {
		return nil, fmt.Errorf("reading sample: %w", err)
	}
	sample, err := ParseSample(data)
	if err != nil {
		return nil, fmt.Errorf("reading sample %s: %w", file, err)
	}
	return sample, nil
}

// readRegular reads a file that is one: opening a pipe could block for ever.
func readRegular(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSampleBytes {
		return nil, fmt.Errorf("%s is no regular file of at most %d bytes", file, maxSampleBytes)
	}
	return os.ReadFile(file)
}

// ParseSample reads a sample from the bytes of an .npz file.
func ParseSample(data []byte) (Sample, error) {
	tensors, err := models.ReadNPZ(data)
	if err != nil {
		return nil, err
	}
	sample := Sample{}
	for name, t := range tensors {
		if t.Floats == nil {
			return nil, fmt.Errorf("array %s: it must hold float32", name)
		}
		sample[name] = t.Floats
	}
	if len(sample) == 0 {
		return nil, errors.New("it holds no array")
	}
	return sample, nil
}

// WriteSample writes a sample as an .npz file that NumPy and Folder read. shape gives the shape of each array.
func WriteSample(w io.Writer, sample Sample, shape func(name string) []int64) error {
	archive := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(sample)) {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err == nil {
			_, err = entry.Write(encodeArray(sample[name], shape(name)))
		}
		if err != nil {
			return fmt.Errorf("writing array %s: %w", name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("writing sample: %w", err)
	}
	return nil
}

// encodeArray writes the .npy format 1.0, whose header ends at a multiple of 64 bytes.
func encodeArray(values []float32, shape []int64) []byte {
	var text strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&text, "%d, ", d)
	}
	tuple := strings.TrimSuffix(text.String(), " ")
	if len(shape) > 1 {
		tuple = strings.TrimSuffix(tuple, ",")
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", tuple)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	out := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
	out = append(out, header...)
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}
