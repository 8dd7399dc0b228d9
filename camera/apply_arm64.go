package camera

// vectors tells whether this processor has the instructions of remapVector: every arm64 does.
func vectors() bool { return true }
