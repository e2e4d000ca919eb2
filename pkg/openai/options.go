package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/record"
)

// Transport names the code that moves the bytes.
type Transport string

// Transports.
const (
	// Auto is Reactor where it can be had (Linux, plain http, no proxy), else NetHTTP.
	Auto Transport = ""
	// Reactor reads all sockets from one goroutine and costs a fraction of NetHTTP per chunk.
	Reactor Transport = "reactor"
	// NetHTTP is the standard library's client: TLS, proxies, HTTP/2, every system.
	NetHTTP Transport = "net/http"
)

// Options describe a server and what every request to it has in common. URL and Model are required.
type Options struct {
	// URL is the server's base; /v1/chat/completions is appended unless it ends in /v1 or /chat/completions already.
	// A user and password in it become basic authentication.
	URL   string
	Model string
	// Config is how the server is reached: key, headers, certificates, proxy.
	// {session} in the value of a header stands for Request.Session.
	httpclient.Config
	// Fields are added to the body of every request and win over the fields that this package would set.
	Fields []Field
	// SendSession adds the body field conversation_id and the header X-Session-ID, both the request's session.
	SendSession bool

	NoStream bool // ask for whole answers
	NoUsage  bool // do not ask for usage in streams; for servers that refuse stream_options
	// MaxTokensField is the body field for the answer's length; default max_tokens.
	MaxTokensField string
	Temperature    *float64 // nil: not sent
	Seed           *int64   // nil: not sent

	// Start is the zero of all clocks; default: the time of New. It must have a monotonic reading.
	Start time.Time
	// Timeout limits a request that does not say otherwise; 0 = none.
	Timeout time.Duration
	// IdleTimeout limits the silence between two reads once the first token is there; 0 = none. The wait for the first
	// token is limited by Timeout alone: a long prefill is not silence.
	IdleTimeout time.Duration

	Transport Transport
	// Clocks says where arrivals are stamped: record.ClockPackets, which is exact however late the client reads, but needs
	// the transport Reactor and the right to capture packets (CAP_NET_RAW); record.ClockKernel, which is exact as long as
	// chunks are read one by one; or empty for the best that can be had.
	Clocks record.ClockSource
	// HTTP2 allows HTTP/2, where all requests share a connection and hold each
	// other up.
	HTTP2 bool
	// KeepHeaders names response headers to hand back in Result.Header.
	KeepHeaders []string
	// MaxEvent is the longest event or JSON answer accepted, in bytes; default 64 MiB.
	MaxEvent int
}

// Field is one extra field of the request body.
type Field struct {
	Name  string
	Value json.RawMessage // any JSON; {session} inside a string stands for Request.Session
}

// ParseField reads "name=value". A value that is not JSON is taken as a string.
func ParseField(s string) (Field, error) {
	name, value, ok := strings.Cut(s, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return Field{}, fmt.Errorf("body field %q: want name=value", s)
	}
	if json.Valid([]byte(value)) {
		return Field{name, json.RawMessage(value)}, nil
	}
	quoted, err := json.Marshal(value)
	return Field{name, quoted}, err
}

// Validate names everything that is wrong with the options.
func (o *Options) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if o.URL == "" {
		bad("url: required")
	} else if u, err := url.Parse(o.URL); err != nil {
		// url.Error repeats the text it could not parse, password included.
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		bad("url: %v", err)
	} else if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		bad("url: want http://host:port or https://host")
	} else if o.Transport == Reactor && (u.Scheme != "http" || o.Proxied() || o.HTTP2) {
		bad("transport %s: only for plain http without a proxy", Reactor)
	}
	switch o.Clocks {
	case "", record.ClockPackets, record.ClockKernel:
	default:
		bad("clocks %q: want %s or %s", o.Clocks, record.ClockPackets, record.ClockKernel)
	}
	if o.Clocks == record.ClockPackets && o.Transport == NetHTTP {
		bad("clocks %s: only with transport %s", record.ClockPackets, Reactor)
	}
	if o.Model == "" {
		bad("model: required")
	}
	for name, values := range o.Header {
		for _, v := range values {
			if !validHeader(name, v) {
				bad("header %q: not a valid header name, or a line break in its value", name)
			}
		}
	}
	for _, f := range o.Fields {
		switch {
		case f.Name == "" || !json.Valid(f.Value):
			bad("body field %q: want a name and a JSON value", f.Name)
		case f.Name == "messages" || f.Name == "stream" || f.Name == "model":
			bad("body field %q: set by its own option", f.Name)
		}
	}
	if o.Timeout < 0 || o.IdleTimeout < 0 {
		bad("timeout: want 0 or more")
	}
	switch o.Transport {
	case Auto, Reactor, NetHTTP:
	default:
		bad("transport %q: want %s or %s", o.Transport, Reactor, NetHTTP)
	}
	return errors.Join(errs...)
}

// validHeader says whether name and value can stand in a head without becoming something else.
func validHeader(name, value string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r)
	}) {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
