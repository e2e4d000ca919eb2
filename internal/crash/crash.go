// Package crash makes an error of a panic, so that what one server or one text
// sets off ends one turn, and not the run.
package crash

import (
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// Error is a panic that was caught.
type Error struct {
	Value any
	// Place is the file and the line of the program where it happened.
	Place string
	Stack []byte
}

func (e *Error) Error() string {
	return fmt.Sprintf("a fault of this program at %s, not of the server: %v; please report it",
		e.Place, e.Value)
}

// Caught returns the error of what recover returned; nil for nil. The deferred
// function that recovers calls it.
func Caught(recovered any) *Error {
	if recovered == nil {
		return nil
	}
	return &Error{Value: recovered, Place: place(), Stack: debug.Stack()}
}

// module begins the names of the program's own functions.
const module = "multiturn/"

// place returns where the program was when it panicked.
func place() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for panicked := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && strings.HasPrefix(f.Function, module):
			name := strings.TrimPrefix(f.Function, module)
			folder, function := path.Split(name)
			folder += strings.SplitN(function, ".", 2)[0]
			return fmt.Sprintf("%s/%s:%d", folder, path.Base(f.File), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
