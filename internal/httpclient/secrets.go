package httpclient

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Masked stands for a secret wherever one would be shown.
const Masked = "***"

// Shown returns the address as it may be shown: a password is masked, a user
// without one, and the values in the query whose names are those of secrets. It
// has no fragment.
func Shown(u *url.URL) string {
	shown := *u
	shown.Fragment, shown.RawFragment = "", ""
	shown.RawQuery = ShownQuery(u.RawQuery)
	shown.User = nil
	text := shown.String()
	if u.User == nil {
		return text
	}
	user := Masked // alone it is a key
	if _, ok := u.User.Password(); ok {
		user = url.User(u.User.Username()).String() + ":" + Masked
	}
	scheme, rest, _ := strings.Cut(text, "//")
	return scheme + "//" + user + "@" + rest
}

// ShownText is Shown of an address in text, as ParseURL reads it; what it cannot
// read is masked as a whole.
func ShownText(address string) string {
	u, err := ParseURL(address)
	if err != nil {
		return Masked
	}
	return Shown(u)
}

// ShownQuery returns a query with the values of its secrets masked.
func ShownQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, _, ok := strings.Cut(part, "="); ok && secretName(name) {
			parts[i] = name + "=" + Masked
		}
	}
	return strings.Join(parts, "&")
}

// Secrets returns the secrets in an address, as they are and as they are
// written there.
func Secrets(u *url.URL) []string {
	var list []string
	if u.User != nil {
		secret, ok := u.User.Password()
		if !ok {
			secret = u.User.Username()
		}
		list = append(list, secret, url.QueryEscape(secret), url.PathEscape(secret), Login(u.User))
	}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if !secretName(name) {
			continue
		}
		list = append(list, value)
		if plain, err := url.QueryUnescape(value); err == nil {
			list = append(list, plain)
		}
	}
	return list
}

// Login returns a user and a password as basic authentication has them.
func Login(user *url.Userinfo) string {
	password, _ := user.Password()
	return base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
}

// secretNames are what the names of secrets in queries have in common: api-key,
// subscription-key, access_token, sig, X-Amz-Signature, code (of Azure's
// functions), client_secret.
var secretNames = regexp.MustCompile(`(?i)key|token|sig|secret|pass|pwd|auth|cred|jwt|^code$`)

// SecretName reports whether the name of a header or of a value in a query is
// one of a secret.
func SecretName(name string) bool { return secretNames.MatchString(name) }

func secretName(name string) bool {
	plain, err := url.QueryUnescape(name)
	return err != nil || SecretName(plain)
}

// Secrets returns the secrets that requests to a URL carry: the key, the values
// of the headers, and those of the proxy's address.
func (c *Config) Secrets(u *url.URL) []string {
	list := []string{c.APIKey}
	if proxy, err := c.ProxyOf(u); err == nil && proxy != nil {
		list = append(list, Secrets(proxy)...)
	}
	for _, values := range c.Header {
		for _, v := range values {
			list = append(list, HeaderSecrets(v)...)
		}
	}
	return list
}

// HeaderSecrets returns the secrets in the value of a header: its parts around
// SessionMark, and of each what follows the first word, the key in "Bearer key".
func HeaderSecrets(value string) (list []string) {
	for part := range strings.SplitSeq(value, SessionMark) {
		list = append(list, part)
		if _, key, ok := strings.Cut(part, " "); ok {
			list = append(list, key)
		}
	}
	return list
}

// Mask are the secrets that no text of a server may show, even if it repeats
// them.
type Mask []string

// NewMask returns a mask of the secrets among texts.
func NewMask(texts ...string) (m Mask) {
	const shortest = 4 // shorter texts are in words by chance
	for _, t := range texts {
		if t = strings.TrimSpace(t); len(t) >= shortest {
			m = append(m, t)
		}
	}
	// The longest first: a secret may be part of another one.
	slices.SortFunc(m, func(a, b string) int { return len(b) - len(a) })
	return m
}

// Remove returns the text with the secrets masked.
func (m Mask) Remove(text string) string {
	for _, secret := range m {
		text = strings.ReplaceAll(text, secret, Masked)
	}
	return text
}

// Beginning is Remove of the first n bytes of a text, without what may be the
// beginning of a secret where it is cut.
func (m Mask) Beginning(text string, n int) string {
	if len(text) <= n {
		return m.Remove(text)
	}
	text = m.Remove(text[:n])
	if len(m) > 0 { // the first is the longest
		text = text[:max(0, len(text)-len(m[0]))]
	}
	return text
}

// Quotable returns what an error may show of a text that ParseURL refused: not
// what may be a user, a password or a query.
func Quotable(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = Masked + rest[at:]
	}
	if at := strings.IndexAny(rest, "?#"); at >= 0 {
		rest = rest[:at+1] + Masked
	}
	host, _, _ := strings.Cut(rest, "/")
	if wrongPort.MatchString(host) {
		return scheme + Masked
	}
	return scheme + rest
}

// wrongPort is a host whose port is a word, which may be a password.
var wrongPort = regexp.MustCompile(`:[^:\]]*[^:\]0-9][^:\]]*$`)
