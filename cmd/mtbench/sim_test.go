package main

import (
	"net"
	"strings"
	"testing"
)

// A simulator that others than this machine reach says so.
func TestOpenTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		addr string
		key  bool
		want string
	}{
		{"127.0.0.1:80", false, ""}, {"127.8.0.1:80", false, ""}, {"[::1]:80", false, ""},
		{"0.0.0.0:80", false, "no key is needed"}, {"[::]:80", false, "anyone who reaches it can"},
		{"192.0.2.1:80", true, "has the key of --api-key"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		if have := openTo(addr, c.key); (have == "") != (c.want == "") ||
			!strings.Contains(have, c.want) || have != "" && !strings.Contains(have, c.addr) {
			t.Errorf("%s: %q, want %q in it", c.addr, have, c.want)
		}
	}
}
