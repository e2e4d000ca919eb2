package sim

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"multiturn/pkg/sim/engine"
)

// Owner is what /v1/models names as owned_by, and the Server header: by it a client knows that it talks to a simulator.
const Owner = "mtbench-sim"

// Server is a simulated inference server. It serves connections from New to Close.
type Server struct {
	o         Options
	tokenizer Tokenizer
	words     *words
	loop      *loop
	routes    map[string]route
	started   time.Time
	requests  atomic.Uint64
	lateness  lateness
	scratch   []byte // the loop's
	payload   []byte // the loop's

	wg     sync.WaitGroup
	closed chan struct{}
	mu     sync.Mutex
	open   map[io.Closer]struct{} // listeners and connections; nil once closed
}

type route struct {
	method string
	serve  func(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError
}

// New returns a server that listens nowhere yet: see Serve, ServeConn and Dial. Close ends it.
func New(o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Server{o: o, tokenizer: Quad{}, started: time.Now(), closed: make(chan struct{}), open: map[io.Closer]struct{}{}}
	var err error
	if s.words, err = newWords(s.tokenizer); err != nil {
		return nil, err
	}
	s.routes = map[string]route{
		"/v1/chat/completions": {http.MethodPost, chatCompletions},
		"/v1/completions":      {http.MethodPost, completions},
		"/v1/models":           {http.MethodGet, models},
		"/health":              {http.MethodGet, health},
		"/version":             {http.MethodGet, version},
	}
	s.loop = newLoop(engine.NewFixed(o.Fixed))
	return s, nil
}

// Serve accepts connections until Close, or until the listener fails.
func (s *Server) Serve(l net.Listener) error {
	if !s.track(l) {
		_ = l.Close()
		return net.ErrClosed
	}
	defer s.untrack(l)
	s.loop.begin(newSleeper)
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.ServeConn(c)
		case s.isClosed():
			return nil
		case isTemporary(err):
			time.Sleep(5 * time.Millisecond) // out of descriptors: those in use will be given back
		default:
			return err
		}
	}
}

// isTemporary says whether accepting may succeed later.
func isTemporary(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() || strings.Contains(err.Error(), "too many open files") || strings.Contains(err.Error(), "connection aborted")
}

// ServeConn serves one connection in the background.
func (s *Server) ServeConn(nc net.Conn) {
	if !s.track(nc) {
		_ = nc.Close()
		return
	}
	s.loop.begin(newTimerSleeper)
	c := &conn{srv: s, sink: newSink(nc, &s.wg), in: limitReader{conn: nc}}
	c.br = bufio.NewReader(&c.in)
	s.wg.Go(func() {
		defer s.untrack(nc)
		c.serve()
	})
}

// Dial connects to the server through memory. It has the signature of http.Transport's DialContext, whatever the address.
func (s *Server) Dial(context.Context, string, string) (net.Conn, error) {
	if s.isClosed() {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	s.ServeConn(server)
	return client, nil
}

// Close breaks all connections off and waits until nothing of the server runs any longer.
func (s *Server) Close() error {
	s.mu.Lock()
	open := s.open
	s.open = nil
	s.mu.Unlock()
	if open == nil {
		return nil
	}
	close(s.closed)
	for c := range open {
		_ = c.Close()
	}
	s.loop.close()
	s.wg.Wait()
	return nil
}

func (s *Server) track(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return false
	}
	s.open[c] = struct{}{}
	return true
}

func (s *Server) untrack(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *Server) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

func (s *Server) authorized(hr *http.Request) bool {
	if s.o.APIKey == "" {
		return true
	}
	key, ok := strings.CutPrefix(hr.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(key), []byte(s.o.APIKey)) == 1
}

// modelName is the name to answer with.
func (s *Server) modelName(asked string) string {
	switch {
	case s.o.Model != "":
		return s.o.Model
	case asked != "":
		return asked
	}
	return DefaultModel
}

func chatCompletions(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError {
	return c.generate(hr, body, keepAlive, true)
}

func completions(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError {
	return c.generate(hr, body, keepAlive, false)
}

// generate starts an answer.
func (c *conn) generate(hr *http.Request, body []byte, keepAlive, chat bool) *apiError {
	s := c.srv
	req, fail := parseRequest(body, chat)
	if fail != nil {
		return fail
	}
	if s.o.Model != "" && req.model != "" && req.model != s.o.Model {
		return errModel(req.model)
	}
	prompt := promptTokens(s.tokenizer, req)
	length, reason, fail := s.answerLength(req, prompt)
	if fail != nil {
		return fail
	}
	n := s.requests.Add(1)
	st := &stream{
		srv: s, req: req, sink: c.sink, arrived: c.arrived, chunked: hr.ProtoAtLeast(1, 1), keepAlive: keepAlive,
		reason: reason, done: make(chan struct{}), rng: random(uint64(s.o.Seed)*0x9e3779b97f4a7c15 + n),
	}
	id := random(uint64(s.o.Seed) ^ n<<32)
	st.id = "cmpl-" + hex16(id.next())
	if chat {
		st.id = "chat" + st.id
	}
	st.eos = reason == "stop"
	st.seq = engine.Sequence{PromptTokens: prompt, OutputTokens: length, Owner: st}
	st.begin()
	c.running = st
	if !s.loop.submit(st) {
		st.finish(true)
	}
	return nil
}

// answerLength is how many tokens to generate and why the answer ends there.
func (s *Server) answerLength(r *request, prompt int) (int, string, *apiError) {
	if r.max > s.o.MaxModelLen {
		return 0, "", badRequest("max_tokens", "max_tokens=%d cannot be greater than max_model_len=%d. Please request fewer output tokens. "+
			"(parameter=max_tokens, value=%d)", r.max, s.o.MaxModelLen, r.max)
	}
	if prompt >= s.o.MaxModelLen {
		return 0, "", errOverflow(s.o.MaxModelLen, max(prompt, s.o.MaxModelLen+1))
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

func models(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	s := c.srv
	c.send(keepAlive, http.StatusOK, "application/json", fmt.Appendf(nil,
		`{"object":"list","data":[{"id":%s,"object":"model","created":%d,"owned_by":"%s","root":%[1]s,"parent":null,"max_model_len":%d,"permission":[]}]}`,
		marshal(s.modelName("")), s.started.Unix(), Owner, s.o.MaxModelLen))
	return nil
}

func health(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	c.send(keepAlive, http.StatusOK, "application/json", nil)
	return nil
}

func version(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	c.send(keepAlive, http.StatusOK, "application/json", append(append([]byte(`{"version":`), marshal(c.srv.o.Version)...), '}'))
	return nil
}

func hex16(v uint64) string {
	s := strconv.FormatUint(v, 16)
	return "0000000000000000"[len(s):] + s
}
