package cli

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A terminal that does not know its width gets lines, since a bar has no width
// on it.
func TestTerminalWithoutSize(t *testing.T) {
	t.Parallel()
	tty := openTerminal(t)
	if canShowBar(tty, nil) {
		t.Error("a bar on a terminal without a size")
	}
	equal(t, "width of text", int(widthOf(tty)), int(widest))
	size := &unix.Winsize{Row: 24, Col: 80}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	if !canShowBar(tty, nil) {
		t.Error("no bar on a terminal of 80 columns")
	}
	equal(t, "width of text", int(widthOf(tty)), 80)
	if canShowBar(tty, map[string]string{"TERM": "dumb"}) {
		t.Error("a bar on a dumb terminal")
	}
}

// openTerminal returns a new pseudo-terminal, whose size is not set.
func openTerminal(t *testing.T) *os.File {
	t.Helper()
	host, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { host.Close() })
	if err := unix.IoctlSetPointerInt(int(host.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	n, err := unix.IoctlGetInt(int(host.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { tty.Close() })
	return tty
}
