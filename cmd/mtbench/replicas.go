package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"multiturn/internal/httpclient"
	"multiturn/pkg/server"
)

// of returns the address of a replica with a colon, for remarks and errors about
// one of several; "" if there is one server.
func (f *runFlags) of(replica int) string {
	if len(f.openai.URL) == 1 {
		return ""
	}
	return httpclient.ShownText(f.openai.URL[replica]) + ": "
}

// remarkDifferent remarks what replicas say otherwise of themselves than the
// first: results by replica then compare servers, too.
func (s *setup) remarkDifferent(ids []server.Identity) {
	for i := range ids {
		if text := different(&ids[i], &ids[0]); text != "" {
			s.call.Remarkf("%snot as %s: %s", s.of(i), httpclient.ShownText(s.runFlags.openai.URL[0]), text)
		}
	}
}

// different says how a server differs from another, "" if it does not.
func different(id, from *server.Identity) string {
	var parts []string
	add := func(what, is, was string) {
		if is != was {
			parts = append(parts, fmt.Sprintf("%s %s, not %s", what, cmp.Or(is, "unknown"),
				cmp.Or(was, "unknown")))
		}
	}
	add("server", id.Name, from.Name)
	add("version", id.Version, from.Version)
	if !slices.Equal(slices.Sorted(slices.Values(id.Models)),
		slices.Sorted(slices.Values(from.Models))) {
		add("models", strings.Join(id.Models, " "), strings.Join(from.Models, " "))
	}
	add("longest context", length(id.MaxModelLen), length(from.MaxModelLen))
	return strings.Join(parts, "; ")
}

// length is a number of tokens, "" if it is unknown.
func length(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
