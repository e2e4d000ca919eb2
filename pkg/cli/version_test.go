package cli

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionOf(t *testing.T) {
	t.Parallel()
	build := func(version string, settings ...string) *debug.BuildInfo {
		b := &debug.BuildInfo{Main: debug.Module{Version: version}}
		for i := 0; i < len(settings); i += 2 {
			b.Settings = append(b.Settings,
				debug.BuildSetting{Key: settings[i], Value: settings[i+1]})
		}
		return b
	}
	for _, c := range []struct {
		linked   string
		info     *debug.BuildInfo
		version  string
		revision string
	}{
		{"", nil, "devel", ""},
		{"v1.2.3", nil, "v1.2.3", ""},
		{"v1.2.3", build("v9"), "v1.2.3", ""},
		{"", build("v0.4.0"), "v0.4.0", ""},
		{"", build("(devel)"), "devel", ""},
		{"", build("", "vcs.revision", "0123456789abcdef", "vcs.modified", "false"), "0123456789ab",
			"0123456789ab"},
		{"", build("(devel)", "vcs.revision", "0123456789abcdef", "vcs.modified", "true"),
			"0123456789ab-dirty", "0123456789ab-dirty"},
		{"v1.2.3", build("", "vcs.revision", "0123"), "v1.2.3", "0123"},
	} {
		equal(t, "version", versionOf(c.linked, c.info), c.version)
		equal(t, "revision", revision(c.info), c.revision)
	}
}

func TestVersionFlag(t *testing.T) {
	t.Parallel()
	r := call(newDemo().command("IN OUT"), nil, "x", "--version", "--unknown")
	wantOK(t, r)
	platform := runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	if !strings.HasPrefix(r.out, "demo "+Version()) || !strings.HasSuffix(r.out, platform) {
		t.Errorf("--version says %q", r.out)
	}
	equal(t, "of a subcommand", strings.HasPrefix(call(newDemo().multi(), nil, "sim",
		"--version").out, "multi "), true)
}
