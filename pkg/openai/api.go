package openai

import (
	"bytes"
	"net/url"
	"slices"

	"multiturn/internal/httpclient"
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// API is a kind of endpoint that generates text.
type API string

// APIs.
const (
	AutoAPI     API = "" // the one whose path the URL ends in, else Chat
	Chat        API = record.APIChat
	Completions API = record.APICompletions
	Responses   API = record.APIResponses
)

// api is an endpoint that generates text: its path, the part of the body that is
// its own, and how its answers are read. Each endpoint is a value of this type in
// a file of its own.
type api struct {
	name API
	path string // after the version, one of the constants of package server
	// history returns how the body holds a history.
	history   func(o *Options) history
	maxTokens string   // default of Options.MaxTokensField
	minTokens string   // body field for the fewest tokens; "" = there is none
	usage     Field    // asks for usage in a stream; without a name it always comes
	fields    []Field  // of every body, unless the user sets them
	reserved  []string // body fields that Options.Fields cannot set
	events    []string // types of the events of an answer, or their beginnings
	// own returns a field of a conversation, such as its tools, in the API's form; nil
	// = as it is.
	own func(chat.Field) chat.Field
	// read reads the data of an event, or a whole answer in JSON, into c, which is
	// zero. It returns false if data is not JSON, or not part of an answer.
	read func(data []byte, c *chunk) bool
}

// history is the part of a body that holds the messages: open and close are
// around the pieces of Request.Messages, which encoder makes.
type history struct {
	open, close string
	encoder     chat.Encoder
}

// apis are the endpoints, the default one first.
var apis = []*api{&chatCompletions, &completions, &responses}

// ownEvent reports whether events of a type belong to an answer. Of events of
// other types, such as a gateway's ping or a tool's progress, only the chunks of
// an answer count.
func (a *api) ownEvent(kind []byte) bool {
	switch string(kind) {
	case "", "message", "error":
		return true
	}
	return slices.ContainsFunc(a.events, func(own string) bool {
		return len(kind) >= len(own) && string(kind[:len(own)]) == own
	})
}

// api returns the endpoint in use; nil if there is no such API.
func (o *Options) api() *api {
	in := func(a *api) bool { return a.name == o.API }
	if o.API == AutoAPI {
		address, err := server.ParseAddress(o.URL)
		if err != nil || address.Endpoint() == "" {
			return apis[0]
		}
		in = func(a *api) bool { return a.path == address.Endpoint() }
	}
	i := slices.IndexFunc(apis, in)
	if i < 0 {
		return nil
	}
	return apis[i]
}

// Endpoint returns the API in use, never AutoAPI. The options are valid.
func (o *Options) Endpoint() API { return o.api().name }

// isDone reports whether the data of an event is [DONE], the mark at the end of a
// stream, which some gateways write in quotes or small letters.
func isDone(data []byte) bool {
	const most = 16 // longer data is none, whatever stands in it
	return len(data) < most &&
		bytes.EqualFold(bytes.Trim(data, " \t\r\n\""), []byte("[DONE]"))
}

// endpoint is where the measured requests of a client go.
type endpoint struct {
	api   *api
	url   *url.URL // without user and password
	shown string   // path and query, for errors
	mask  httpclient.Mask
}

func newEndpoint(a server.Address, api *api, mask httpclient.Mask) *endpoint {
	u := a.Of(api.path)
	shown := u.EscapedPath()
	if u.RawQuery != "" {
		shown += "?" + httpclient.ShownQuery(u.RawQuery)
	}
	return &endpoint{api, u, shown, mask}
}

// target returns where a redirect leads, as it may be shown.
func (e *endpoint) target(location string) string {
	u, err := e.url.Parse(location)
	if err != nil {
		return "a place that is not a URL"
	}
	return httpclient.Shown(u)
}
