package sim

import (
	"hash/fnv"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
	"multiturn/pkg/sim/internal/splitmix"
)

// Headers of a request with a meaning for the server.
const (
	FaultHeader   = "X-Sim-Fault"
	RequestHeader = "X-Request-Id"
	SessionHeader = "X-Session-Id"
)

func chatCompletions(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError {
	return c.generate(hr, body, keepAlive, chatAPI)
}

func completions(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError {
	return c.generate(hr, body, keepAlive, completionsAPI)
}

// generate starts an answer.
func (c *conn) generate(hr *http.Request, body []byte, keepAlive bool, api api) *apiError {
	s := c.srv
	st := c.newStream(hr, api, keepAlive)
	own, err := ParseFaults(hr.Header.Get(FaultHeader))
	if err != nil {
		return badRequest("", "header %s: %v", FaultHeader, err)
	}
	if i := slices.IndexFunc(own, func(f Fault) bool { return f.whole() }); i >= 0 {
		return badRequest("", "header %s: %s is a fault of the whole server", FaultHeader, own[i])
	}
	chance := splitmix.Rand(uint64(s.o.Seed)*splitmix.Step + st.number)
	st.q = draw(s.o.Faults, own, &chance)
	fail := st.prepare(body, api)
	if fail != nil {
		s.refused(st, fail)
		return fail
	}
	c.running = st
	if st.begin() && !s.loop.submit(st) {
		st.finish(true)
	}
	return nil
}

// newStream returns the stream of a request, not yet prepared.
func (c *conn) newStream(hr *http.Request, api api, keepAlive bool) *stream {
	s := c.srv
	st := &stream{
		srv: s, sink: c.sink, chunked: hr.ProtoAtLeast(1, 1), keepAlive: keepAlive,
		number: s.requests.Add(1), done: make(chan struct{}),
	}
	ids := splitmix.Rand(uint64(s.o.Seed) ^ st.number<<32)
	st.id = idPrefix[api] + hex16(ids.Next())
	st.truth.arrived, st.truth.stamped = c.arrived, c.stamped()
	st.truth.received = s.loop.clock.Now()
	st.truth.path = hr.URL.Path
	st.truth.request = hr.Header.Get(RequestHeader)
	st.truth.session = hr.Header.Get(SessionHeader)
	return st
}

// prepare parses the request and sets up its sequence.
func (st *stream) prepare(body []byte, api api) *apiError {
	s := st.srv
	req, fail := parseRequest(body, api)
	if fail != nil {
		return fail
	}
	st.req = req
	st.whole = !req.stream || st.q.json
	if st.truth.session == "" {
		st.truth.session = req.session
	}
	if st.truth.request == "" {
		st.truth.request = req.client
	}
	if st.q.status > 0 {
		return st.q.statusError()
	}
	if st.q.strict {
		if fail := brokenHistory(req.history); fail != nil {
			return fail
		}
	}
	for _, name := range st.q.unsupported {
		if gjson.GetBytes(body, name).Exists() {
			return errUnsupported(name)
		}
	}
	if s.o.Model != "" && req.model != "" && req.model != s.o.Model {
		return errModel(req.model)
	}
	if s.o.MaxQueued > 0 && s.metrics.waiting.Load()+s.loop.arriving() >= int64(s.o.MaxQueued) {
		s.metrics.rejected.Add(1)
		return errBusy
	}
	if api == completionsAPI && st.q.reasoning > 0 {
		st.q.reasoning = 0
	}
	req.think = st.q.reasoning > 0
	chain := s.prompts.chain(req)
	if req.tokenIDs {
		st.promptIDs = s.prompts.ids(req, true)
	}
	st.seq = engine.Sequence{Chain: chain, PromptTokens: chain.Tokens(), Owner: st}
	if st.seq.OutputTokens, st.reason, fail = s.answerLength(req, chain.Tokens()); fail != nil {
		return fail
	}
	st.cutAnswer()
	st.seed = s.answerSeed(req, chain)
	// The body is not needed any more, and streams are many.
	req.messages, req.promptIDs, req.history = nil, nil, gjson.Result{}
	return nil
}

// cutAnswer lets faults change how the answer ends.
func (st *stream) cutAnswer() {
	if st.q.clip > 0 && st.q.clip < st.seq.OutputTokens {
		st.seq.OutputTokens, st.reason = st.q.clip, "length"
	}
	if st.q.eos > 0 && st.q.eos <= st.seq.OutputTokens {
		st.seq.OutputTokens, st.reason = st.q.eos, "stop"
	}
	st.eos = st.reason == "stop"
	if st.q.tools {
		st.reason = "tool_calls"
	}
	if st.q.abort > 0 {
		st.seq.OutputTokens, st.reason = min(st.q.abort, st.seq.OutputTokens), st.q.abortReason
	}
}

// answerSeed returns the seed of an answer's text: the same prompt gets the
// same answer.
func (s *Server) answerSeed(req *request, chain *kvcache.Chain) splitmix.Rand {
	h := fnv.New64a()
	if k := len(req.messages); k > 0 {
		_, _ = h.Write([]byte(end(req.messages[k-1].text)))
	}
	for _, id := range req.promptIDs {
		_, _ = h.Write([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)})
	}
	seed := splitmix.Rand(uint64(s.o.Seed) ^ h.Sum64() ^ uint64(chain.Tokens())<<40)
	if hashes := chain.Hashes(); len(hashes) > 0 {
		seed ^= splitmix.Rand(hashes[len(hashes)-1])
	}
	return splitmix.Rand(seed.Next())
}

// end returns the end of a text. 4,096 bytes are enough to tell texts apart,
// since full blocks before it are in the seed by their hash.
func end(text string) string { return text[max(0, len(text)-4096):] }

// answerLength returns how many tokens to generate, and the finish_reason.
func (s *Server) answerLength(r *request, prompt int) (int, string, *apiError) {
	if r.max > s.o.MaxModelLen {
		return 0, "", badRequest(maxTokens[r.api], "%s=%d cannot be greater than max_model_len=%d. "+
			"Please request fewer output tokens. (parameter=%[1]s, value=%[2]d)",
			maxTokens[r.api], r.max, s.o.MaxModelLen)
	}
	if prompt >= s.o.MaxModelLen {
		return 0, "", errOverflow(s.o.MaxModelLen, max(prompt, s.o.MaxModelLen+1))
	}
	if prompt == 0 {
		return 0, "", badRequest("prompt", "The prompt must not be empty.")
	}
	n, reason := r.max, "length"
	if n == 0 {
		n, reason = max(s.o.AnswerTokens, r.min), "stop"
		if r.ignoreEOS {
			n, reason = s.o.MaxModelLen, "length"
		}
	}
	if room := s.o.MaxModelLen - prompt; n > room {
		n, reason = room, "length" // silently, as vLLM does
	}
	return n, reason, nil
}

// refused records a request that was answered with an error.
func (s *Server) refused(st *stream, e *apiError) {
	st.truth.setOutcome("refused")
	r := st.record()
	r.Status = e.status
	s.ledger.add(r)
}
