package openai

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/httpclient"
)

// Field is an extra field of the request body.
type Field struct {
	Name  string
	Value json.RawMessage // any JSON; {session} inside a string stands for Request.Session
}

// ParseField reads "name=value". A value that is not JSON is taken as a string.
// The error has no part of the text, which may be a secret.
func ParseField(s string) (Field, error) {
	name, value, ok := strings.Cut(s, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return Field{}, errors.New("this is not a field: write name=value")
	}
	if json.Valid([]byte(value)) {
		return Field{name, json.RawMessage(value)}, nil
	}
	quoted, err := json.Marshal(value)
	return Field{name, quoted}, err
}

// secretField is what the names of fields with a secret have in common. It is
// narrower than that of headers: max_tokens is no secret.
var secretField = regexp.MustCompile(`(?i)api[_-]?key|secret|passw|credential|authorization|` +
	`bearer|jwt|(^|[_-])(auth|token)$`)

// String returns "name=value" with the secrets in the value masked: all that is
// below a name of secrets, at any depth.
func (f Field) String() string {
	text, _ := f.mask()
	return f.Name + "=" + text
}

// secrets returns the secrets in the value, as they are and as JSON has them.
func (f Field) secrets() []string {
	_, found := f.mask()
	return found
}

func (f Field) mask() (text string, secrets []string) {
	var m masker
	text = m.value(gjson.ParseBytes(f.Value), secretField.MatchString(f.Name))
	return text, m.found
}

// masker masks the secrets in a JSON value, and keeps them.
type masker struct{ found []string }

// value returns the value as it may be shown.
func (m *masker) value(v gjson.Result, secret bool) string {
	switch {
	case v.IsObject():
		var parts []string
		v.ForEach(func(name, item gjson.Result) bool {
			parts = append(parts, name.Raw+":"+
				m.value(item, secret || secretField.MatchString(name.Str)))
			return true
		})
		return "{" + strings.Join(parts, ",") + "}"
	case v.IsArray():
		var parts []string
		v.ForEach(func(_, item gjson.Result) bool {
			parts = append(parts, m.value(item, secret))
			return true
		})
		return "[" + strings.Join(parts, ",") + "]"
	case !secret || v.Type != gjson.String && v.Type != gjson.Number:
		return v.Raw
	}
	for _, text := range []string{v.String(), strings.Trim(v.Raw, `"`)} {
		m.found = append(m.found, strings.Split(text, sessionMark)...)
	}
	return `"` + httpclient.Masked + `"`
}
