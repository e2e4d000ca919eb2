package cli

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"multiturn/internal/httpclient"
)

// commaList is a list that is given as a whole.
func commaList[T any](
	p *[]T, meta string, parse func(string) ([]T, error), show func(T) string,
) Value {
	all := func(list []T) string { return strings.Join(shown(list, show), ",") }
	get := func(list []T) any { return slices.Clone(list) }
	return &value[[]T]{p: p, meta: meta, parse: parse, show: all, get: get}
}

func shown[T any](list []T, show func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = show(x)
	}
	return out
}

// List is a list that grows with every use of the flag. parse reads one value,
// show writes it.
func List[T any](p *[]T, meta string, parse func(string) (T, error), show func(T) string) Value {
	return &list[T]{p, meta, parse, show}
}

// Unquoted is a List whose texts may be secrets: errors do not quote them.
func Unquoted[T any](p *[]T, meta string, parse func(string) (T, error), show func(T) string) Value {
	return &unquoted[T]{list[T]{p, meta, parse, show}}
}

type list[T any] struct {
	p     *[]T
	meta  string
	parse func(string) (T, error)
	show  func(T) string
}

type unquoted[T any] struct{ list[T] }

func (v *unquoted[T]) Quote(string) string { return "" }

func (v *list[T]) Set(s string) error {
	x, err := v.parse(s)
	if err == nil {
		*v.p = append(*v.p, x)
	}
	return err
}

func (v *list[T]) String() string { return strings.Join(shown(*v.p, v.show), " ") }
func (v *list[T]) Reset()         { *v.p = nil }
func (v *list[T]) Meta() string   { return v.meta }
func (v *list[T]) Bound() any     { return v.p }
func (v *list[T]) Get() any       { return shown(*v.p, v.show) }

// Strings is a list of texts that grows with every use of the flag. A comma is
// part of a text.
func Strings(p *[]string) Value { return texts(p, "TEXT") }

// Files is a list of file names that grows with every use of the flag.
func Files(p *[]string) Value { return texts(p, "FILE") }

func texts(p *[]string, meta string) Value {
	parse := func(s string) (string, error) { return s, nil }
	return List(p, meta, parse, func(s string) string { return s })
}

// URLs is a list of http or https addresses with a host, without a scheme http. It
// grows with every use of the flag. A password and the secrets of a query are
// masked wherever it is shown.
func URLs(p *[]string) Value {
	return &urls{list[string]{p, "URL", parseURL, httpclient.ShownText}}
}

type urls struct{ list[string] }

func (v *urls) Quote(text string) string { return httpclient.Quotable(text) }

func parseURL(s string) (string, error) {
	u, err := httpclient.ParseURL(s)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// Headers is HTTP headers, "Name: value" or "Name=value", one for each use of
// the flag. A name given again replaces the earlier value. The values are
// secrets and never shown.
func Headers(p *http.Header) Value { return headers{p} }

type headers struct{ p *http.Header }

var errNoHeader = errors.New("this is not a header: write 'Name: value' or Name=value")

func (v headers) String() string { return strings.Join(v.Get().([]string), ", ") }
func (v headers) Meta() string   { return "'K: V'" }
func (v headers) Reset()         { *v.p = http.Header{} }
func (v headers) Bound() any     { return v.p }

func (v headers) Quote(string) string { return "" }

func (v headers) Get() any {
	names := []string{}
	for name := range *v.p {
		names = append(names, name+": "+httpclient.Masked)
	}
	slices.Sort(names)
	return names
}

func (v headers) Set(s string) error {
	cut := strings.IndexAny(s, ":=")
	if cut < 0 {
		return errNoHeader
	}
	name, val := strings.TrimSpace(s[:cut]), strings.TrimSpace(s[cut+1:])
	if name == "" || strings.IndexFunc(name, notToken) >= 0 {
		return errNoHeader
	}
	control := func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
	if strings.IndexFunc(val, control) >= 0 {
		return errors.New("a control character in a header's value")
	}
	if *v.p == nil {
		*v.p = http.Header{}
	}
	v.p.Set(name, val)
	return nil
}

// notToken reports whether the character may not be in a header's name.
func notToken(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
