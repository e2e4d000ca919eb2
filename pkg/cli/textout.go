package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/term"

	"multiturn/internal/human"
)

// TextOut is where text for people goes: stdout, or stderr if stdout carries
// data; with --quiet, nowhere in that case. What a terminal would obey in the
// text is escaped, but for headings where Color allows them.
func (c *Call) TextOut() io.Writer {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	switch {
	case !c.files.stdout:
		return &textOut{raw: c.Stdout, headings: c.color()}
	case c.common.quiet:
		return io.Discard
	}
	return c.Stderr
}

// Color reports whether headings are coloured on TextOut: on a terminal, unless
// NO_COLOR is set.
func (c *Call) Color() bool {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	return !c.files.stdout && c.color()
}

func (c *Call) color() bool {
	f, ok := c.Stdout.(*os.File)
	return ok && c.env["NO_COLOR"] == "" && c.env["TERM"] != "dumb" && term.IsTerminal(int(f.Fd()))
}

// textOut is stdout for text.
type textOut struct {
	raw      io.Writer
	headings bool
}

func (t *textOut) Write(p []byte) (int, error) {
	visible := human.VisibleText
	if t.headings {
		visible = human.VisibleHeadings
	}
	_, err := io.WriteString(t.raw, visible(string(p)))
	switch {
	case err == nil:
		return len(p), nil
	case errors.Is(err, syscall.EPIPE):
		err = errNoReader
	}
	return 0, fmt.Errorf("stdout: %w", bare(err))
}
