package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"multiturn/internal/limits"
	"multiturn/pkg/chat"
	"multiturn/pkg/server"
)

// tokenizeTimeout limits one question about tokens.
const tokenizeTimeout = 60 * time.Second

// Tokenize asks the server for the tokens of the prompt that its chat template,
// or Options.Format, makes of messages. opening adds what begins an answer, as in
// a request for one. Not every server has this; see server.Server.
func (c *Client) Tokenize(ctx context.Context, messages []chat.Message, opening bool) ([]int, error) {
	body := append(chat.AppendString([]byte(`{"model":`), c.opts.Model), ',')
	h := chatHistory
	if c.opts.Endpoint() == Completions {
		h = c.endpoint.api.history(&c.opts)
	}
	body = append(body, h.open...)
	for i := range messages {
		var before *chat.Message
		if i > 0 {
			before = &messages[i-1]
		}
		body = h.encoder.Append(body, before, &messages[i])
	}
	switch {
	case c.opts.Endpoint() != Completions:
		body = fmt.Appendf(body, `],"add_generation_prompt":%t}`, opening)
	case opening:
		body = append(append(body, h.close...), '}')
	default:
		body = append(body, `"}`...)
	}
	ids, err := c.tokens(ctx, body)
	if err == nil && len(ids) == 0 {
		// llama.cpp's endpoint of this name takes a text only, and finds none.
		err = errors.New("POST /tokenize: the server does not take messages")
	}
	return ids, err
}

// TokenizeText asks the server for the tokens of a text alone, without special
// tokens around it.
func (c *Client) TokenizeText(ctx context.Context, text string) ([]int, error) {
	body := append(chat.AppendString([]byte(`{"model":`), c.opts.Model), `,"prompt":`...)
	return c.tokens(ctx, append(chat.AppendString(body, text), `,"add_special_tokens":false}`...))
}

// CountText asks the server for the number of tokens of a text alone, without
// special tokens around it, in the form that its /tokenize takes.
func (c *Client) CountText(ctx context.Context, form server.Tokenize, text string) (int, error) {
	body := append(chat.AppendString([]byte(`{"model":`), c.opts.Model), ',')
	body = append(chat.AppendString(body, form.Text), ':')
	body = append(chat.AppendString(body, text), ',')
	body = append(chat.AppendString(body, form.Special), ":false}"...)
	ids, err := c.tokens(ctx, body)
	if err == nil && len(ids) == 0 && text != "" {
		// A server that knows another field finds no text.
		err = fmt.Errorf("POST /tokenize: the server found no tokens in the field %s", form.Text)
	}
	return len(ids), err
}

func (c *Client) tokens(ctx context.Context, body []byte) ([]int, error) {
	a, err := c.ask(ctx, question{
		method: http.MethodPost, path: "/tokenize", body: body, limit: tokenizeTimeout,
		longest: limits.Metadata + int64(len(body))*limits.TokenID,
	})
	switch list := a.json.Get("tokens"); {
	case err != nil:
		return nil, err
	case a.status != http.StatusOK:
		return nil, a.refused("/tokenize")
	default:
		ids, ok := tokenIDs(list)
		if !ok {
			return nil, errors.New("POST /tokenize: the answer has no list of token ids")
		}
		return ids, nil
	}
}

// tokenIDs returns the numbers of a list; ok is false if it is no list of numbers.
func tokenIDs(list gjson.Result) (ids []int, ok bool) {
	ids, ok = []int{}, list.IsArray()
	list.ForEach(func(_, id gjson.Result) bool {
		ids, ok = append(ids, int(id.Int())), ok && id.Type == gjson.Number
		return ok
	})
	return ids, ok
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
	body = append(body, "]}"...)
	a, err := c.ask(ctx, question{
		method: http.MethodPost, path: "/detokenize", body: body, limit: tokenizeTimeout,
		longest: limits.Metadata + int64(len(ids))*limits.TokenText,
	})
	switch text := a.json.Get("prompt"); {
	case err != nil:
		return "", err
	case a.status != http.StatusOK:
		return "", a.refused("/detokenize")
	case text.Type != gjson.String:
		return "", errors.New("POST /detokenize: the answer has no text")
	default:
		return c.mask.Remove(text.Str), nil
	}
}
