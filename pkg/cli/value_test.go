package cli

import (
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestValues(t *testing.T) {
	t.Parallel()
	var (
		i    int
		i32  int32
		u    uint64
		u32  uint32
		f    float64
		b    bool
		s    string
		d    time.Duration
		size int64
		list []float64
	)
	for _, c := range []struct {
		name  string
		value Value
		in    string
		want  any    // nil: refused
		err   string // what the error begins with
	}{
		{"int", Int(&i), "42", 42, ""},
		{"int", Int(&i), "-7", -7, ""},
		{"int", Int(&i), "+7", 7, ""},
		{"int", Int(&i), " 7 ", 7, ""},
		{"int", Int(&i), "1.0", nil, "is not a whole number"},
		{"int", Int(&i), "", nil, "is not a whole number"},
		{"int", Int(&i), "99999999999999999999", nil, "is too large a number"},
		{"int32", Int(&i32), "2147483648", nil, "is too large a number"},
		{"int, least", Int(&i, 1), "0", nil, "is less than 1"},
		{"int, least", Int(&i, 1), "1", 1, ""},
		{"int, both", Int(&i, 1, 9), "10", nil, "is not between 1 and 9"},
		{"int, both", Int(&i, 1, 9), "9", 9, ""},
		{"uint64", Int(&u), "18446744073709551615", uint64(math.MaxUint64), ""},
		{"uint64", Int(&u), "18446744073709551616", nil, "is too large a number"},
		{"uint64", Int(&u), "-1", nil, "is less than 0"},
		{"uint32", Int(&u32), "4294967295", uint32(math.MaxUint32), ""},
		{"uint32", Int(&u32), "4294967296", nil, "is too large a number"},
		{"float", Float(&f), "1e3", 1000.0, ""},
		{"float", Float(&f), "NaN", nil, "is not a number"},
		{"float", Float(&f), "inf", nil, "is not a number"},
		{"float", Float(&f), "1e999", nil, "is not a number"},
		{"float, least", Float(&f, 0), "-0.1", nil, "is less than 0"},
		{"bool", Bool(&b), "on", true, ""},
		{"bool", Bool(&b), "FALSE", false, ""},
		{"bool", Bool(&b), "", nil, "is not true or false"},
		{"string", String(&s), " a,b ", " a,b ", ""},
		{"seconds", Duration(&d), "30", "30s", ""},
		{"seconds", Duration(&d), "0.25", "250ms", ""},
		{"seconds", Duration(&d), "0", "0s", ""},
		{"duration", Duration(&d), "30s", "30s", ""},
		{"duration", Duration(&d), "1h30m", "1h30m0s", ""},
		{"duration", Duration(&d), "-1", nil, "is less than 0s"},
		{"duration", Duration(&d, time.Second), "0.5", nil, "is less than 1s"},
		{"duration", Duration(&d), "1e300", nil, "is too long a time"},
		{"duration", Duration(&d), "NaN", nil, "is not a time"},
		{"duration", Duration(&d), "30 seconds", nil, "is not a time"},
		{"duration", Duration(&d), "", nil, "is not a time"},
		{"percent", Percent(&f), "50%", 50.0, ""},
		{"percent", Percent(&f), "0.5", 0.5, ""},
		{"percent", Percent(&f), "101", nil, "is not between 0 and 100"},
		{"percent", Percent(&f), "%", nil, "is not a number"},
		{"percents", Percents(&list), "0%, 25%,50", []float64{0, 25, 50}, ""},
		{"percents", Percents(&list), "0%,,50%", nil,
			`is not percentages like 0%,25%,50%: "" is not a number`},
		{"percents", Percents(&list), "0%;50%", nil, "is not percentages"},
		{"size", Size(&size), "4096", int64(4096), ""},
		{"size", Size(&size), "64KiB", int64(65536), ""},
		{"size", Size(&size), "64k", int64(65536), ""},
		{"size", Size(&size), "10 MB", int64(10_000_000), ""},
		{"size", Size(&size), "1.5GiB", int64(3 << 29), ""},
		{"size", Size(&size), "0.3B", nil, "is not a whole number of bytes"},
		{"size", Size(&size), "9999999TiB", nil, "is too large a size"},
		{"size", Size(&size), "-1", nil, "is less than 0"},
		{"size", Size(&size), "k", nil, "is not a size"},
		{"size", Size(&size), "4x", nil, "is not a size"},
		{"size", Size(&size), "", nil, "is not a size"},
		{"enum", Enum(&s, "any", "ascii"), "any", "any", ""},
		{"enum", Enum(&s, "any", "ascii"), "ANY", nil, "is not any or ascii; did you mean any?"},
		{"enum", Enum(&s, "", "any", "ascii"), "", "", ""},
		{"enum", Enum(&s, "", "any", "ascii"), "x", nil, "is not any or ascii"},
		{"urls", URLs(new([]string)), "https://example.test/v1", []string{"https://example.test/v1"}, ""},
		{"urls", URLs(new([]string)), "http://me:pw@example.test", []string{"http://me:***@example.test"}, ""},
		{"urls", URLs(new([]string)), "localhost:8000", []string{"http://localhost:8000"}, ""},
		{"urls", URLs(new([]string)), "localhost", []string{"http://localhost"}, ""},
		{"urls", URLs(new([]string)), "10.0.0.1:8000/v1", []string{"http://10.0.0.1:8000/v1"}, ""},
		{"urls", URLs(new([]string)), "[::1]:8000", []string{"http://[::1]:8000"}, ""},
		{"urls", URLs(new([]string)), " http://host:8000/ ", []string{"http://host:8000/"}, ""},
		{"urls", URLs(new([]string)), "::1", []string{"http://[::1]"}, ""},
		{"urls", URLs(new([]string)), "h?api-key=k1&v=2", []string{"http://h?api-key=***&v=2"}, ""},
		{"urls", URLs(new([]string)), ":8000", nil, "is not an address"},
		{"urls", URLs(new([]string)), "8000", nil,
			"is not an address like http://localhost:8000, HOST:PORT or [::1]:8000"},
		{"urls", URLs(new([]string)), "host:65536", nil, "is not an address"},
		{"urls", URLs(new([]string)), "two words", nil, "is not an address"},
		{"urls", URLs(new([]string)), "", nil, "is not an address"},
		{"urls", URLs(new([]string)), "http://", nil, "is not an address"},
		{"urls", URLs(new([]string)), "ftp://x", nil, "is not an address"},
		{"urls", URLs(new([]string)), "http://[::1", nil, "is not an address"},
	} {
		err := c.value.Set(c.in)
		if c.want == nil {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s %q: error %v, want %q", c.name, c.in, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %q: %v", c.name, c.in, err)
			continue
		}
		if got := c.value.(interface{ Get() any }).Get(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %q gives %#v, want %#v", c.name, c.in, got, c.want)
		}
		// The result of String can be set again, unless it is masked.
		text := c.value.String()
		if err := c.value.Set(text); err != nil {
			t.Errorf("%s %q shows as %q, which is refused: %v", c.name, c.in, text, err)
		}
	}
}

func TestSizeText(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 1000: "1000", 1024: "1KiB", 1536: "1536",
		3 << 29: "1536MiB", 1 << 40: "1TiB"} {
		equal(t, "size", Size(&n).String(), want)
	}
}

func TestParsed(t *testing.T) {
	t.Parallel()
	type rate struct{ n, per int }
	r := rate{5, 1}
	v := Parsed(&r, "N/S", func(s string) (r rate, err error) {
		if n, _ := fmt.Sscanf(s, "%d/%d", &r.n, &r.per); n != 2 {
			return r, fmt.Errorf("is not a rate like 5/1")
		}
		return r, nil
	}, func(r rate) string { return fmt.Sprintf("%d/%d", r.n, r.per) })
	c := newDemo().command("")
	c.Groups = append(c.Groups, Group{"More", []Flag{{Name: "pace", Value: v, Usage: "how fast"}}})
	r2 := call(c, nil, "--help-all")
	if !strings.Contains(r2.out, "--pace N/S") ||
		!strings.Contains(r2.out, "how fast (default 5/1)") {
		t.Errorf("not in the help: %s", r2.out)
	}
	wantUsage(t, call(c, nil, "--pace=fast"), `demo: flag --pace: "fast" is not a rate like 5/1`)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	var h http.Header
	v := Headers(&h)
	for _, s := range []string{"X-One: 1", "x-two=2", "Auth: a=b:c", "K=v:w", "X-One: again",
		"Empty:", "T: a\tb"} {
		if err := v.Set(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	want := http.Header{"X-One": {"again"}, "X-Two": {"2"}, "Auth": {"a=b:c"}, "K": {"v:w"},
		"Empty": {""}, "T": {"a\tb"}}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("headers are %v, want %v", h, want)
	}
	if s := v.String(); strings.Contains(s, "again") || !strings.Contains(s, "X-One: ***") {
		t.Errorf("String shows a value: %s", s)
	}
	for _, s := range []string{"", "no separator", ": v", "a b: c", "ü: v", "K: a\nInjected: b",
		"K: a\rb", "K: \x00"} {
		if err := v.Set(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestListDefaultIsReplaced(t *testing.T) {
	t.Parallel()
	list := []string{"default"}
	c := &Command{Name: "demo", Run: newDemo().keep, Groups: []Group{{"", []Flag{{Name: "word",
		Value: Strings(&list)}}}}}
	wantOK(t, call(c, nil, "--word", "a", "--word", "b"))
	equal(t, "list", list, []string{"a", "b"})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	d := newDemo()
	wantOK(t,
		call(d.command(""), nil, "--api-key", "sk-1", "--header", "Authorization: Bearer sk-2",
			"--url", "http://u:sk-3@h", "--seed", "3", "--wait=90"))
	o := d.call.Options()
	if text := fmt.Sprint(o); strings.Contains(text, "sk-") {
		t.Errorf("a secret is shown: %s", text)
	}
	if o["seed"] != 3 || o["wait"] != "1m30s" || o["check"] != false || o["language"] != "any" {
		t.Errorf("options are %v", o)
	}
	if _, ok := o["quiet"]; ok {
		t.Error("flags common to all commands are among the options")
	}
	equal(t, "IsSet", []bool{d.call.IsSet("seed"), d.call.IsSet("check"), d.call.IsSet("nothing")},
		[]bool{true, false, false})
}
