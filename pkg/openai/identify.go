package openai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tidwall/gjson"
)

// Kinds of servers that Identify tells apart. One that says something else of itself keeps its own word.
const (
	VLLM     = "vllm"
	SGLang   = "sglang"
	LlamaCPP = "llamacpp"
	Sim      = "sim"
)

// identifyTimeout limits each question to the server.
const identifyTimeout = 10 * time.Second

// Identify asks the server what it is. Everything that a server does not know is tolerated; the error is for one that
// cannot be reached at all.
func (c *Client) Identify(ctx context.Context) (Server, error) {
	var s Server
	models, status, err := c.ask(ctx, "/v1/models")
	if err != nil {
		return s, fmt.Errorf("%s cannot be reached: %s", c.base.Host, oneLine(c.secrets.remove(err.Error())))
	}
	if status == http.StatusOK {
		c.readModels(&s, models)
	}
	if v, status, err := c.ask(ctx, "/version"); err == nil && status == http.StatusOK {
		s.Version = v.Get("version").String()
	}
	switch owner := s.Kind; {
	case owner == "mtbench-sim":
		s.Kind = Sim
	case owner == "llamacpp":
		s.Kind = LlamaCPP
	case owner == "vllm" || owner == "sglang":
	default:
		// The questions that only one kind answers.
		if v, status, err := c.ask(ctx, "/props"); err == nil && status == http.StatusOK && v.Get("default_generation_settings").Exists() {
			s.Kind = LlamaCPP
		} else if v, ok := c.sglang(ctx); ok {
			s.Kind, s.Version = SGLang, v.Get("version").String()
		} else if owner == "" && s.Version != "" {
			s.Kind = VLLM
		}
	}
	switch s.Kind {
	case SGLang:
		if v, ok := c.sglang(ctx); ok && s.Version == "" {
			s.Version = v.Get("version").String()
		}
	case LlamaCPP:
		if v, status, err := c.ask(ctx, "/props"); err == nil && status == http.StatusOK {
			if s.Version == "" {
				s.Version = v.Get("build_info").String()
			}
			// The context of a slot, which is what one request can use.
			if n := v.Get("default_generation_settings.n_ctx"); n.Exists() {
				s.MaxModelLen = int(n.Int())
			}
		}
	}
	return s, nil
}

// readModels takes the answer of /v1/models.
func (c *Client) readModels(s *Server, v gjson.Result) {
	length := func(m gjson.Result) int {
		for _, path := range []string{"max_model_len", "meta.n_ctx", "context_length", "max_context_length"} {
			if n := int(m.Get(path).Int()); n > 0 {
				return n
			}
		}
		return 0
	}
	for i, m := range v.Get("data").Array() {
		id := m.Get("id").String()
		if id == "" {
			continue
		}
		s.Models = append(s.Models, id)
		if i == 0 || id == c.opts.Model {
			s.Kind, s.MaxModelLen = m.Get("owned_by").String(), length(m)
		}
	}
}

// sglang asks for what only SGLang answers, under its newer and its older name.
func (c *Client) sglang(ctx context.Context) (gjson.Result, bool) {
	for _, path := range []string{"/server_info", "/get_server_info"} {
		if v, status, err := c.ask(ctx, path); err == nil && status == http.StatusOK && v.Get("version").Exists() &&
			(v.Get("model_path").Exists() || v.Get("internal_states").Exists()) {
			return v, true
		}
	}
	return gjson.Result{}, false
}

// ask sends one GET. What is not JSON is an empty result.
func (c *Client) ask(ctx context.Context, path string) (v gjson.Result, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+path, nil)
	if err != nil {
		return v, 0, errors.New("not a valid URL")
	}
	for name, values := range c.template.header {
		if name != "Content-Type" && name != "Accept" {
			req.Header[name] = values
		}
	}
	resp, err := c.questions.transport.RoundTrip(req)
	if err != nil {
		if ctx.Err() != nil && context.Cause(ctx) == context.DeadlineExceeded {
			err = fmt.Errorf("no answer to GET %s within %v", path, identifyTimeout)
		}
		return v, 0, err
	}
	defer resp.Body.Close()
	const most = 4 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err == nil && gjson.ValidBytes(body) {
		v = gjson.ParseBytes(body)
	}
	return v, resp.StatusCode, nil
}
