package tokenizer

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/dlclark/regexp2/v2"

	"multiturn/internal/limits"
)

// trouble is the first limit that a text met.
type trouble struct{ first atomic.Pointer[error] }

// fail notes an error.
func (t *trouble) fail(err error) { t.first.CompareAndSwap(nil, &err) }

// failed reports whether there was one.
func (t *trouble) failed() bool { return t.first.Load() != nil }

// Err returns the error of a text that the file of the tokenizer makes too much work
// of, nil if there was none. From then on texts have no ids: whoever has counted
// tokens asks once, at the end.
func (t *Tokenizer) Err() error {
	if err := t.trouble.first.Load(); err != nil {
		return *err
	}
	return nil
}

// tooSlow is the error of a regular expression that does not come to an end.
func tooSlow(expr string, text int, err error) error {
	return fmt.Errorf("regular expression %.100q gives up on a text of %d bytes: it tries too many "+
		"ways to match (%v); use another tokenizer", expr, text, reason(err))
}

// reason returns what was exceeded. The library's error of a time-out has the text.
func reason(err error) string {
	if errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
		return "more places to go back to than are kept"
	}
	return "more time than a match may take"
}

// normalizedMost is how long a text of n bytes may become.
func normalizedMost(n int) int { return n*limits.Normalized + limits.NormalizedMore }

// errLong is the error of a text that becomes longer than that.
var errLong = fmt.Errorf("normalizers make a text more than %d times as long; use another tokenizer",
	limits.Normalized)

// checkSteps returns an error if there are too many normalizers, or the like.
func checkSteps(what string, n int) error {
	if n > limits.Steps {
		return &limits.Exceeded{What: what, Limit: limits.Steps, Things: "steps"}
	}
	return nil
}
