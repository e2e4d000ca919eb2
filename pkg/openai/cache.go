package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/pkg/server"
)

// resetTimeout limits one request to empty the cache.
const resetTimeout = 30 * time.Second

// ErrNoReset means that a server has no endpoint to empty its cache, or does not
// offer it.
var ErrNoReset = errors.New("the server has no endpoint to empty its prefix cache")

// ResetCache empties the server's prefix cache and returns the request that did
// it. The error is ErrNoReset, with what to do about it, if the server has no
// endpoint for that. Any other may go away: servers refuse while requests run.
func (c *Client) ResetCache(ctx context.Context) (server.Reset, error) {
	var refused error
	for _, r := range server.Resets() {
		a, err := c.ask(ctx, question{
			method: http.MethodPost, path: r.Path, limit: resetTimeout,
		})
		switch {
		case err != nil:
			return server.Reset{}, err
		case a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed:
			continue
		case a.status == http.StatusOK && a.json.Get("success").Type != gjson.False &&
			!slices.ContainsFunc(r.Fails, func(name string) bool { return a.json.Get(name).Exists() }):
			return r, nil
		case a.status == http.StatusOK:
			refused = fmt.Errorf("POST %s: the server reports that it did not succeed", r.Path)
		default:
			refused = a.refused(r.Path)
		}
	}
	if refused != nil {
		return server.Reset{}, refused
	}
	return server.Reset{}, fmt.Errorf("%w: %s", ErrNoReset, server.ResetAdvice())
}
