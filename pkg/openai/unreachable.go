package openai

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"syscall"

	"multiturn/internal/field"
	"multiturn/internal/httpclient"
)

// unanswered is the error of a question without an answer: a text without
// secrets, its cause, and what came of its connection.
type unanswered struct {
	text    string
	cause   error
	contact *contact
}

func (u *unanswered) Error() string { return u.text }
func (u *unanswered) Unwrap() error { return u.cause }

// contact is what came of the connection of a question. It is the transport's
// goroutines that set it.
type contact struct {
	conn  atomic.Pointer[dialled] // nil: there was none
	first atomic.Bool             // the first byte of an answer came
}

// trace returns ctx with hooks that set the contact.
func (c *contact) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { c.conn.Store(answering(info.Conn)) },
		GotFirstResponseByte: func() { c.first.Store(true) },
	})
}

// heard reports whether the server sent something. What comes before the request
// is written is not the first byte of an answer to the transport.
func (c *contact) heard(secure bool) bool {
	conn := c.conn.Load()
	return c.first.Load() || !secure && conn != nil && conn.Arrived() != 0
}

// unreachable is the error of a server that gives no answer. It says what to do,
// as far as the cause shows that. It is about the field URL, or about Proxy if the
// proxy does not answer.
func (c *Client) unreachable(err error) error {
	soon := true // it may only need time
	name, place, who := "URL", c.address.Base(), "server"
	if proxy := c.silentProxy(err); proxy != nil {
		name, place, who = "Proxy", httpclient.Shown(proxy), "proxy"
	}
	text, advice := masked(c.mask, err.Error()), "is the "+who+" running?"
	var (
		lookup *net.DNSError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
		moved  *httpclient.RedirectError
		asked  = &unanswered{contact: &contact{}}
	)
	errors.As(err, &asked)
	switch secure := c.address.Secure(); {
	case errors.Is(err, context.DeadlineExceeded):
		advice = "is it overloaded, or this not its port?"
	case errors.Is(err, syscall.EMFILE):
		text, advice, soon = "this process may open no more files", "raise the limit (ulimit -n)", false
	case errors.Is(err, syscall.ECONNREFUSED):
		text, advice = "connection refused", "is the "+who+" running, and is this its port?"
	case errors.As(err, &lookup) && lookup.IsNotFound:
		text, advice = "there is no such host", "is its name right?"
	case errors.As(err, &record):
		text, advice, soon = "it does not speak TLS", "use http:// in place of https://", false
	case errors.As(err, &cert):
		text, soon = cert.Err.Error(), false
		advice = "CA trusts an authority of your own, Insecure accepts any certificate"
	case errors.As(err, &moved):
		text, advice, soon = oneLine(c.mask.Remove(moved.Error())), "is that the server's address?", false
	case errors.Is(err, context.Canceled):
		soon = false
	case asked.contact.heard(secure):
		text, advice = "what answers there does not speak HTTP", "is this the server's port?"
		soon = false
	case !secure && asked.contact.conn.Load() != nil:
		text = "it closed the connection at once"
		advice = "does it want https://, and is this the server's port?"
	}
	problem := fmt.Sprintf("%s cannot be reached: %s; %s", place, text, advice)
	if err = (&field.Error{Field: name, Problem: problem}); soon {
		err = &NotReadyError{Err: err}
	}
	return err
}

// silentProxy returns the proxy that a connection to the server could not be opened
// through; nil if it is not the proxy that failed.
func (c *Client) silentProxy(err error) *url.URL {
	op := (*net.OpError)(nil)
	if !errors.As(err, &op) || op.Op != "proxyconnect" { // net/http's word
		return nil
	}
	proxy, _ := c.opts.ProxyOf(c.endpoint.url)
	return proxy
}
