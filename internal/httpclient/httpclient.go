// Package httpclient is the one configuration of all HTTP requests: those that
// are measured, those beside them (metrics, identification, tokenizing, emptying
// a cache), and downloads. What is set here reaches all of them.
//
// # Secrets
//
// The key and the headers are meant for the server. No request follows a
// redirect to another origin, and [Config.Elsewhere] is the configuration for any
// other host. [Shown] is an address without its secrets.
package httpclient

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// UserAgent is the User-Agent of all requests, unless Header has another one.
const UserAgent = "multiturn"

// SessionMark stands for a conversation in the value of a header.
const SessionMark = "{session}"

// DefaultDialTimeout is the limit of dialling and of the TLS handshake, each. A
// connection that takes longer is of no use to a benchmark.
const DefaultDialTimeout = 30 * time.Second

// Config is how a server is reached. The zero value is a direct connection, with
// the system's certificates.
type Config struct {
	// APIKey becomes "Authorization: Bearer"; it wins over one in Header.
	APIKey string
	// Header is sent with every request. Values with SessionMark are sent with the
	// requests of a conversation only.
	Header http.Header

	// CA are the certificates to trust; nil means the system's. [ParseCA] adds to
	// these.
	CA *x509.CertPool
	// Certificates are shown to a server that asks for one.
	Certificates []tls.Certificate
	// Insecure accepts any certificate.
	Insecure bool

	// Proxy is the HTTP proxy. If it is nil, FindProxy is asked, and without
	// FindProxy there is none.
	Proxy     *url.URL
	FindProxy func(*http.Request) (*url.URL, error)

	// DialTimeout limits dialling and the TLS handshake, each; 0 means
	// DefaultDialTimeout. HeaderTimeout limits the wait for a response's head; 0
	// means no limit.
	DialTimeout   time.Duration
	HeaderTimeout time.Duration
}

// Elsewhere returns the configuration for a host other than the server: without
// the key, the headers, the client's certificates, and the leave to accept any
// certificate, which are meant for the server.
func (c Config) Elsewhere() Config {
	c.APIKey, c.Header, c.Certificates, c.Insecure = "", nil, nil, false
	return c
}

// CheckKey returns an error if a key cannot be sent in a header: "must be ...".
func CheckKey(key string) error {
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("must be one line of text, without control characters")
	}
	return nil
}

// ProxyOf returns the proxy of requests to a URL; nil if there is none.
func (c *Config) ProxyOf(u *url.URL) (*url.URL, error) {
	if c.Proxy != nil || c.FindProxy == nil {
		return c.Proxy, nil
	}
	return c.FindProxy(&http.Request{URL: u})
}

// Proxied reports whether requests to a URL go through a proxy. It does if the
// proxy cannot be found out: the request has the error.
func (c *Config) Proxied(u *url.URL) bool {
	proxy, err := c.ProxyOf(u)
	return proxy != nil || err != nil
}

// Dialer returns the dialer of connections.
func (c *Config) Dialer() *net.Dialer {
	return &net.Dialer{Timeout: cmp.Or(c.DialTimeout, DefaultDialTimeout)}
}

// Transport returns a new transport. It sets no headers.
func (c *Config) Transport() *http.Transport {
	t := &http.Transport{
		Proxy:       c.FindProxy,
		DialContext: c.Dialer().DialContext,
		TLSClientConfig: &tls.Config{
			RootCAs: c.CA, Certificates: c.Certificates, InsecureSkipVerify: c.Insecure,
			MinVersion: tls.VersionTLS12,
		},
		TLSHandshakeTimeout:   cmp.Or(c.DialTimeout, DefaultDialTimeout),
		ResponseHeaderTimeout: c.HeaderTimeout,
		ForceAttemptHTTP2:     true, // which a TLS configuration would turn off
	}
	if c.Proxy != nil {
		t.Proxy = http.ProxyURL(c.Proxy)
	}
	return t
}

// Client returns a client of which each request takes limit at most; 0 means no
// limit. [Config.Apply] adds the headers to a request. The client follows
// redirects by [WithinOrigin].
func (c *Config) Client(limit time.Duration) *http.Client {
	return &http.Client{
		Transport: c.Transport(), Timeout: limit, CheckRedirect: WithinOrigin,
	}
}

// WithoutURL returns the cause of a request's error. A *url.Error around it
// repeats the address, and with it the secrets of its user and its query.
func WithoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Apply sets the headers of a request to the server, the key among them, except
// those with SessionMark.
func (c *Config) Apply(h http.Header) {
	h.Set("User-Agent", UserAgent)
	for name, values := range c.Header {
		if !OfRequest(name) {
			continue
		}
		h.Del(name)
		for _, v := range values {
			if !strings.Contains(v, SessionMark) {
				h.Add(name, v)
			}
		}
	}
	if c.APIKey != "" {
		h.Set("Authorization", "Bearer "+c.APIKey)
	}
}

// OfRequest reports whether a header may be set: not one that belongs to the
// connection or to the body's transfer.
func OfRequest(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Length", "Transfer-Encoding", "Connection":
		return false
	}
	return true
}
