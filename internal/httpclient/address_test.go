package httpclient

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestShown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://h/v1":                    "http://h/v1",
		"http://h/v1?a=b#f":              "http://h/v1?a=b",
		"http://me@h":                    "http://***@h",
		"http://sk-key@h:1/v1?a=b":       "http://***@h:1/v1?a=b",
		"http://me:sesame@h/x":           "http://me:***@h/x",
		"http://h/?api-version=2&key=s":  "http://h/?api-version=2&key=***",
		"http://h/?API%2DKEY=s":          "http://h/?API%2DKEY=***",
		"http://h/?X-Amz-Signature=s&v":  "http://h/?X-Amz-Signature=***&v",
		"http://h/?code=s&encode=1":      "http://h/?code=***&encode=1",
		"http://h/?access_token=a%26b=c": "http://h/?access_token=***",
		"me:sesame@h":                    "http://me:***@h",
		"h:8000?key=s":                   "http://h:8000?key=***",
		"me:sesame":                      "***",
		"http://h/%zz":                   "***",
	} {
		if got := ShownText(in); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("http://me:p%20w@h/?api-version=2&key=a%26b")
	if err != nil {
		t.Fatal(err)
	}
	got := " " + strings.Join(Secrets(u), " , ") + " "
	for _, want := range []string{"p w", "p%20w", "a%26b", "a&b"} {
		if !strings.Contains(got, " "+want+" ") {
			t.Errorf("%q is not among %s", want, got)
		}
	}
	if strings.Contains(got, " 2 ") {
		t.Errorf("a version is among %s", got)
	}
}

// A user alone is a key, as some gateways have it.
func TestUserAlone(t *testing.T) {
	t.Parallel()
	got := Secrets(&url.URL{Scheme: "http", Host: "h", User: url.User("sk key")})
	if strings.Join(got, " , ") != "sk key , sk+key , sk%20key , c2sga2V5Og==" {
		t.Errorf("the secrets are %q", got)
	}
}

func TestQuotable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://h:999999":            "http://h:999999",
		"http://me:sesame@h:999999":  "http://***@h:999999",
		"me:se@sa/me@h:x":            "***",
		"me:sesame":                  "***",
		"http://me:sesame":           "http://***",
		"ftp://h/x?key=sesame":       "ftp://h/x?***",
		"h#sesame":                   "h#***",
		":8000":                      ":8000",
		"[fe80::1%lo]:99999/x":       "[fe80::1%lo]:99999/x",
		"://me:sesame@127.0.0.1:9/x": "://***@127.0.0.1:9/x",
	} {
		if got := Quotable(in); got != want {
			t.Errorf("%s is quoted as %s, want %s", in, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	config := Config{APIKey: "key-1", Header: http.Header{
		"X-Login": {"Basic abcdef"}, "X-User": {"team-7 {session} tail", "{session}"},
	}}
	config.Proxy = &url.URL{Scheme: "http", Host: "p", User: url.UserPassword("me", "sesame")}
	mask := NewMask(config.Secrets(&url.URL{Scheme: "http", Host: "h"})...)
	in := "key-1 Basic abcdef; abcdef; team-7 c1 tail; me sesame"
	if got := mask.Remove(in); got != "*** ***; ***; *** c1 ***; me ***" {
		t.Errorf("%q has become %q", in, got)
	}
}

// A secret is masked wherever a text is cut: before it, in it, and behind it.
func TestMaskBeginning(t *testing.T) {
	t.Parallel()
	mask := NewMask("hunter2", "team")
	const text = "the hunter2 of team"
	for n := range len(text) + 1 {
		got, want := mask.Beginning(text, n), "the *** of ***"
		if len(got) > len(want) || got != want[:len(got)] {
			t.Errorf("the first %d bytes are shown as %q", n, got)
		}
		if n == len(text) && got != want {
			t.Errorf("the whole text is shown as %q", got)
		}
	}
}

// The error of a variable that names no proxy has nothing of it.
func TestEnvironmentProxy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ variable, value, url, want string }{
		{"HTTPS_PROXY", "http://me:sesame@p:1", "https://h", "http://me:***@p:1"},
		{"https_proxy", "p:1", "https://h", "http://p:1"},
		{"HTTP_PROXY", "p:1", "https://h", ""},
		{"HTTPS_PROXY", "http://me:sesame@p:x", "https://h", "HTTPS_PROXY is not the address of a proxy"},
		{"HTTPS_PROXY", "me:sesame", "https://h", "HTTPS_PROXY is not the address of a proxy"},
		{"HTTP_PROXY", "://me:sesame@p", "http://h", "HTTP_PROXY is not the address of a proxy"},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		proxy, err := EnvironmentProxy(func(name string) string {
			if name == tt.variable {
				return tt.value
			}
			return ""
		})(u)
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case proxy != nil:
			got = Shown(proxy)
		}
		if got != tt.want {
			t.Errorf("%s=%s: %s, want %s", tt.variable, tt.value, got, tt.want)
		}
	}
}
