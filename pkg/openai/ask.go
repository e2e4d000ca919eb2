package openai

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
)

// question is a request beside the measured ones.
type question struct {
	method, path string
	body         []byte        // JSON
	limit        time.Duration // of the whole request
	longest      int64         // of the answer in bytes; 0 = limits.Metadata
}

// reply is its answer. The JSON is empty if the body is not JSON.
type reply struct {
	status int
	header http.Header
	json   gjson.Result
	text   string // in one line, of an error
}

// ask sends a question, with the headers of the measured requests. It follows
// redirects within the server. No secret is in its error.
func (c *Client) ask(ctx context.Context, q question) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, q.limit)
	defer cancel()
	at := c.address.At(q.path).String()
	met := &contact{}
	req, err := http.NewRequestWithContext(met.trace(ctx), q.method, at, bytes.NewReader(q.body))
	if err != nil {
		return reply{}, errors.New("not a valid URL")
	}
	for name, values := range c.template.header {
		if name == "Accept" || name == "Content-Type" && q.method == http.MethodGet {
			continue
		}
		req.Header[name] = values
	}
	client := http.Client{
		Transport: c.questions.transport, CheckRedirect: httpclient.WithinOrigin,
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, c.noAnswer(ctx, q, met, httpclient.WithoutURL(err))
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, header: resp.Header}
	body, err := limits.ReadAll(resp.Body, cmp.Or(q.longest, limits.Metadata), "the answer")
	if err != nil {
		return r, c.noAnswer(ctx, q, met, err)
	}
	r.json = parsed(body)
	if r.status != http.StatusOK {
		r.text = masked(c.mask, failureText(body))
	}
	return r, nil
}

// noAnswer words the error of a question.
func (c *Client) noAnswer(ctx context.Context, q question, met *contact, err error) error {
	if context.Cause(ctx) == context.DeadlineExceeded {
		text := fmt.Sprintf("no answer to %s %s within %v", q.method, q.path, q.limit)
		return &unanswered{text, context.DeadlineExceeded, met}
	}
	text := q.method + " " + q.path + ": " + masked(c.mask, err.Error())
	return &unanswered{text, err, met}
}

// refused is the error of a POST that was not answered with status 200: the status,
// and the server's message if there is one.
func (r *reply) refused(path string) error {
	problem := fmt.Sprintf("POST %s: status %d", path, r.status)
	if r.text != "" {
		problem += ": " + r.text
	}
	return errors.New(problem)
}
