package httpclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"multiturn/internal/httpclient"
	"multiturn/pkg/openai"
	"multiturn/pkg/probe"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
	"multiturn/pkg/server/scrape"
	"multiturn/pkg/tokenizer/hub"
)

// pages are a server and a hub in one.
var pages = map[string]string{
	"/v1/models":          `{"data":[{"id":"m","owned_by":"vllm"}]}`,
	"/metrics":            "vllm:prompt_tokens_total 1\n",
	"/tokenize":           `{"tokens":[1,2]}`,
	"/detokenize":         `{"prompt":"hi"}`,
	"/reset_prefix_cache": `{"success":true}`,
	"/v1/chat/completions": `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":3,"completion_tokens":1}}`,
	"/org/model/resolve/main/tokenizer.json":        `{}`,
	"/org/model/resolve/abc/tokenizer_config.json":  `{}`,
	"/org/model/resolve/main/tokenizer_config.json": `{}`,
}

func handler(seen func(*http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r)
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if page[0] == '{' {
			w.Header().Set("Content-Type", "application/json")
		}
		w.Header().Set("X-Repo-Commit", "abc")
		w.Header().Set("ETag", `"e`+strings.ReplaceAll(r.URL.Path, "/", "-")+`"`)
		_, _ = io.WriteString(w, page)
	})
}

// senders are all that sends requests, each by the one configuration.
func senders(t *testing.T, base string, c httpclient.Config) map[string]func() error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	client, err := openai.New(openai.Options{
		URL: base, Model: "m", NoStream: true, Config: c, Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	do := func(ctx context.Context, _ string) *record.Exchange {
		message := []byte(`{"role":"user","content":"a"}`)
		return &client.Do(ctx, &openai.Request{Messages: [][]byte{message}}).Exchange
	}
	draw := func(n int) []string { return make([]string, n) }
	return map[string]func() error{
		"measured": func() error {
			if x := do(ctx, ""); !x.Outcome.OK() {
				return errors.New(x.Error)
			}
			return nil
		},
		"identify": func() error {
			id, err := client.Identify(ctx)
			if err == nil && id.Name != "vllm" {
				err = fmt.Errorf("identified %+v", id)
			}
			return err
		},
		"tokenize": func() error {
			_, err := client.TokenizeText(ctx, "hi")
			return err
		},
		"detokenize": func() error {
			_, err := client.Detokenize(ctx, []int{1})
			return err
		},
		"reset": func() error {
			_, err := client.ResetCache(ctx)
			return err
		},
		"preconnect": func() error { return client.Preconnect(ctx, 1) },
		"preflight": func() error {
			p := probe.Preflight(ctx, probe.Target{Server: server.Identity{}, Ask: do}, draw)
			if p.Error != "" {
				return errors.New(p.Error)
			}
			return nil
		},
		"metrics": func() error {
			s := scrape.New([]string{base + "/metrics"}, c, time.Now())
			if r := s.Scrape(ctx, record.Before)[0]; r.Error != "" {
				return errors.New(r.Error)
			}
			return nil
		},
		"hub": func() error {
			_, _, err := hub.Find(ctx, "org/model", hub.Options{
				Cache: t.TempDir(), Endpoint: base, HTTP: c,
			})
			return err
		},
	}
}

// A private certificate authority is set in one place and reaches all.
func TestPrivateCAReachesAll(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(handler(func(r *http.Request) {
		key := r.Header.Get("Authorization")
		if ofHub := strings.HasPrefix(r.URL.Path, "/org/"); ofHub == (key == "Bearer sesame") {
			t.Errorf("%s came with the key %q", r.URL.Path, key)
		}
		if r.UserAgent() != httpclient.UserAgent {
			t.Errorf("%s came from %q", r.URL.Path, r.UserAgent())
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())

	for name, send := range senders(t, srv.URL, httpclient.Config{APIKey: "sesame", CA: pool}) {
		if err := send(); err != nil {
			t.Errorf("%s, with the CA: %v", name, err)
		}
	}
	for name, send := range senders(t, srv.URL, httpclient.Config{APIKey: "sesame"}) {
		if err := send(); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s, without the CA: error %v", name, err)
		}
	}
}

// A proxy is set in one place and reaches all.
func TestProxyReachesAll(t *testing.T) {
	t.Parallel()
	hosts := make(chan string, 100)
	proxy := httptest.NewServer(handler(func(r *http.Request) { hosts <- r.URL.Host }))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	const base = "http://server.invalid:8000"
	for name, send := range senders(t, base, httpclient.Config{Proxy: u}) {
		if err := send(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "preconnect" {
			continue // connections through a proxy are not opened ahead
		}
		select {
		case host := <-hosts:
			if host != "server.invalid:8000" {
				t.Errorf("%s: the proxy was asked for %q", name, host)
			}
		default:
			t.Errorf("%s: the proxy was not asked", name)
		}
		for len(hosts) > 0 {
			<-hosts
		}
	}
}

// A redirect is followed within the server, and never to another one.
func TestRedirectsStayWithinTheServer(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked elsewhere, with %v", r.URL, r.Header)
	}))
	defer other.Close()
	for name, leads := range map[string]string{"here": "/moved", "elsewhere": other.URL + "?key=k"} {
		srv := httptest.NewUnstartedServer(handler(func(r *http.Request) {
			key := r.Header.Get("X-Api-Key") + r.Header.Get("Authorization")
			if key != "kBearer sesame" && !strings.HasPrefix(r.URL.Path, "/org/") {
				t.Errorf("%s was asked with %v", r.URL, r.Header)
			}
		}))
		defer srv.Close()
		inner := srv.Config.Handler
		srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if path, ok := strings.CutPrefix(r.URL.Path, "/moved"); ok {
				r.URL.Path = path
				inner.ServeHTTP(w, r)
				return
			}
			to := leads
			if to == "/moved" {
				to += r.URL.Path
			}
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		})
		srv.Start()
		c := httpclient.Config{APIKey: "sesame", Header: http.Header{"x-api-key": {"k"}}}
		for what, send := range senders(t, srv.URL, c) {
			err := send()
			switch {
			case what == "preconnect" || what == "hub":
			case name == "here" && what != "measured" && what != "preflight":
				if err != nil {
					t.Errorf("%s, redirected within the server: %v", what, err)
				}
			case err == nil:
				t.Errorf("%s, redirected %s: no error", what, name)
			case !strings.Contains(err.Error(), "which is not followed") ||
				name == "elsewhere" && !strings.Contains(err.Error(), other.URL+"?key=***"):
				t.Errorf("%s, redirected %s: %v", what, name, err)
			}
		}
	}
}

// No redirect of a server leads anywhere else, whatever it looks like, and the
// error repeats no secret.
func TestHostileRedirects(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked elsewhere, with %v", r.URL, r.Header)
	}))
	defer other.Close()
	const notFollowed = "which is not followed"
	for _, tt := range []struct {
		location, want string // HERE is the server's host and port
		status         int
	}{
		{other.URL + "/sesame", notFollowed, 302},
		{other.URL + "/sesame", notFollowed, 308},
		{strings.TrimPrefix(other.URL, "http:"), notFollowed, 307},
		{"https://HERE/", notFollowed, 307},
		{"http://user:pass@HERE/v1/models", "http://user:***@127.0.0.1", 307},
		{"http://127.0.0.1/", notFollowed, 303},
		{"ftp://HERE/", notFollowed, 307},
		{"file:///etc/passwd", notFollowed, 301},
		{"http://[fe80::1%25lo]/", notFollowed, 307},
		{"http://[bad/sesame", "", 307},
		{"", "", 302},
		{"/loop", "too many redirects", 307},
		{"?again", "too many redirects", 308},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to := strings.ReplaceAll(tt.location, "HERE", r.Host)
			w.Header().Set("Location", to)
			w.WriteHeader(tt.status)
		}))
		defer srv.Close()
		for what, send := range senders(t, srv.URL, httpclient.Config{APIKey: "sesame"}) {
			want := tt.want
			switch {
			case what == "preconnect" || what == "hub":
				continue
			case what == "measured" || what == "preflight": // the server's word is the error
				want = "HTTP 3"
			case what == "detokenize" && tt.location == "", what == "identify" && tt.location == "":
				continue
			}
			err := send()
			if err == nil || !strings.Contains(err.Error(), want) ||
				strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s, redirected to %q: error %v, want %q", what, tt.location, err, want)
			}
		}
	}
}

// A POST is not followed as a GET, which would be another question.
func TestRedirectOfPost(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/moved" {
			http.Redirect(w, r, "/moved", http.StatusFound)
		}
	}))
	defer srv.Close()
	err := senders(t, srv.URL, httpclient.Config{})["reset"]()
	if err == nil || !strings.Contains(err.Error(), "/moved, which is not followed") {
		t.Errorf("error %v", err)
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"http://h", "http://H:80/x?y", true},
		{"https://h:443", "https://h", true},
		{"http://h", "https://h", false},
		{"http://h:443", "https://h:443", false},
		{"http://h:8000", "http://h:8001", false},
		{"http://h", "http://h.example", false},
		{"http://[::1]:80", "http://[::1]", true},
		{"http://[fe80::1%25a]", "http://[fe80::1%25b]", false},
	} {
		a, err := url.Parse(tt.a)
		b, also := url.Parse(tt.b)
		if err != nil || also != nil {
			t.Fatal(err, also)
		}
		if got := httpclient.SameOrigin(a, b); got != tt.want {
			t.Errorf("SameOrigin(%s, %s) = %v", tt.a, tt.b, got)
		}
	}
}

// authority is a certificate authority of the test, and a certificate that it
// signed, in PEM form.
func authority(t *testing.T) (ca []byte, sign func(name string) (certificate, key []byte)) {
	t.Helper()
	now := time.Now()
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		}
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	root, rootKey := template(1, "authority"), newKey()
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	create := func(c *x509.Certificate, public any) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, root, public, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return create(root, &rootKey.PublicKey), func(name string) (certificate, key []byte) {
		c, private := template(2, name), newKey()
		c.DNSNames = []string{"localhost"}
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		return create(c, &private.PublicKey),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
}

// A client certificate is set in one place and reaches the server, and it alone.
func TestClientCertificateReachesAll(t *testing.T) {
	t.Parallel()
	root, sign := authority(t)
	pool, err := httpclient.ParseCA(root)
	if err != nil {
		t.Fatal(err)
	}
	pair := func(name string, oneFile bool) tls.Certificate {
		certificate, key := sign(name)
		if oneFile {
			certificate = append(key, certificate...)
			key = certificate
		}
		c, err := httpclient.ParseCertificate(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	srv := httptest.NewUnstartedServer(handler(func(r *http.Request) {
		if who := r.TLS.PeerCertificates[0].Subject.CommonName; who != "client" {
			t.Errorf("%s came from %q", r.URL, who)
		}
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{
		Certificates: []tls.Certificate{pair("server", false)}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert,
	}
	srv.StartTLS()
	defer srv.Close()
	// Over TLS 1.3 a client finishes the handshake before the server refuses.
	late := map[string]bool{"preconnect": true}
	c := httpclient.Config{CA: pool, Certificates: []tls.Certificate{pair("client", true)}}
	for name, send := range senders(t, srv.URL, c) {
		if err := send(); (err != nil) != (name == "hub") {
			t.Errorf("%s, with the certificate: %v", name, err)
		}
	}
	for name, send := range senders(t, srv.URL, httpclient.Config{CA: pool}) {
		if err := send(); err == nil && !late[name] {
			t.Errorf("%s, without the certificate: no error", name)
		}
	}
}

func TestBadCertificates(t *testing.T) {
	t.Parallel()
	_, sign := authority(t)
	certificate, key := sign("client")
	_, other := sign("other")
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	for name, c := range map[string]struct {
		certificate, key []byte
		want             string
	}{
		"no key":         {certificate, certificate, "the private key is missing"},
		"a locked key":   {certificate, locked, "has a passphrase"},
		"another's key":  {certificate, other, "does not match"},
		"no certificate": {key, key, "failed to find"},
	} {
		_, err := httpclient.ParseCertificate(c.certificate, c.key)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := httpclient.ParseCA([]byte("no PEM")); err == nil {
		t.Error("an authority without a certificate is accepted")
	}
}
