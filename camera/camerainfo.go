package camera

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
)

// maxCameraInfo bounds the size of a calibration file in bytes; real ones have less than two thousand.
const maxCameraInfo = 64 << 10

// cameraInfo is the YAML that the calibration tools of ROS write. Rectification and projection matrices are left out
// on purpose: they describe a stereo pair, the view needs the lens alone.
type cameraInfo struct {
	Width        int        `yaml:"image_width"`
	Height       int        `yaml:"image_height"`
	Matrix       infoMatrix `yaml:"camera_matrix"`
	Model        string     `yaml:"distortion_model"`
	Coefficients infoMatrix `yaml:"distortion_coefficients"`
}

type infoMatrix struct {
	Rows int       `yaml:"rows"`
	Cols int       `yaml:"cols"`
	Data []float64 `yaml:"data"`
}

// LoadCalibration reads a ROS camera_info YAML file, as camera_calibration and camera_info_manager write it.
func LoadCalibration(path string) (Calibration, error) {
	f, err := os.Open(path)
	if err != nil {
		return Calibration{}, fmt.Errorf("opening calibration: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxCameraInfo+1))
	if err != nil {
		return Calibration{}, fmt.Errorf("reading calibration %s: %w", path, err)
	}
	c, err := ParseCalibration(data)
	if err != nil {
		return Calibration{}, fmt.Errorf("reading calibration %s: %w", path, err)
	}
	return c, nil
}

// ParseCalibration reads the text of a ROS camera_info YAML file. Keys it does not need are ignored.
func ParseCalibration(data []byte) (Calibration, error) {
	if len(data) > maxCameraInfo {
		return Calibration{}, fmt.Errorf("larger than %d bytes, no camera_info file is", maxCameraInfo)
	}
	var info cameraInfo
	if err := yaml.Unmarshal(data, &info); err != nil {
		return Calibration{}, fmt.Errorf("decoding camera_info YAML: %w", err)
	}
	if err := info.validate(); err != nil {
		return Calibration{}, err
	}
	k := info.Matrix.Data
	c := Calibration{
		Width: info.Width, Height: info.Height, Fx: k[0], Fy: k[4], Cx: k[2], Cy: k[5],
		Model: modelOf(info.Model), D: info.Coefficients.Data,
	}
	return c, c.Validate()
}

// validate checks the shape of the file; the values are Calibration's to judge.
func (i cameraInfo) validate() error {
	var errs []error
	errs = append(errs, i.Matrix.validate("camera_matrix"), i.Coefficients.validate("distortion_coefficients"))
	k := i.Matrix.Data
	switch {
	case len(k) != 9:
		errs = append(errs, fmt.Errorf("camera_matrix has %d values, want 9 (3 rows of 3)", len(k)))
	case k[1] != 0 || k[3] != 0 || k[6] != 0 || k[7] != 0 || k[8] != 1:
		errs = append(errs, fmt.Errorf("camera_matrix %v is not of the form [fx 0 cx 0 fy cy 0 0 1]", k))
	}
	return errors.Join(errs...)
}

func (m infoMatrix) validate(name string) error {
	// Rows and columns are optional, but when they are given they must tell the truth.
	if m.Rows == 0 && m.Cols == 0 {
		return nil
	}
	if m.Rows < 0 || m.Cols < 0 || m.Rows > maxSide || m.Cols > maxSide || m.Rows*m.Cols != len(m.Data) {
		return fmt.Errorf("%s says %d rows of %d but holds %d values", name, m.Rows, m.Cols, len(m.Data))
	}
	return nil
}

func modelOf(name string) Model {
	switch name {
	case "equidistant":
		return ModelFisheye
	case "":
		return ModelPlumbBob // what old calibration files meant before the key existed
	}
	return Model(name)
}
