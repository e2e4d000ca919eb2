package httpclient

import (
	"net/url"
	"strings"
	"testing"
)

func TestShown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://h/v1":                    "http://h/v1",
		"http://h/v1?a=b#f":              "http://h/v1?a=b",
		"http://me@h":                    "http://me@h",
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
