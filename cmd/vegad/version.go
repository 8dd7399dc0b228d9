package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// versionCmd is vegad version.
type versionCmd struct {
	JSON bool   `name:"json" help:"Print JSON."`
	SBOM string `name:"sbom" placeholder:"PROGRAM" help:"Print what a Go program is made of, as SPDX 2.3."`
}

// versionInfo is what it prints.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified"` // built from files that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints the version.
func (c *versionCmd) Run(s streams) error {
	if c.SBOM != "" {
		bill, err := billOf(c.SBOM, time.Now())
		if err != nil {
			return err
		}
		return s.json(bill)
	}
	info := programVersion()
	if c.JSON {
		return s.json(info)
	}
	s.say("vegad %s (%s, %s)\n", info.Version, info.Go, info.Platform)
	return nil
}

// programVersion asks the linker first and then the build.
func programVersion() versionInfo {
	info := versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if ok {
		for _, setting := range build.Settings {
			switch setting.Key {
			case "vcs.revision":
				info.Commit = setting.Value
			case "vcs.modified":
				info.Modified = setting.Value == "true"
			}
		}
		if info.Version == "" {
			info.Version = build.Main.Version
		}
	}
	if info.Version == "" {
		info.Version = "(devel)"
	}
	return info
}
