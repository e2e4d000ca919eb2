// Package limits holds how much is taken from outside: from servers, and from
// files that may hold anything. Every limit stands here once, with its reason.
// docs/security.md lists them all.
package limits

import (
	"fmt"
	"io"

	"multiturn/internal/human"
)

// The limits of what a server sends, in bytes unless a unit is given. Each is
// far above what real servers send, and low enough that the memory of a turn
// stays bounded.
const (
	// Head is the longest head of an answer: its status line and its fields.
	Head = 1 << 20
	// Line is the longest line, and the longest event, of an answer.
	Line = 64 << 20
	// Metadata is the longest answer to a question beside the measured requests,
	// such as /v1/models and /tokenize.
	Metadata = 1 << 20
	// Metrics is the longest page of a server's metrics.
	Metrics = 16 << 20
)

// The limits of text that may be of anybody.
const (
	// Depth is how deep brackets of JSON may be nested: far deeper than in real
	// data, and not so deep that reading it overflows the stack.
	Depth = 1000
	// Tokens is the largest number of tokens that a text may have: more than the
	// longest context of any model. Beyond it a number is unknown.
	Tokens = 1 << 24
)

// Exceeded is the error of what is larger than its limit.
type Exceeded struct {
	// What is what is too large, such as "the page of metrics".
	What string
	// Limit is its limit in bytes.
	Limit int64
}

func (e *Exceeded) Error() string {
	return fmt.Sprintf("%s is larger than %s", e.What, human.Bytes(e.Limit))
}

// ReadAll returns the bytes of r. If r has more than limit bytes, it returns the
// first limit bytes and an *Exceeded error.
func ReadAll(r io.Reader, limit int64, what string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(data)) > limit {
		return data[:limit], &Exceeded{What: what, Limit: limit}
	}
	return data, err
}
