package openai

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/pkg/chat"
)

// resetTimeout limits one request to empty the cache.
const resetTimeout = 30 * time.Second

// ErrNoReset says that a server has no endpoint to empty its cache, or does not offer it.
var ErrNoReset = errors.New("the server has no endpoint to empty its prefix cache")

// resets are the endpoints that empty a cache, the surest first. The first form of vLLM's empties a connector's cache, too,
// and fails where there is no connector; the GPU's is then emptied by the second.
var resets = []string{
	"/reset_prefix_cache?reset_external=true", // vLLM
	"/reset_prefix_cache",                     // vLLM, the simulator
	"/flush_cache",                            // SGLang
}

// ResetCache empties the server's prefix cache. The error is ErrNoReset, with what to do about it, when the server has no
// endpoint for that; any other may go away: servers refuse while requests run.
func (c *Client) ResetCache(ctx context.Context) error {
	var refused error
	for _, path := range resets {
		v, status, err := c.post(ctx, path, nil, resetTimeout)
		switch {
		case err != nil:
			return err
		case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
			continue
		case status == http.StatusOK && v.Get("success").Type != gjson.False:
			return nil
		case status == http.StatusOK:
			refused = fmt.Errorf("POST %s: the server says that it did not succeed", path)
		default:
			refused = fmt.Errorf("POST %s: status %d", path, status)
		}
	}
	if refused != nil {
		return refused
	}
	return fmt.Errorf("%w: vLLM has one when it runs with VLLM_SERVER_DEV_MODE=1, SGLang always, llama.cpp none", ErrNoReset)
}

// tokenizeTimeout limits one question about tokens.
const tokenizeTimeout = 60 * time.Second

// Tokenize asks the server (vLLM, the simulator) for the tokens of the prompt that its chat template makes of messages,
// given as in Request. opening adds what begins an answer, as in a request for one.
func (c *Client) Tokenize(ctx context.Context, messages [][]byte, opening bool) ([]int, error) {
	body := append(chat.AppendString([]byte(`{"model":`), c.opts.Model), `,"messages":[`...)
	for _, p := range messages {
		body = append(body, p...)
	}
	body = fmt.Appendf(body, `],"add_generation_prompt":%t}`, opening)
	ids, err := c.tokens(ctx, body)
	if err == nil && len(ids) == 0 {
		// llama.cpp's endpoint of this name knows a text only, and finds none.
		err = errors.New("POST /tokenize: the server does not take messages")
	}
	return ids, err
}

// TokenizeText asks the server for the tokens of a text alone, without special tokens around it.
func (c *Client) TokenizeText(ctx context.Context, text string) ([]int, error) {
	body := append(chat.AppendString([]byte(`{"model":`), c.opts.Model), `,"prompt":`...)
	return c.tokens(ctx, append(chat.AppendString(body, text), `,"add_special_tokens":false}`...))
}

func (c *Client) tokens(ctx context.Context, body []byte) ([]int, error) {
	v, status, err := c.post(ctx, "/tokenize", body, tokenizeTimeout)
	switch list := v.Get("tokens"); {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, fmt.Errorf("POST /tokenize: status %d%s", status, c.said(v))
	case !list.IsArray() || len(list.Array()) > 0 && list.Array()[0].Type != gjson.Number:
		return nil, errors.New("POST /tokenize: the answer has no list of token ids")
	default:
		ids := []int{}
		for _, id := range list.Array() {
			ids = append(ids, int(id.Int()))
		}
		return ids, nil
	}
}

// Detokenize asks the server for the text of tokens.
func (c *Client) Detokenize(ctx context.Context, ids []int) (string, error) {
	body := append(chat.AppendString([]byte(`{"model":`), c.opts.Model), `,"tokens":[`...)
	for i, id := range ids {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Append(body, id)
	}
	v, status, err := c.post(ctx, "/detokenize", append(body, "]}"...), tokenizeTimeout)
	switch text := v.Get("prompt"); {
	case err != nil:
		return "", err
	case status != http.StatusOK:
		return "", fmt.Errorf("POST /detokenize: status %d%s", status, c.said(v))
	case text.Type != gjson.String:
		return "", errors.New("POST /detokenize: the answer has no text")
	default:
		return text.Str, nil
	}
}

// said is a server's message of an error, after a colon.
func (c *Client) said(v gjson.Result) string {
	for _, path := range []string{"error.message", "message", "detail", "error"} {
		if m := v.Get(path); m.Type == gjson.String {
			text := oneLine(c.secrets.remove(m.Str))
			if len(text) > 200 {
				text = strings.ToValidUTF8(text[:200], "") + "..."
			}
			return ": " + text
		}
	}
	return ""
}

// post sends one POST beside the measured requests. What is not JSON is an empty result.
func (c *Client) post(ctx context.Context, path string, body []byte, limit time.Duration) (v gjson.Result, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return v, 0, errors.New("not a valid URL")
	}
	for name, values := range c.template.header {
		if name != "Accept" {
			req.Header[name] = values
		}
	}
	resp, err := c.questions.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil && context.Cause(ctx) == context.DeadlineExceeded {
			return v, 0, fmt.Errorf("no answer to POST %s within %v", path, limit)
		}
		return v, 0, fmt.Errorf("POST %s: %s", path, oneLine(c.secrets.remove(err.Error())))
	}
	defer resp.Body.Close()
	const most = 256 << 20 // a long prompt's ids
	answer, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return v, resp.StatusCode, fmt.Errorf("POST %s: %s", path, oneLine(c.secrets.remove(err.Error())))
	}
	if gjson.ValidBytes(answer) {
		v = gjson.ParseBytes(answer)
	}
	return v, resp.StatusCode, nil
}
