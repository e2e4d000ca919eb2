package httpclient

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// errNoAddress goes on from the quoted text that is no address.
var errNoAddress = errors.New("is not an address like http://localhost:8000, " +
	"HOST:PORT or [::1]:8000")

// ParseURL reads the address of a server as people write it: an http or https
// URL, or one without its scheme, which is then http. An IPv6 literal without a
// port may go without brackets, and its zone may follow a plain %. A port alone
// is no address. The fragment is dropped. No part of the text is in the error,
// for it may hold a password.
func ParseURL(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "http", text
	}
	if ip, err := netip.ParseAddr(rest); err == nil && ip.Is6() {
		rest = "[" + rest + "]"
	}
	u, err := url.Parse(scheme + "://" + escapedZone(rest))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		!isPort(u.Port()) || !ok && isPort(u.Host) {
		return nil, errNoAddress
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// escapedZone writes the % before the zone of an IPv6 literal as %25, as URLs
// have it.
func escapedZone(rest string) string {
	open, end := strings.IndexByte(rest, '['), strings.IndexByte(rest, ']')
	if open < 0 || end < open {
		return rest
	}
	literal := rest[open:end]
	if at := strings.IndexByte(literal, '%'); at >= 0 && !strings.HasPrefix(literal[at:], "%25") {
		return rest[:open+at] + "%25" + rest[open+at+1:]
	}
	return rest
}

// isPort reports whether s is a port, or "" for the scheme's own.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil
}

// Masked stands for a secret wherever one would be shown.
const Masked = "***"

// Shown returns the address as it may be shown: a password is masked, and so are
// the values in the query whose names are those of secrets. It has no fragment.
func Shown(u *url.URL) string {
	shown := *u
	shown.Fragment, shown.RawFragment = "", ""
	shown.RawQuery = ShownQuery(u.RawQuery)
	shown.User = nil
	text := shown.String()
	if u.User == nil {
		return text
	}
	user := url.User(u.User.Username()).String()
	if _, ok := u.User.Password(); ok {
		user += ":" + Masked
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
	if password, ok := u.User.Password(); ok {
		list = append(list, password, url.QueryEscape(password), url.PathEscape(password))
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
