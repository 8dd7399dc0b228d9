//go:build !unix

package bench

func usageNow() usage { return usage{} }
