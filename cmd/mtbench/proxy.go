package main

import (
	"net/http"
	"net/url"

	"multiturn/internal/httpclient"
	"multiturn/pkg/cli"
	"multiturn/pkg/server"
)

// byEnvironment is the value of --proxy that asks for the environment's.
const byEnvironment = "env"

// proxyFlag is the value of --proxy: an address, or env.
func (f *runFlags) proxyFlag() cli.Value {
	parse := func(s string) (*url.URL, error) {
		if f.proxyByEnv = s == byEnvironment; f.proxyByEnv {
			return nil, nil
		}
		return httpclient.ParseURL(s)
	}
	show := func(u *url.URL) string {
		switch {
		case f.proxyByEnv:
			return byEnvironment
		case u == nil:
			return ""
		}
		return httpclient.Shown(u)
	}
	return cli.ParsedURL(&f.openai.Proxy, "URL|env", parse, show)
}

// findProxy takes the environment's proxies if that is asked for, and says what
// they are for the server: a proxy changes every time that is measured.
func (f *runFlags) findProxy(c *cli.Call) error {
	if f.openai.Proxy != nil {
		return nil
	}
	find := httpclient.EnvironmentProxy(c.Getenv)
	if f.proxyByEnv {
		f.openai.FindProxy = func(r *http.Request) (*url.URL, error) { return find(r.URL) }
	}
	for _, text := range f.openai.URL {
		a, err := server.ParseAddress(text)
		if err != nil {
			return nil // which has its own error
		}
		if err := f.sayProxy(c, a, find); err != nil {
			return err
		}
	}
	return nil
}

// sayProxy remarks which proxy the environment has for a server, and whether it is
// used.
func (f *runFlags) sayProxy(c *cli.Call, a server.Address,
	find func(*url.URL) (*url.URL, error)) error {
	proxy, err := find(a.At("/"))
	name := httpclient.ProxyVariable(a.Secure())
	switch {
	case !f.proxyByEnv && (proxy != nil || err != nil):
		c.Remarkf("%s names a proxy, which is not used; --proxy env uses it", name)
	case !f.proxyByEnv:
	case err != nil:
		return cli.UsageErrorf("--proxy env: %w", err)
	case proxy == nil:
		c.Remarkf("--proxy env: no proxy stands before %s", a.Base())
	default:
		c.Remarkf("--proxy env: requests go through %s, as %s says", httpclient.Shown(proxy), name)
	}
	return nil
}
