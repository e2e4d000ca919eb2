package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/internal/packed"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"no error", nil, 0, ""},
		{"plain", boom, 1, "demo: boom\n"},
		{"usage", UsageErrorf("wrong: %w", boom), 2, "demo: wrong: boom\n"},
		{"missed", Exit(Missed, boom), 3, "demo: boom\n"},
		{"wrapped", fmt.Errorf("run: %w", Exit(Missed, boom)), 3, "demo: run: boom\n"},
		{"no text", fmt.Errorf("x: %w", &packed.KindError{What: "a PDF", Advice: "read it"}), 2,
			"demo: x: this is a PDF: read it\n"},
		{"several lines", errors.Join(boom, UsageErrorf("bang")), 2, "demo: boom\ndemo: bang\n"},
		{"terminal codes", errors.New("a\x1b[31mb\r\n\n c\u009bd "),
			1, "demo: a\\x1b[31mb\ndemo: c\\u009bd\n"},
		{"urfave would exit with it", exitCoder{}, 1, "demo: exit with 9\n"},
		{"cancelled without an interrupt", context.Canceled, 1, "demo: context canceled\n"},
	} {
		d := newDemo()
		d.run = func(context.Context, *Call) error { return c.err }
		r := call(d.command(""), nil)
		if r.code != c.code || r.errout != c.stderr || r.out != "" {
			t.Errorf("%s: exit code %d, stderr %q, stdout %q; want %d, %q", c.name, r.code,
				r.errout, r.out, c.code, c.stderr)
		}
	}
	if Exit(Missed, nil) != nil {
		t.Error("an exit code makes an error of nil")
	}
	if err := Exit(Missed, boom); !errors.Is(err, boom) {
		t.Error("the error within is lost")
	}
}

type exitCoder struct{}

func (exitCoder) Error() string { return "exit with 9" }
func (exitCoder) ExitCode() int { return 9 }

// interruptible runs the command with signals sent by the test and returns when it has ended.
func interruptible(t *testing.T, c *Command, signals chan os.Signal) result {
	t.Helper()
	var out, errout strings.Builder
	code := Main(c,
		Process{Args: []string{c.Name}, Stdout: &out, Stderr: &errout, Signals: signals})
	return result{code, out.String(), errout.String()}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 4)
	d := newDemo()
	d.run = func(ctx context.Context, c *Call) error {
		signals <- os.Interrupt
		<-ctx.Done()
		if c.Drain().Err() == nil {
			t.Error("the context of Run ended before Drain")
		}
		return fmt.Errorf("reading: %w", ctx.Err())
	}
	r := interruptible(t, d.command(""), signals)
	equal(t, "result", fmt.Sprint(r.code, " ", r.errout), "130 demo: interrupted\n")
}

func TestInterruptDrains(t *testing.T) {
	t.Parallel()
	command := func(run func(context.Context, *Call) error) *Command {
		return &Command{Name: "demo", Drain: true, Run: run}
	}
	drainNote := "demo: interrupted: finishing what is under way; interrupt again to stop now\n"

	signals := make(chan os.Signal, 4)
	r := interruptible(t, command(func(ctx context.Context, c *Call) error {
		signals <- os.Interrupt
		<-c.Drain().Done()
		if ctx.Err() != nil {
			t.Error("the first interrupt ended the context of Run")
		}
		fmt.Fprintln(c.Stdout, "the table")
		return nil
	}), signals)
	equal(t, "drained", fmt.Sprint(r.code, " ", r.out), "130 the table\n")

	r = interruptible(t, command(func(ctx context.Context, c *Call) error {
		signals <- os.Interrupt
		<-c.Drain().Done()
		signals <- os.Interrupt
		<-ctx.Done()
		return ctx.Err()
	}), signals)
	equal(t, "cancelled", fmt.Sprint(r.code, " ", r.errout), "130 "+drainNote+"demo: interrupted\n")

	r = interruptible(t, command(func(ctx context.Context, c *Call) error {
		signals <- os.Interrupt
		<-c.Drain().Done()
		return Exit(Missed, errors.New("p99 above its limit"))
	}), signals)
	if r.code != 3 || !strings.HasSuffix(r.errout, "demo: p99 above its limit\n") {
		t.Errorf("an error after the drain: exit code %d, %q", r.code, r.errout)
	}
}

// Main does not wait for a Run that ignores interrupts: it returns after a while,
// or at the next interrupt, and removes the unfinished output.
func TestInterruptOfHanging(t *testing.T) {
	t.Parallel()
	for _, drain := range []bool{false, true} {
		for _, interrupts := range []int{1, 2, 3} {
			if drain && interrupts < 3 {
				continue // such a command may take its time
			}
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				signals, forever := make(chan os.Signal, 4), make(chan struct{})
				start := time.Now()
				r := interruptible(t,
					&Command{Name: "demo", Drain: drain,
						Run: func(ctx context.Context, c *Call) error {
							out, err := c.Create(filepath.Join(dir, "out"))
							if err != nil {
								return err
							}
							io.WriteString(out, "half")
							for range interrupts {
								signals <- os.Interrupt
							}
							<-forever
							return nil
						}}, signals)
				if r.code != 130 || !strings.HasSuffix(r.errout, "demo: interrupted\n") {
					t.Errorf("exit code %d, %q", r.code, r.errout)
				}
				want := time.Duration(0)
				if interrupts == 1 {
					want = patience
				}
				equal(t, "waited", time.Since(start), want)
				equal(t, "files", names(t, dir), []string{})
				close(forever)
			})
		}
	}
}

// Main returns with Run even if a read of stdin hangs.
func TestInterruptOfReading(t *testing.T) {
	t.Parallel()
	for _, drain := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			signals := make(chan os.Signal, 4)
			stdin, typist := io.Pipe() // to which nothing is ever written
			start := time.Now()
			var errout strings.Builder
			code := Main(&Command{Name: "demo", Drain: drain,
				Run: func(ctx context.Context, c *Call) error {
					in, err := c.Open("-")
					if err != nil {
						return err
					}
					read := make(chan error, 1)
					go func() {
						_, err := io.ReadAll(in)
						read <- err
					}()
					signals <- os.Interrupt
					select {
					case err := <-read:
						return err
					case <-c.Drain().Done():
						return c.Drain().Err()
					}
				}}, Process{Args: []string{"demo"}, Stdin: stdin, Stdout: io.Discard,
				Stderr: &errout, Signals: signals})
			if code != 130 || !strings.HasSuffix(errout.String(), "demo: interrupted\n") {
				t.Errorf("drain %v: exit code %d, %q", drain, code, errout.String())
			}
			equal(t, "waited", time.Since(start), time.Duration(0))
			typist.Close() // synctest waits for the reader
		})
	}
}

func TestSignalsClosed(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal)
	close(signals)
	wantOK(t, interruptible(t, newDemo().command(""), signals))
}
