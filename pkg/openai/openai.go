// Package openai sends chat completions to an OpenAI-compatible server and measures what comes back: one call of
// [Client.Do] is one request, and its [Result] says what was sent and received, when every part passed the socket, and how
// it went. Failures are data, not errors: Do always returns a Result, and [Outcome] tells what kind it is.
//
// # Clocks
//
// All clocks are times since Options.Start on the monotonic clock, taken where the bytes pass (package sockclock): sent just
// before the request's first Write, arrivals when the kernel received the segment, where it says so. Events that carry no
// text (role, empty, usage) start no token clock.
//
// # Servers
//
// What real servers send is tolerated: any line ends, comments, several fields for reasoning, usage absent or null,
// finish reasons with or after the last text, [DONE] or none, error objects in every shape, JSON in place of a stream.
// A pooled connection that the server closed before it sent one byte of the response is not a failure: the request is
// sent again on a fresh one, and the clocks are that one's.
//
// The package prints nothing, reads no environment, and never puts a key, a header's value or a password into an error.
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"multiturn/pkg/openai/sse"
	"multiturn/pkg/record"
	"multiturn/pkg/sockclock"
)

// Request is one call. The zero value of everything but Messages is useful.
type Request struct {
	// Messages, one piece after the other, are the elements of the body's messages array as JSON, commas included. They are
	// sent as they are, neither copied nor looked at, so a history can grow by pieces.
	Messages [][]byte
	// Session is the conversation's id, put in place of {session}.
	Session string
	// MaxTokens limits the answer; 0 sends no limit. MinTokens 0 and IgnoreEOS false are not sent.
	MaxTokens int
	MinTokens int
	IgnoreEOS bool
	// Timeout and IdleTimeout win over those of Options unless 0.
	Timeout     time.Duration
	IdleTimeout time.Duration
}

// Stats counts what connections went through since New.
type Stats struct {
	Opened     int // connections dialled, Preconnect's included
	Reconnects int // pooled connections found closed by the server when a request was due
}

// Client talks to one server. It is safe for any number of goroutines.
type Client struct {
	opts      Options
	base      *url.URL // of the server, without /v1, user and password
	clock     *sockclock.Clock
	template  *template
	secrets   secrets
	transport transport
	questions *netHTTP // for what is asked beside the measured requests
}

// transport moves the bytes of requests and answers.
type transport interface {
	// exchange sends the call and feeds the answer until its body ended; the error says why it did not.
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
	idle   time.Duration // limit of the silence after the first token; 0 = none
}

// host is the Host header: the user's, or the URL's.
func (c *call) host(target *url.URL) string {
	if h := c.header.Get("Host"); h != "" {
		return h
	}
	return target.Host
}

const completionsPath = "/chat/completions"

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	if o.MaxEvent <= 0 {
		o.MaxEvent = sse.DefaultLimit
	}
	target, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, clock: sockclock.New(o.Start), template: newTemplate(&o, target)}
	c.secrets = c.template.secrets(&o, target)
	target.User = nil
	path := strings.TrimSuffix(strings.TrimRight(target.Path, "/"), completionsPath)
	path = strings.TrimSuffix(path, "/v1")
	base := *target
	base.Path, base.RawPath, base.RawQuery, base.Fragment = path, "", "", ""
	c.base = &base
	target.Path, target.RawPath, target.Fragment = path+"/v1"+completionsPath, "", ""
	c.questions = newNetHTTP(&c.opts, c.clock, target)
	c.transport, c.opts.Transport = c.questions, NetHTTP
	if o.Transport == Reactor || o.Transport == Auto && target.Scheme == "http" && !o.Proxied() && !o.HTTP2 {
		r, err := newReacting(&c.opts, c.clock, target)
		if err == nil {
			c.transport, c.opts.Transport = r, Reactor
		} else if o.Transport == Reactor || o.Clocks == record.ClockPackets {
			return nil, errors.Join(fmt.Errorf("transport %s: %w", Reactor, err), c.questions.close())
		}
	} else if o.Clocks == record.ClockPackets {
		return nil, fmt.Errorf("clocks %s: only for plain http without a proxy", record.ClockPackets)
	}
	return c, nil
}

// Do sends one request, waits for the end of its answer and says how it went. The result is never nil.
func (c *Client) Do(ctx context.Context, r *Request) *Result {
	timeout, idle := c.opts.Timeout, c.opts.IdleTimeout
	if r.Timeout != 0 {
		timeout = r.Timeout
	}
	if r.IdleTimeout != 0 {
		idle = r.IdleTimeout
	}
	if timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
		defer cancel()
		ctx = limited
	}
	a := newAnswer(&c.opts, c.secrets)
	body := c.template.body(r)
	var err error
	if ctx.Err() != nil {
		err = ended(ctx, nil)
	} else {
		err = c.transport.exchange(ctx, &call{body, c.template.requestHeader(r), idle}, a)
	}
	at := a.arrived
	if err != nil || at == 0 {
		at = record.Clock(c.clock.Now())
	}
	result := a.finish(err, at)
	result.BodyBytes = body.size
	a.free()
	return result
}

// Preconnect opens connections until n are idle, so that no request of the run's start has to wait for one.
func (c *Client) Preconnect(ctx context.Context, n int) error {
	if err := c.transport.preconnect(ctx, n); err != nil {
		return errors.New(oneLine(c.secrets.remove(err.Error())))
	}
	return nil
}

// Clocks returns where the times of arrival come from. It is known once there was
// a connection.
func (c *Client) Clocks() record.ClockSource { return c.transport.clocks() }

// Transport says which one is in use.
func (c *Client) Transport() Transport { return c.opts.Transport }

// Stats says what connections went through.
func (c *Client) Stats() Stats { return c.transport.stats() }

// Close closes all idle connections and frees what the client holds. No request may be in flight.
func (c *Client) Close() error { return errors.Join(c.transport.close(), c.questions.close()) }
