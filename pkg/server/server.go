// Package server is what is known of each inference server, as data: how to
// recognise it, what it can do, what to advise its user, and what its metrics
// are called.
//
// # Servers
//
// Engines are in engines.go, routers in routers.go, and the APIs of companies in
// hosted.go: one [Server] for each. Nothing else in this module branches on a
// server's name: to add a server, add an entry there, and its metrics to the
// catalogue. [Identify] finds the entry of a server that can be asked, [Of] the
// entry of a name in a record. docs/servers.md has all entries as tables.
//
// # Which entry wins
//
// Routers list the models of the servers behind them as they are, so owned_by is
// theirs. An entry says in Shares which owners it has in common with others; its
// headers and pages are asked for before an owner decides. The order is: host,
// header of an entry that shares, page of an entry that shares the owner, owner,
// header, page.
//
// # The catalogue of metrics
//
// Servers, and releases of one server, call the same thing by different names.
// catalogue.json lists quantities. Each has a label, a unit, a section of the
// report, and an ordered list of sources; see [Quantity] and [Source]. To add a
// quantity, add an item there: scrape reads it and report shows it.
package server

import (
	"slices"
	"strings"
)

// Server is one kind of inference server.
type Server struct {
	// Name is the server's name in records and for programs, Title its name in
	// sentences.
	Name  string
	Title string
	// Router reports whether it passes requests on to other servers.
	Router bool
	// Source is where its facts come from: a release of its source, or its
	// documentation. Seen is the release that was run for this entry; "" if none was.
	Source, Seen string

	// Hosts are names of hosts, or what these end in if it begins with a dot.
	Hosts []string
	// Owners are the values of owned_by in /v1/models that identify the server.
	Owners []string
	// Shares are owners that other entries have, too: those of the servers that a
	// router lists, or of the one that a simulator plays.
	Shares []string
	// Headers are response headers of /v1/models that identify the server; any one
	// of them suffices.
	Headers []Header
	// Signs are pages that only this server has; any one of them suffices.
	Signs []Sign

	// Version is where the server's version stands, the preferred page first.
	// A page /version with a field of that name is read of every server.
	Version []Field
	// MaxModelLen is where the longest prompt and answer that one request can
	// have stands, if that is not what /v1/models says.
	MaxModelLen Field

	// ExactFields are the fields of a request that make an answer as long as asked.
	// There are none if answers cannot be made so.
	ExactFields []string
	// Tokenizes reports whether the server has /tokenize for messages, and
	// /detokenize.
	Tokenizes bool

	// Tokenize is how its /tokenize takes a text, if it does so in one form only.
	Tokenize Tokenize

	// BlockSize is the usual block of its KV cache in tokens, used if the server
	// does not report it; 1 if the cache is exact to the token.
	BlockSize int
	// NullBlock reports whether one of the blocks that the server counts holds
	// no tokens.
	NullBlock bool
	// Cached are the fields of an answer that hold the number of cached tokens,
	// the preferred one first: OBJECT.PATH, where OBJECT is usage or timings. Without
	// one the server never reports it.
	Cached []string
	// OmitsZero reports whether some releases leave the field out if it is 0.
	OmitsZero bool

	// Resets are the requests that empty its prefix cache, the most thorough
	// first. ResetAdvice says how to get one, or what does so if there is none.
	Resets      []Reset
	ResetAdvice string

	// Metrics is the path of its metrics; "" if it has none.
	Metrics string

	Advice Advice
}

// Tokenize is how a server's POST /tokenize takes a text. The zero value is of a
// server that does not, or of which it is not known.
type Tokenize struct {
	Text string // field of the body with the text
	// Special is the field that leaves out special tokens around the text if it is
	// false.
	Special string
}

// ExactLength reports whether answers can be made as long as asked.
func (s *Server) ExactLength() bool { return len(s.ExactFields) > 0 }

// Header is a response header that identifies a server.
type Header struct {
	// Name is that of the header, or what it begins with if it ends in a star.
	Name string
	// Prefix is how its value begins.
	Prefix string
}

// Sign is a page that identifies a server.
type Sign struct {
	Path string
	// The page must have all fields of All, and one of Any if Any is not empty.
	All, Any []string
	// Unowned limits the sign to servers whose models have no owner: others have
	// such a page, too.
	Unowned bool
}

// Field is a field of the JSON at a path of the server.
type Field struct {
	Path, Name string
}

// Reset is one way to empty a prefix cache.
type Reset struct {
	Path string // of the POST
	// Keeps is what the request does not empty; "" if it empties everything.
	Keeps string
	// Fails are fields of the answer that it has if it failed.
	Fails []string
}

// Advice is what the server's user can do, each as a clause that begins with a
// verb; "" if there is nothing to advise.
type Advice struct {
	Report  string // to have cached tokens reported
	Cache   string // to have prefixes cached
	Metrics string // to have metrics exposed
}

// servers are the known servers. Their order matters where a server is not
// known and everything is tried: for Signs, Resets and Cached.
var servers = slices.Concat(engines, routers, hosted)

// Of returns the entry of a name. The entry of an unknown name has the habits
// that are assumed of any server.
func Of(name string) *Server {
	if i := slices.IndexFunc(servers, func(s Server) bool { return s.Name == name }); i >= 0 {
		return &servers[i]
	}
	return &unknown
}

// Titles returns the titles of the servers that has selects, as "A, B and C".
func Titles(has func(*Server) bool) string {
	var titles []string
	for i := range servers {
		if has(&servers[i]) {
			titles = append(titles, servers[i].Title)
		}
	}
	return join(titles, "and")
}

// join makes "a, b and c" of a, b, c.
func join(words []string, last string) string {
	out := ""
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			out += " " + last + " "
		default:
			out += ", "
		}
		out += w
	}
	return out
}

// TokenizeForms returns the forms of all servers, in the order in which to try
// them on one that may be any.
func TokenizeForms() []Tokenize {
	var all []Tokenize
	for i := range servers {
		if f := servers[i].Tokenize; f != (Tokenize{}) && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// Resets returns the requests that empty the prefix cache of some server, in
// the order in which to try them on one that may be any.
func Resets() []Reset {
	var all []Reset
	for i := range servers {
		for _, r := range servers[i].Resets {
			known := func(other Reset) bool { return other.Path == r.Path }
			if !slices.ContainsFunc(all, known) {
				all = append(all, r)
			}
		}
	}
	return all
}

// ResetAdvice says which servers have a request to empty their prefix cache.
func ResetAdvice() string {
	var all []string
	for i := range servers {
		if s := &servers[i]; len(s.Resets) > 0 && s.ResetAdvice != "" {
			all = append(all, s.ResetAdvice)
		}
	}
	return join(all, "and")
}

// CachedFields returns the fields that may hold the number of cached tokens,
// over all servers, the preferred one first: usage is what clients read, so it
// comes before a server's own objects.
func CachedFields() []string {
	var all []string
	for _, s := range append(slices.Clone(servers), unknown) {
		for _, f := range s.Cached {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return order(a) - order(b)
	})
	return all
}

// order is 0 for a field of usage, 1 for another one.
func order(field string) int {
	if strings.HasPrefix(field, "usage.") {
		return 0
	}
	return 1
}
