package server

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"multiturn/internal/httpclient"
)

// Paths of the endpoints that generate text, after the version of the API. The
// order in which they are looked for is that of [endpoints].
const (
	ChatCompletions = "/chat/completions"
	Completions     = "/completions"
	Responses       = "/responses"
)

// endpoints are those paths; one that another one ends in comes after it.
var endpoints = []string{ChatCompletions, Completions, Responses}

// Address is a server's address, as a user gave it. It is the one rule for what
// is asked where. The zero value is no address.
//
// The path of an address is BASE, BASE/VERSION, or one that ends in the path of
// an endpoint, where VERSION is a last segment such as v1, v3 or v1beta:
//
//	http://host:8000              POST /v1/chat/completions         GET /metrics
//	http://host/api/paas/v4       POST /api/paas/v4/chat/...        GET /api/paas/metrics
//	http://host/x/chat/completions?api-version=2024-10-21
//	                              POST to the address as it stands  GET /x/metrics?api-version=...
//
// The version is v1 unless the address has another one, ends in the path of an
// endpoint without a version before it, or has the version before a last segment
// openai or openapi, as Gemini, DeepInfra and Cloudflare have it. The query goes with every request:
// gateways choose a version or check a key by it. User and password are no part
// of the URLs that an Address makes.
type Address struct {
	given    url.URL
	base     string // escaped path before the version, without a slash at its end
	version  string // "/v1", or ""
	endpoint string // path of the endpoint that the address ends in, or ""
}

// lastVersion is a last segment that is the version of an API: v1, v4, v1.1,
// v1beta, v1p1beta1.
var lastVersion = regexp.MustCompile(`/[vV][0-9]+(\.[0-9]+)*([a-z][a-z0-9]*)?$`)

// innerVersion is a path that has the version of the API in its middle:
// /v1beta/openai, /v1/ACCOUNT/GATEWAY/openai. Any other path with a version there
// can be that of a proxy, such as Kubernetes's /api/v1/namespaces/.../proxy.
var innerVersion = regexp.MustCompile(`/[vV][0-9][a-z0-9.]*/(.*/)?open(ai|api)$`)

// ParseAddress reads an address. It may lack the scheme, which is then http. The
// error begins with a verb ("is not ...") and has no part of the text in it.
func ParseAddress(text string) (Address, error) {
	if strings.TrimSpace(text) == "" {
		return Address{}, errors.New("is empty; want http://host:port or https://host")
	}
	u, err := httpclient.ParseURL(text)
	if err != nil {
		return Address{}, err
	}
	a := Address{given: *u}
	path := strings.TrimRight(u.EscapedPath(), "/")
	for _, e := range endpoints {
		if before, ok := strings.CutSuffix(path, e); ok {
			path, a.endpoint = before, e
			break
		}
	}
	a.version = lastVersion.FindString(path)
	a.base = strings.TrimRight(strings.TrimSuffix(path, a.version), "/")
	if a.version == "" && a.endpoint == "" && !innerVersion.MatchString(path) {
		a.version = "/v1"
	}
	return a, nil
}

// Endpoint returns the path of the endpoint that the address ends in, one of the
// constants; "" if the address is that of a server.
func (a Address) Endpoint() string { return a.endpoint }

// Of returns the URL of an endpoint: the address as it stands if it ends in the
// endpoint's path.
func (a Address) Of(endpoint string) *url.URL {
	if a.endpoint == endpoint {
		u := a.given
		u.User = nil
		return &u
	}
	return a.url(a.base+a.version+endpoint, "")
}

// At returns the URL of another page. A path that begins with /v1/ is one of the
// API, and gets the version of the address; any other is one of the server. The
// path may have a query, which comes before that of the address.
func (a Address) At(page string) *url.URL {
	path, query, _ := strings.Cut(page, "?")
	if rest, ok := strings.CutPrefix(path, "/v1/"); ok {
		path = a.version + "/" + rest
	}
	return a.url(a.base+path, query)
}

// url returns the URL of an escaped path on the server.
func (a Address) url(path, query string) *url.URL {
	if query != "" && a.given.RawQuery != "" {
		query += "&"
	}
	u := &url.URL{
		Scheme: a.given.Scheme, Host: a.given.Host, RawPath: path,
		RawQuery: query + a.given.RawQuery,
	}
	// The path was part of a URL, so it can be unescaped.
	u.Path, _ = url.PathUnescape(path)
	return u
}

// Base returns what the URLs of the server begin with, for messages.
func (a Address) Base() string {
	u := a.url(a.base, "")
	u.RawQuery = ""
	return u.String()
}

// Secure reports whether the address is one of https.
func (a Address) Secure() bool { return a.given.Scheme == "https" }

// User returns the user and password in the address, nil if there are none.
func (a Address) User() *url.Userinfo { return a.given.User }

// Secrets returns the texts in the address that must not be shown.
func (a Address) Secrets() []string { return httpclient.Secrets(&a.given) }

// String returns the address as it may be shown, with its secrets masked.
func (a Address) String() string { return httpclient.Shown(&a.given) }
