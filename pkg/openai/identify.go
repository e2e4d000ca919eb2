package openai

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"multiturn/internal/field"
	"multiturn/pkg/server"
)

// identifyTimeout limits each question to the server.
const identifyTimeout = 10 * time.Second

// Identify asks the server what it is. What the server does not tell stays
// empty. The error is for a server that refuses the key, or that gives no answer
// to use: a *NotReadyError if it may only need time.
func (c *Client) Identify(ctx context.Context) (server.Identity, error) {
	const first = "/v1/models"
	var refused error
	get := func(path string) server.Page {
		if refused != nil {
			return server.Page{}
		}
		a, err := c.ask(ctx, question{method: http.MethodGet, path: path, limit: identifyTimeout})
		switch {
		case loading(a.status, a.text), path == first && unavailable(a.status):
			refused = c.notReady(path, a)
		case path != first:
		case err != nil && a.status == 0:
			refused = c.unreachable(err)
		case a.status == http.StatusUnauthorized:
			refused = c.unauthorized(path)
		}
		if err != nil || a.status != http.StatusOK {
			return server.Page{}
		}
		return server.Page{Header: a.header, JSON: a.json}
	}
	id := server.Identify(c.endpoint.url.Hostname(), get, c.opts.Model)
	if refused != nil {
		return server.Identity{}, refused
	}
	c.hide(&id)
	return id, nil
}

// hide masks the secrets in the server's names, unless the name is the model's
// that is asked for or a server's that is known: a header may have these, too.
func (c *Client) hide(id *server.Identity) {
	if server.Of(id.Name).Name != id.Name {
		id.Name = c.mask.Remove(id.Name)
	}
	id.Version = c.mask.Remove(id.Version)
	for i, name := range id.Models {
		if name != c.opts.Model {
			id.Models[i] = c.mask.Remove(name)
		}
	}
}

// notReady is the error of a server that answers a question, but not as one that
// is ready.
func (c *Client) notReady(path string, a reply) error {
	problem := fmt.Sprintf("%s is not ready: it answers %s with %d %s", c.address.Base(), path,
		a.status, http.StatusText(a.status))
	if a.text != "" {
		problem += ", " + a.text
	}
	return &NotReadyError{&field.Error{Field: "URL", Problem: problem}, a.status,
		loading(a.status, a.text)}
}

// unauthorized is the error of a server that answers 401.
func (c *Client) unauthorized(path string) error {
	problem := "is needed: the server answers %s with 401 Unauthorized"
	if c.template.header.Get("Authorization") != "" {
		problem = "is refused by the server: it answers %s with 401 Unauthorized"
	}
	return &field.Error{Field: "APIKey", Problem: fmt.Sprintf(problem, path)}
}
