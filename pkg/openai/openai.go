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
	"time"
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

// Server is what a server told of itself.
type Server struct {
	Kind        string   // vllm, sglang, llamacpp, sim, ...; empty when it cannot be told
	Version     string   // empty when it does not say
	Models      []string // ids, in its order
	MaxModelLen int      // tokens, of Options.Model or else of the first model; 0 = not said
}

// Stats counts what connections went through since New.
type Stats struct {
	Opened     int // connections dialled, Preconnect's included
	Reconnects int // pooled connections found closed by the server when a request was due
}

// Client talks to one server. It is safe for any number of goroutines.
type Client struct {
	opts Options
}

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	return nil, errors.New("openai: not written yet")
}

// Do sends one request, waits for the end of its answer and says how it went. The result is never nil.
func (c *Client) Do(ctx context.Context, r *Request) *Result { return &Result{Outcome: Cancelled} }

// Preconnect opens connections until n are idle, so that no request of the run's start has to wait for one.
func (c *Client) Preconnect(ctx context.Context, n int) error { return nil }

// Identify asks the server what it is. Everything that a server does not know is tolerated; the error is for one that
// cannot be reached at all.
func (c *Client) Identify(ctx context.Context) (Server, error) { return Server{}, nil }

// Clocks says where arrivals are stamped: kernel or user.
func (c *Client) Clocks() string { return "" }

// Transport says which one is in use.
func (c *Client) Transport() Transport { return c.opts.Transport }

// Stats says what connections went through.
func (c *Client) Stats() Stats { return Stats{} }

// Close closes all idle connections and frees what the client holds. Requests in flight end as cancelled.
func (c *Client) Close() error { return nil }
