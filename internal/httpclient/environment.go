package httpclient

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// EnvironmentProxy returns what finds the proxy that HTTPS_PROXY, HTTP_PROXY and
// NO_PROXY name for a URL, in capitals or not; nil if there is none. Its error
// names the variable and has no part of the value, which may hold a password.
func EnvironmentProxy(getenv func(string) string) func(*url.URL) (*url.URL, error) {
	variable := func(name string) string {
		return cmp.Or(getenv(name), getenv(strings.ToLower(name)))
	}
	config := httpproxy.Config{
		HTTPProxy: variable(ProxyVariable(false)), HTTPSProxy: variable(ProxyVariable(true)),
		NoProxy: variable("NO_PROXY"),
	}
	find := config.ProxyFunc()
	return func(u *url.URL) (*url.URL, error) {
		proxy, err := find(u)
		// A value that is no URL is one to httpproxy with http:// before it.
		if err != nil || proxy != nil && (proxy.Hostname() == "" || strings.HasSuffix(proxy.Host, ":")) {
			return nil, errors.New(ProxyVariable(u.Scheme == "https") +
				" is not the address of a proxy")
		}
		return proxy, nil
	}
}

// ProxyVariable returns the variable that names the proxy for https, or for http.
func ProxyVariable(secure bool) string {
	if secure {
		return "HTTPS_PROXY"
	}
	return "HTTP_PROXY"
}
