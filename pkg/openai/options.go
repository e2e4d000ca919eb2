package openai

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/field"
	"multiturn/internal/httpclient"
	prompts "multiturn/pkg/chat/template"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// Transport is the code that moves the bytes.
type Transport string

// Transports.
const (
	// Auto is Reactor on Linux for plain HTTP without a proxy, else NetHTTP.
	Auto Transport = ""
	// Reactor reads all sockets in one goroutine. A chunk costs a fraction of what
	// it costs with NetHTTP.
	Reactor Transport = "reactor"
	// NetHTTP is the standard library's client, with TLS, proxies and HTTP/2, on
	// every system.
	NetHTTP Transport = "net/http"
)

// Options describe a server and what all requests to it have in common. URL and
// Model are required.
type Options struct {
	// URL is the server's address, as server.Address reads it: a base address, one
	// that ends in a version such as /v1, or an endpoint's, which is then used as it
	// stands. A user and password in URL become basic authentication.
	URL   string
	Model string
	// API is the endpoint; AutoAPI is the one of URL.
	API API
	// Format makes the prompts of Completions, which takes a text; nil =
	// template.ChatML. What a server puts before every prompt by itself is not sent
	// (template.Template.Begin).
	Format *prompts.Template
	// Config is how the server is reached: key, headers, certificates, proxy.
	// {session} in the value of a header stands for Request.Session.
	httpclient.Config
	// Fields are added to the body of every request. They override the fields that
	// this package sets.
	Fields []Field
	// SendSession adds the body field conversation_id and the header X-Session-ID,
	// both with Request.Session.
	SendSession bool

	NoStream bool // ask for whole answers
	// Think is whether content begins with reasoning; empty is ThinkOff.
	Think Think
	// NoUsage does not ask for usage in streams, for servers that reject
	// stream_options.
	NoUsage bool
	// MaxTokensField is the body field for the answer's length; default: max_tokens,
	// or max_output_tokens of Responses.
	MaxTokensField string
	Temperature    *float64 // nil: not sent
	Seed           *int64   // nil: not sent

	// Start is the zero of all clocks, with a monotonic reading; default: the time
	// of New.
	Start time.Time
	// Timeout limits a request that has no limit of its own; 0 = no limit.
	Timeout time.Duration
	// IdleTimeout limits the silence between two reads after the first token; 0 = no
	// limit. Only Timeout limits the wait for the first token, because a long
	// prefill is not a fault.
	IdleTimeout time.Duration

	Transport Transport
	// Clocks is where the times of arrival come from; empty means the best source
	// available. record.ClockPackets is exact however late the client reads, but
	// needs Reactor and the right to capture packets (CAP_NET_RAW).
	// record.ClockKernel is exact as long as chunks are read one by one.
	Clocks record.ClockSource
	// HTTP2 allows HTTP/2, where all requests share a connection and can delay each
	// other.
	HTTP2 bool
	// KeepHeaders names the response headers to return in Result.Header.
	KeepHeaders []string
	// MaxAnswerBytes is the longest answer accepted, in bytes of its body; 0 means
	// limits.AnswerBytes of what the request asks for, and for its text
	// limits.TextBytes. A longer one ends with record.TooLarge.
	MaxAnswerBytes int64
	// MaxEvent is the longest line, event or JSON answer accepted, in bytes; 0 means
	// limits.Line.
	MaxEvent int
	// OnCrash, unless nil, is called with the panics that ended a request, from the
	// goroutine of its Do.
	OnCrash func(*crash.Error)
}

// Validate returns everything that is wrong with the options, each error with the
// name of its field.
func (o *Options) Validate() error {
	var errs field.Errors
	o.validateURL(&errs)
	if o.Model == "" {
		errs.Addf("Model", "is empty; the server needs a model's name")
	}
	if err := httpclient.CheckKey(o.APIKey); err != nil {
		errs.Addf("APIKey", "%v", err)
	}
	o.validateTransport(&errs)
	for name, values := range o.Header {
		for _, v := range values {
			if !validHeader(name, v) {
				errs.Addf("Header", "%q is not a valid name, or has a line break in its value",
					name)
			}
		}
	}
	for _, f := range o.Fields {
		if f.Name == "" || !json.Valid(f.Value) {
			errs.Addf("Fields", "%q needs a name and a JSON value", f.Name)
		}
	}
	switch o.Think {
	case "", ThinkOff, ThinkTagged, ThinkOpen:
	default:
		errs.Addf("Think", "is %q; it must be %s, %s or %s", o.Think, ThinkOff, ThinkTagged, ThinkOpen)
	}
	if o.Timeout < 0 {
		errs.Addf("Timeout", "is %v; it must not be negative", o.Timeout)
	}
	if o.MaxAnswerBytes < 0 {
		errs.Addf("MaxAnswerBytes", "is %d; it must not be negative", o.MaxAnswerBytes)
	}
	if o.IdleTimeout < 0 {
		errs.Addf("IdleTimeout", "is %v; it must not be negative", o.IdleTimeout)
	}
	return errs.Err()
}

func (o *Options) validateURL(errs *field.Errors) {
	a, err := server.ParseAddress(o.URL)
	if err != nil {
		errs.Addf("URL", "%v", err)
		return
	}
	api := o.api()
	if api == nil {
		errs.Addf("API", "is %q; it must be %s, %s or %s", o.API, Chat, Completions, Responses)
		return
	}
	if o.Transport == Reactor && (a.Secure() || o.Proxied(a.Of(api.path)) || o.HTTP2) {
		errs.Addf("Transport", "%s is only for plain HTTP/1.1 without a proxy", Reactor)
	}
	for _, f := range o.Fields {
		if slices.Contains(api.reserved, f.Name) {
			errs.Addf("Fields", "%q cannot be set: it has an option of its own", f.Name)
		}
	}
}

func (o *Options) validateTransport(errs *field.Errors) {
	switch o.Transport {
	case Auto, Reactor, NetHTTP:
	default:
		errs.Addf("Transport", "is %q; it must be %s or %s", o.Transport, Reactor, NetHTTP)
	}
	switch o.Clocks {
	case "", record.ClockKernel:
	case record.ClockPackets:
		if o.Transport == NetHTTP {
			errs.Addf("Clocks", "%s needs Transport %s", o.Clocks, Reactor)
		}
	default:
		errs.Addf("Clocks", "is %q; it must be %s or %s",
			o.Clocks, record.ClockPackets, record.ClockKernel)
	}
}

// validHeader reports whether name and value can be written as one line of a
// request's head.
func validHeader(name, value string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r)
	}) {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool {
		return r < ' ' && r != '\t' || r == 0x7f
	})
}
