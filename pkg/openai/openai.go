// Package openai sends requests to an OpenAI-compatible server and measures the
// answers. One call of [Client.Do] is one request. Its [Result] has what was
// received, when every part passed the socket, and how the request ended.
//
// Failures are data, not errors: Do always returns a Result, and its Outcome is
// the kind of the failure.
//
// # Clocks
//
// All clocks are times since Options.Start on the monotonic clock, taken where
// the bytes pass the socket (package sockclock). Sent is when the request's first
// byte left, or just before its first Write if the kernel did not stamp it.
// Arrivals are when the kernel received the segment, if it reports that. Events
// without text (a role, an empty text, usage) set no clock of a token.
//
// # Servers
//
// The habits of real servers are tolerated: any line ends, comments, several
// fields for reasoning, usage absent or null, a finish reason with or after the
// last text, a stream with or without [DONE], error objects in every shape, JSON
// in place of a stream. If the server had closed a pooled connection before it
// sent a byte of the response, that is not a failure: the request is sent again
// on a new connection, and its clocks are those of the new connection.
//
// # Limits
//
// A server that means ill costs its own requests and no more. Every answer has a
// limit in bytes, which follows from what the request asks for, and so have its
// parts (package limits); the outcome is then record.TooLarge. A panic in the
// reading of an answer is the outcome record.Internal of its request.
//
// # Errors
//
// No error has a key, a header's value or a password in it. Errors of options are
// joined; each is a field.Error with the name of its field in [Options].
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/field"
	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/sockclock"
)

// Request is one request. Only Messages is required.
type Request struct {
	// Messages, concatenated, are the history as Client.Encoder encodes it. The
	// pieces are sent as they are, neither copied nor parsed, so that a history can
	// grow by pieces.
	Messages [][]byte
	// Fields of the body that are the conversation's own, such as its tools. Those
	// that Options.Fields has are left out.
	Fields []chat.Field
	// Session is the conversation's id. It replaces {session}.
	Session string
	// MaxTokens and MinTokens limit the answer; 0 is not sent. IgnoreEOS is sent if
	// it is true.
	MaxTokens int
	MinTokens int
	IgnoreEOS bool
	// Timeout and IdleTimeout override those of Options unless 0.
	Timeout     time.Duration
	IdleTimeout time.Duration
}

// Stats counts connections since New.
type Stats struct {
	Opened     int // connections dialled, by Preconnect too
	Reconnects int // pooled connections that the server had closed
}

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	opts      Options
	address   server.Address
	endpoint  *endpoint
	clock     *sockclock.Clock
	template  *template
	mask      httpclient.Mask // the secrets that the server knows
	transport transport
	questions *netHTTP // for requests that are not measured
	unwatch   func()
}

// transport moves the bytes of requests and answers.
type transport interface {
	// exchange sends the call and feeds the answer until its body ends. The error is
	// why the body did not end.
	exchange(ctx context.Context, c *call, a *answer) error
	preconnect(ctx context.Context, n int) error
	clocks() record.ClockSource
	stats() Stats
	close() error
}

// call is one request on its way through a transport.
type call struct {
	body   *body
	header http.Header
	idle   time.Duration // limit of the silence after the first token; 0 = no limit
}

// host returns the Host header: the user's, or the URL's.
func (c *call) host(target *url.URL) string {
	if h := c.header.Get("Host"); h != "" {
		return h
	}
	// The zone of an IPv6 literal means something on this machine only.
	host, rest, ok := strings.Cut(target.Host, "%")
	if _, port, closed := strings.Cut(rest, "]"); ok && closed {
		host += "]" + port
	}
	return host
}

// New returns a client. It does not connect.
func New(o Options) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	address, err := server.ParseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, address: address, clock: sockclock.New(o.Start)}
	api := o.api()
	c.template = newTemplate(&o, address.User(), api)
	c.mask = newMask(&o, address, api)
	c.endpoint = newEndpoint(address, api, c.mask)
	target := c.endpoint.url
	c.questions = newNetHTTP(&c.opts, c.clock, target)
	c.transport, c.opts.Transport = c.questions, NetHTTP
	plain := target.Scheme == "http" && !o.Proxied(target) && !o.HTTP2
	if o.Transport == Reactor || o.Transport == Auto && plain {
		r, err := newReacting(&c.opts, c.clock, target)
		if err == nil {
			c.transport, c.opts.Transport = r, Reactor
		} else if o.Transport == Reactor || o.Clocks == record.ClockPackets {
			err = fmt.Errorf("transport %s: %w", Reactor, err)
			return nil, errors.Join(err, c.questions.close())
		}
	} else if o.Clocks == record.ClockPackets {
		return nil, &field.Error{
			Field: "Clocks", Problem: "packets is only for plain HTTP/1.1 without a proxy",
		}
	}
	c.unwatch = c.clock.Watch()
	return c, nil
}

// Do sends one request and waits for the end of its answer. The result is never
// nil.
func (c *Client) Do(ctx context.Context, r *Request) (result *Result) {
	timeout, idle := c.opts.Timeout, c.opts.IdleTimeout
	if r.Timeout != 0 {
		timeout = r.Timeout
	}
	if r.IdleTimeout != 0 {
		idle = r.IdleTimeout
	}
	a := newAnswer(&c.opts, c.endpoint, c.clock)
	defer func() {
		if f := crash.Caught(recover()); f != nil {
			result = c.crashed(a.res, f)
		}
	}()
	if timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
		defer cancel()
		ctx = limited
		a.deadline = record.Clock(c.clock.Now() + timeout)
	}
	body := c.template.body(r)
	if c.opts.MaxAnswerBytes == 0 {
		tokens := c.template.tokens(r)
		a.most, a.mostText = limits.AnswerBytes(tokens, body.size), limits.TextBytes(tokens)
	}
	var err error
	if ctx.Err() != nil {
		err = ended(ctx, nil)
	} else {
		err = c.transport.exchange(ctx, &call{body, c.template.requestHeader(r), idle}, a)
	}
	if f := (*crash.Error)(nil); errors.As(err, &f) {
		return c.crashed(a.res, f)
	}
	at := a.arrived
	if err != nil || at == 0 {
		at = record.Clock(c.clock.Now())
	}
	result = a.finish(err, at)
	result.BodyBytes = body.size
	result.CheckUsage()
	a.free()
	return result
}

// crashed is the result of a request that a panic ended: what is certain of r.
func (c *Client) crashed(r *Result, f *crash.Error) *Result {
	if c.opts.OnCrash != nil {
		c.opts.OnCrash(f)
	}
	return &Result{Exchange: record.Exchange{
		Outcome: record.Internal, Error: masked(c.mask, f.Error()), Status: r.Status,
		Sent: r.Sent, Written: r.Written, Headers: r.Headers, End: record.Clock(c.clock.Now()),
		Connection: r.Connection, ConnectMS: r.ConnectMS,
	}}
}

// Preconnect opens connections until n are idle, so that the first requests of a
// run do not wait for one.
func (c *Client) Preconnect(ctx context.Context, n int) error {
	if err := c.transport.preconnect(ctx, n); err != nil {
		return c.unreachable(err)
	}
	return nil
}

// Encoder returns what encodes the messages of requests.
func (c *Client) Encoder() chat.Encoder { return c.endpoint.api.history(&c.opts).encoder }

// Clocks returns where the times of arrival come from. It is known once there was
// a connection.
func (c *Client) Clocks() record.ClockSource { return c.transport.clocks() }

// Transport returns the transport in use.
func (c *Client) Transport() Transport { return c.opts.Transport }

// Stats returns the counts so far.
func (c *Client) Stats() Stats { return c.transport.stats() }

// Close closes all idle connections. No request may be in flight.
func (c *Client) Close() error {
	c.unwatch()
	return errors.Join(c.transport.close(), c.questions.close())
}
