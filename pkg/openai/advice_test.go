package openai

import (
	"errors"
	"fmt"
	"testing"

	"multiturn/internal/field"
	"multiturn/internal/httpclient"
	"multiturn/pkg/record"
)

// What servers say, and the field that mends it. The messages are as the servers
// word them.
func TestAdvise(t *testing.T) {
	t.Parallel()
	heat, seed := 0.5, int64(1)
	full := Options{
		Temperature: &heat, Seed: &seed, SendSession: true,
		Fields: []Field{{"cache_salt", []byte(`"x"`)}},
	}
	for _, c := range []struct {
		o      Options
		status int
		text   string
		want   string // field and problem; "" is no advice
	}{
		{Options{}, 400, "Unsupported parameter: 'max_tokens' is not supported with this model. " +
			"Use 'max_completion_tokens' instead.",
			"MaxTokensField max_completion_tokens names the length as this server does"},
		{Options{MaxTokensField: "max_completion_tokens"}, 422,
			"body.max_completion_tokens: Extra inputs are not permitted",
			"MaxTokensField max_tokens names the length as this server does"},
		{Options{MaxTokensField: "n_predict"}, 400, "unknown field max_tokens", ""},
		{Options{}, 400, "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's " +
			"maximum context length is 4096 tokens", ""},
		{Options{}, 400, "Unrecognized request argument supplied: stream_options",
			"NoUsage sends no stream_options"},
		{Options{}, 400, "Unsupported value: 'stream' does not support true with this model.",
			"NoStream asks for whole answers"},
		{Options{}, 422, "body.min_tokens: Extra inputs are not permitted; body.ignore_eos: Extra " +
			"inputs are not permitted", "MinTokens is what the server refuses: leave it out"},
		{Options{}, 400, "property 'ignore_eos' is unsupported",
			"MinTokens is what the server refuses: leave it out"},
		{Options{}, 400, `json: unknown field "min_tokens"`,
			"MinTokens is what the server refuses: leave it out"},
		{Options{}, 400, "min_tokens must be less than or equal to max_tokens=5, got 9", ""},
		{full, 400, "Unsupported value: 'temperature' does not support 0.5 with this model. Only " +
			"the default (1) value is supported.",
			"Temperature is what the server refuses: leave it out"},
		{Options{}, 400, "'temperature' is not supported", ""}, // it was not sent
		{full, 422, "body.seed: Extra inputs are not permitted",
			"Seed is what the server refuses: leave it out"},
		{full, 422, "Unknown parameter: 'conversation_id'.",
			"SendSession is what the server refuses: leave it out"},
		{full, 422, "Unknown parameter: 'cache_salt'.",
			"Fields cache_salt is what the server refuses: leave it out"},
		{Options{}, 404, "The model `m` does not exist. (NotFoundError, 404)",
			"Model NAME asks for a model by the server's own name"},
		{Options{}, 404, `model "m" not found, try pulling it first`,
			"Model NAME asks for a model by the server's own name"},
		{Options{}, 404, "Not Found", ""},
		{Options{}, 401, "", "APIKey is needed: the server answers requests with 401 Unauthorized"},
		{Options{Config: httpclient.Config{APIKey: "k"}}, 401, "", "APIKey is refused by the " +
			"server: it answers requests with 401 Unauthorized"},
		{Options{}, 403, "", "APIKey may be needed"},
		{Options{Config: httpclient.Config{APIKey: "k"}}, 403, "",
			"APIKey may not have the right to this"},
		{Options{}, 307, "", "URL has to be the address that answers itself"},
		{Options{}, 500, "Unsupported parameter: 'max_tokens'", ""},
	} {
		c.o.URL, c.o.Model = "http://h", "m"
		client, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		err = client.Advise(&record.Exchange{
			Outcome: record.HTTPStatus, Status: c.status, Error: c.text,
		})
		client.Close()
		got, about := "", (*field.Error)(nil)
		if errors.As(err, &about) {
			got = fmt.Sprint(about.Field, " ", about.Problem)
		}
		if got != c.want {
			t.Errorf("%d %s: advice %q, want %q", c.status, c.text, got, c.want)
		}
	}
	client := newClient(t, Options{URL: "http://h"})
	for text, want := range map[string]bool{
		"the answer is larger than 16 MiB":            true,
		"the answer's text is larger than 2 MiB":      true,
		"the answer has more than 4,096 parts":        false,
		"the head of the answer is larger than 1 MiB": false,
	} {
		err := client.Advise(&record.Exchange{Outcome: record.TooLarge, Status: 200, Error: text})
		if (err != nil) != want {
			t.Errorf("%s: advice %v", text, err)
		}
	}
}
