package sim

import (
	"net/http"
	"strconv"

	"github.com/tidwall/gjson"

	"multiturn/pkg/sim/internal/splitmix"
)

// The endpoints for tokens and the cache, as in vLLM.

// tokenize returns the ids of a prompt or messages.
func tokenize(c *conn, _ *http.Request, body []byte, keepAlive bool) *apiError {
	root, fail := parseObject(body)
	if fail != nil {
		return fail
	}
	r := &request{}
	generation := true
	chance := splitmix.Rand(c.srv.o.Seed)
	switch draw(c.srv.o.Faults, nil, &chance).tokenize {
	case "none":
		return errNotFound
	case "content":
		return c.tokenizeContent(r, root.Get("content"), keepAlive)
	}
	if messages := root.Get("messages"); messages.Exists() {
		if fail := r.takeMessages(messages); fail != nil {
			return fail
		}
		if v := root.Get("add_generation_prompt"); v.Exists() {
			generation = v.Bool()
		}
	} else {
		r.api, r.bare = completionsAPI, root.Get("add_special_tokens").Type == gjson.False
		if fail := r.takePrompt(root.Get("prompt")); fail != nil {
			return fail
		}
	}
	ids := c.srv.prompts.ids(r, generation)
	b := append([]byte(`{"count":`), strconv.Itoa(len(ids))...)
	b = append(b, `,"max_model_len":`...)
	b = strconv.AppendInt(b, int64(c.srv.o.MaxModelLen), 10)
	b = append(b, `,"tokens":`...)
	c.send(keepAlive, http.StatusOK, "application/json", append(appendIDs(b, ids), '}'))
	return nil
}

// tokenizeContent answers as llama.cpp does: without a text there are no tokens.
func (c *conn) tokenizeContent(r *request, content gjson.Result, keepAlive bool) *apiError {
	if content.Type == gjson.String {
		if fail := r.takePrompt(content); fail != nil {
			return fail
		}
	}
	ids := appendIDs([]byte(`{"tokens":`), c.srv.prompts.ids(r, false))
	c.send(keepAlive, http.StatusOK, "application/json", append(ids, '}'))
	return nil
}

// detokenize returns the text of ids.
func detokenize(c *conn, _ *http.Request, body []byte, keepAlive bool) *apiError {
	root, fail := parseObject(body)
	if fail != nil {
		return fail
	}
	list := root.Get("tokens")
	if !list.IsArray() {
		return invalid("missing", "body.tokens", "Field required", "")
	}
	var ids []int32
	list.ForEach(func(_, v gjson.Result) bool {
		if v.Type != gjson.Number || v.Num != float64(int32(v.Num)) {
			fail = invalid("int_parsing", "body.tokens."+strconv.Itoa(len(ids)),
				"Input should be a valid integer", "")
		}
		ids = append(ids, int32(v.Num))
		return fail == nil
	})
	if fail != nil {
		return fail
	}
	text := marshal(c.srv.prompts.decode(ids))
	c.send(keepAlive, http.StatusOK, "application/json",
		append(append([]byte(`{"prompt":`), text...), '}'))
	return nil
}

// resetPrefixCache clears the cache. While requests run it fails, as in vLLM.
func resetPrefixCache(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	ok := false
	c.srv.loop.call(func() { ok = c.srv.loop.engine.Cache().Reset() })
	body, status := `{"success":true}`, http.StatusOK
	if !ok {
		body, status = `{"success":false}`, http.StatusServiceUnavailable
	}
	c.send(keepAlive, status, "application/json", []byte(body))
	return nil
}
