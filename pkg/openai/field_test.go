package openai

import (
	"slices"
	"strings"
	"testing"
)

func TestSecretField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, shown string
		secrets   []string
	}{
		{"a=1", "a=1", nil},
		{"max_tokens=4096", "max_tokens=4096", nil},
		{"min_tokens=7", "min_tokens=7", nil},
		{`prompt_cache_key={session}`, `prompt_cache_key="{session}"`, nil},
		{"author=me", `author="me"`, nil},
		{"client_secret=hunter2", `client_secret="***"`, []string{"hunter2"}},
		{"apiKey=hunter2", `apiKey="***"`, []string{"hunter2"}},
		{"token=12345", `token="***"`, []string{"12345"}},
		{"auth=true", "auth=true", nil},
		{"session_token=a-{session}-z", `session_token="***"`, []string{"a-", "-z"}},
		{`password="a\"b"`, `password="***"`, []string{`a"b`, `a\"b`}},
		{`extra={"on":true,"login":[{"X-Auth":"hunter2"},{"user":"me"}]}`,
			`extra={"on":true,"login":[{"X-Auth":"***"},{"user":"me"}]}`, []string{"hunter2"}},
		{`credentials={"user":"me","n":[1234]}`, `credentials={"user":"***","n":["***"]}`,
			[]string{"me", "1234"}},
		{`x={"api\u005fkey":"hunter2"}`, `x={"api\u005fkey":"***"}`, []string{"hunter2"}},
	} {
		f, err := ParseField(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String(); got != tt.shown {
			t.Errorf("%s is shown as %s, want %s", tt.in, got, tt.shown)
		}
		got := slices.Compact(f.secrets())
		for _, want := range tt.secrets {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q is not among the secrets %q", tt.in, want, got)
			}
		}
		if tt.secrets == nil && got != nil {
			t.Errorf("%s has the secrets %q", tt.in, got)
		}
	}
	if _, err := ParseField("hunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error of what is no field is %v", err)
	}
}
