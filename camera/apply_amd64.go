package camera

import "golang.org/x/sys/cpu"

// vectors tells whether this processor has the instructions of remapVector.
func vectors() bool { return cpu.X86.HasAVX2 }
