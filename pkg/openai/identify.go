package openai

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"multiturn/pkg/server"
)

// identifyTimeout limits each question to the server.
const identifyTimeout = 10 * time.Second

// Identify asks the server what it is. What the server does not tell stays
// empty; the error is for a server that cannot be reached at all.
func (c *Client) Identify(ctx context.Context) (server.Identity, error) {
	const first = "/v1/models"
	var unreachable error
	get := func(path string) server.Page {
		if unreachable != nil {
			return server.Page{}
		}
		a, err := c.ask(ctx, question{method: http.MethodGet, path: path, limit: identifyTimeout})
		if err != nil && path == first && a.status == 0 {
			unreachable = err
		}
		if err != nil || a.status != http.StatusOK {
			return server.Page{}
		}
		return server.Page{Header: a.header, JSON: a.json}
	}
	id := server.Identify(get, c.opts.Model)
	if unreachable != nil {
		return server.Identity{}, fmt.Errorf("%s cannot be reached: %w", c.base.Host, unreachable)
	}
	return id, nil
}
