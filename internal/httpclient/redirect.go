package httpclient

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is the limit of net/http.
const maxRedirects = 10

// WithinOrigin is the rule for redirects of requests that are not measured: they
// are followed to the same scheme, host and port. The error of any other is a
// *RedirectError. A redirect that would make another request of a POST, as 301 to
// 303 do, or that names a user, is not followed either.
func WithinOrigin(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) >= maxRedirects:
		return &RedirectError{To: Shown(req.URL), Again: true}
	case !SameOrigin(req.URL, first.URL) || req.URL.User != nil || req.Method != first.Method:
		return &RedirectError{To: Shown(req.URL)}
	}
	return nil
}

// SameOrigin reports whether two addresses have the same scheme, host and port.
func SameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && HostPort(a) == HostPort(b) }

// HostPort returns the address to dial, with the scheme's port if the URL has none.
func HostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// RedirectError is a redirect that is not followed.
type RedirectError struct {
	To    string // the target, without its secrets
	Again bool   // it is one of too many
}

func (e *RedirectError) Error() string {
	if e.Again {
		return "too many redirects, the last one to " + e.To
	}
	return "it redirects to " + e.To + ", which is not followed"
}
