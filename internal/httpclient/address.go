package httpclient

import (
	"errors"
	"net/netip"
	"net/url"
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
