package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"multiturn/internal/human"
	"multiturn/internal/packed"
)

// Code is how a command ended.
type Code int

// The exit codes.
const (
	OK     Code = 0
	Failed Code = 1
	Usage  Code = 2 // wrong arguments, values or files; nothing was done
	// finished, but a threshold, an error budget or a planned turn was missed
	Missed      Code = 3
	Interrupted Code = 130 // by a signal, after the drain
)

type exitError struct {
	code Code
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Exit returns the error with the exit code to end with. A nil error stays nil.
func Exit(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code, err}
}

// UsageErrorf returns an error of the caller's: exit code 2.
func UsageErrorf(format string, args ...any) error {
	return Exit(Usage, fmt.Errorf(format, args...))
}

// CodeOf returns the exit code that the error carries. Without one, errors about
// fields of options and about files that hold no text are Usage, all others
// Failed; nil is OK.
func CodeOf(err error) Code {
	var e *exitError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.code
	case len(fieldErrors(err)) > 0, errors.As(err, new(*packed.KindError)):
		return Usage
	}
	return Failed
}

// printError prints the error, each line of its text after the name, once.
// Control characters, which may come from a file's name or content, are escaped.
func printError(w io.Writer, name string, err error) {
	seen := map[string]bool{}
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !seen[line] {
			seen[line] = true
			fmt.Fprintf(w, "%s: %s\n", name, human.Visible(line))
		}
	}
}
