//go:build cgo && matprofile

package gocv

import cv "gocv.io/x/gocv"

// openMats counts OpenCV's pictures that were made and not closed.
func openMats() int { return cv.MatProfile.Count() }
