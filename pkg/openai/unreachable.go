package openai

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"multiturn/internal/field"
)

// unanswered is the error of a question without an answer: a text without
// secrets, and its cause.
type unanswered struct {
	text  string
	cause error
}

func (u *unanswered) Error() string { return u.text }
func (u *unanswered) Unwrap() error { return u.cause }

// unreachable is the error of a server to which no connection can be made. It
// says what to do, as far as the cause shows that. It is about the field URL.
func (c *Client) unreachable(err error) error {
	text, advice := oneLine(c.secrets.remove(err.Error())), "is the server running?"
	var (
		name   *net.DNSError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
	)
	// net/http has no values for these errors.
	says := func(part string) bool { return strings.Contains(err.Error(), part) }
	switch secure := c.base.Scheme == "https"; {
	case errors.Is(err, syscall.ECONNREFUSED):
		text, advice = "connection refused", "is the server running, and is this its port?"
	case errors.As(err, &name) && name.IsNotFound:
		text, advice = "there is no such host", "is its name right?"
	case errors.As(err, &record):
		text, advice = "it does not speak TLS", "use http:// in place of https://"
	case errors.As(err, &cert):
		text = cert.Err.Error()
		advice = "Insecure accepts any certificate"
	// The second is of a banner that came before the request was written.
	case says("malformed HTTP"), says("readLoopPeekFailLocked: %!w(<nil>)"):
		text, advice = "what answers there does not speak HTTP", "is this the server's port?"
	case !secure && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || says("server closed idle connection")):
		text = "it closed the connection at once"
		advice = "does it want https://, and is this the server's port?"
	case errors.Is(err, context.DeadlineExceeded):
		advice = "is it overloaded, or this not its port?"
	}
	return &field.Error{
		Field:   "URL",
		Problem: fmt.Sprintf("%s cannot be reached: %s; %s", c.base.Redacted(), text, advice),
	}
}
