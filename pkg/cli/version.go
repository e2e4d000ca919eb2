package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (-X multiturn/pkg/cli.version=v1.2.3). It wins
// over what the build recorded.
var version string

// Version returns the version of the running binary: the linker's, else the
// module's version as the build recorded it, else its revision, else "devel".
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return versionOf(version, info)
}

// VersionLine returns Version with the revision, the Go release and the
// platform, as --version prints it.
func VersionLine() string {
	info, _ := debug.ReadBuildInfo()
	v := versionOf(version, info)
	if rev := revision(info); rev != "" && rev != v {
		v += " (" + rev + ")"
	}
	return fmt.Sprintf("%s %s %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func versionOf(linked string, info *debug.BuildInfo) string {
	switch {
	case linked != "":
		return linked
	case info == nil:
		return "devel"
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	case revision(info) != "":
		return revision(info)
	}
	return "devel"
}

// revision returns the commit, shortened, with a mark if the tree was changed.
// It returns "" if the build did not record it.
func revision(info *debug.BuildInfo) string {
	if info == nil {
		return ""
	}
	var rev, mark string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				mark = "-dirty"
			}
		}
	}
	if rev == "" {
		return ""
	}
	return rev + mark
}
