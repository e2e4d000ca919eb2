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
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"multiturn/internal/crash"
	"multiturn/internal/limits"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
	"multiturn/pkg/sim/internal/splitmix"
	"multiturn/pkg/sockclock"
)

// Owner is the owned_by of /v1/models and the Server header. Clients recognise
// a simulator by it.
const Owner = "mtbench-sim"

// Server is a simulated inference server. It serves connections from New until
// Close.
type Server struct {
	o           Options
	tokenizer   Tokenizer
	prompts     *prompter
	words       *words
	loop        *loop
	metrics     *metrics
	ledger      *ledger
	routes      map[string]route
	started     time.Time
	requests    atomic.Uint64
	connections atomic.Uint64
	attacks     atomic.Uint64 // requests and connections that could be attacked
	hostile     bool          // some of them are
	bodies      *budget       // of bytes of bodies that are being read
	backlog     *budget       // of bytes that wait for clients
	lateness    lateness
	panics      atomic.Uint64
	firstPanic  atomic.Pointer[string]

	wg     sync.WaitGroup
	closed chan struct{}
	mu     sync.Mutex
	open   map[io.Closer]struct{} // listeners and connections; nil once closed
}

type route struct {
	method string
	serve  func(c *conn, hr *http.Request, body []byte, keepAlive bool) *apiError
}

// New returns a server that does not listen yet: see Serve, ServeConn and Dial.
// Close ends it.
func New(o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Server{
		o: o, tokenizer: o.Tokenizer, started: time.Now(),
		closed: make(chan struct{}), open: map[io.Closer]struct{}{},
		bodies: newBudget(limits.RequestBodies), backlog: newBudget(limits.Backlog),
		hostile: slices.ContainsFunc(o.Faults, Fault.hostile),
	}
	var err error
	if s.words, err = newWords(s.tokenizer); err != nil {
		return nil, err
	}
	cache, err := kvcache.New(o.Cache)
	if err != nil {
		return nil, err
	}
	var e engine.Engine = engine.NewFixed(o.Fixed, cache)
	kind := "fixed"
	if o.Batch != nil {
		e, kind = engine.NewBatch(*o.Batch, cache), "batch"
	}
	s.prompts = newPrompter(s.tokenizer, o.Template, o.Cache.BlockSize)
	s.metrics = newMetrics(s)
	s.loop = newLoop(e, s.metrics, sockclock.New(s.started))
	if o.Truth != nil {
		s.ledger = newLedger(o.Truth)
		s.ledger.add(TruthHeader{
			Type: "sim", Format: TruthFormat, Version: TruthVersion,
			Start: s.started, Seed: o.Seed, Engine: kind,
		})
	}
	s.routes = map[string]route{
		"/v1/chat/completions": {http.MethodPost, chatCompletions},
		"/v1/completions":      {http.MethodPost, completions},
		"/v1/responses":        {http.MethodPost, responses},
		"/v1/models":           {http.MethodGet, models},
		"/health":              {http.MethodGet, health},
		"/version":             {http.MethodGet, version},
		"/metrics":             {http.MethodGet, serveMetrics},
		"/tokenize":            {http.MethodPost, tokenize},
		"/detokenize":          {http.MethodPost, detokenize},
		"/reset_prefix_cache":  {http.MethodPost, resetPrefixCache},
	}
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
		case err == nil && s.refuses():
			reset(c)
		case err == nil:
			s.ServeConn(c)
		case s.isClosed():
			return nil
		case isTemporary(err):
			time.Sleep(5 * time.Millisecond) // out of descriptors: some will be closed soon
		default:
			return err
		}
	}
}

// isTemporary reports whether accepting may succeed later.
func isTemporary(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() ||
		strings.Contains(err.Error(), "too many open files") ||
		strings.Contains(err.Error(), "connection aborted")
}

// loading reports whether the model is still being loaded.
func (s *Server) loading() bool {
	for _, f := range s.o.Faults {
		if f.Name == "loading" {
			return time.Since(s.started) < f.Wait
		}
	}
	return false
}

// refuses decides whether the next connection is reset.
func (s *Server) refuses() bool {
	share := s.o.Faults.share("refuse")
	if share == 0 {
		return false
	}
	rng := splitmix.Rand(uint64(s.o.Seed) ^ s.connections.Add(1)<<20)
	return rng.Chance(share)
}

// ServeConn serves a connection in the background.
func (s *Server) ServeConn(nc net.Conn) {
	if !s.track(nc) {
		_ = nc.Close()
		return
	}
	s.loop.begin(newTimerSleeper)
	c := &conn{
		srv: s, sink: newSink(nc, &s.wg, s.closed, s.backlog),
		in: limitReader{Conn: s.loop.clock.Wrap(nc)},
	}
	c.br = bufio.NewReader(&c.in)
	go func() {
		defer s.untrack(nc)
		c.serve()
	}()
}

// Dial connects to the server in memory, whatever the address. It has the
// signature of http.Transport's DialContext.
func (s *Server) Dial(context.Context, string, string) (net.Conn, error) {
	if s.isClosed() {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	s.ServeConn(server)
	return client, nil
}

// Close breaks off all connections and waits until all goroutines of the server
// have ended.
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
	late := s.Lateness()
	end := TruthEnd{Type: "end", Requests: s.requests.Load(), Writes: late.Writes}
	end.LateUS.P50 = late.P50.Microseconds()
	end.LateUS.P99 = late.P99.Microseconds()
	end.LateUS.Max = late.Max.Microseconds()
	s.ledger.add(end)
	return s.ledger.close()
}

// track registers c to be closed by Close, which then waits for untrack. It
// returns false if the server is closed or has too many connections.
func (s *Server) track(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil || len(s.open) > limits.Connections {
		return false
	}
	s.open[c] = struct{}{}
	s.wg.Add(1) // under the lock, so before Close waits
	return true
}

func (s *Server) untrack(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	s.wg.Done()
}

func (s *Server) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// panicked counts a panic, and remembers the first.
func (s *Server) panicked(f *crash.Error) {
	s.panics.Add(1)
	text := fmt.Sprintf("%v at %s", f.Value, f.Place)
	s.firstPanic.CompareAndSwap(nil, &text)
}

// Panics returns how many requests ended in a fault of the simulator's own, and
// what the first was, and where.
func (s *Server) Panics() (n int, first string) {
	if p := s.firstPanic.Load(); p != nil {
		first = *p
	}
	return int(s.panics.Load()), first
}

// NeedsKey reports whether requests must have a key.
func (s *Server) NeedsKey() bool { return s.o.APIKey != "" }

func (s *Server) authorized(hr *http.Request) bool {
	if s.o.APIKey == "" {
		return true
	}
	key, ok := strings.CutPrefix(hr.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(key), []byte(s.o.APIKey)) == 1
}

// modelName returns the model's name in an answer.
func (s *Server) modelName(asked string) string {
	switch {
	case s.o.Model != "":
		return s.o.Model
	case asked != "":
		return asked
	}
	return DefaultModel
}

func models(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	s := c.srv
	c.send(keepAlive, http.StatusOK, "application/json", fmt.Appendf(nil,
		`{"object":"list","data":[{"id":%s,"object":"model","created":%d,"owned_by":"%s","root":%[1]s,`+
			`"parent":null,"max_model_len":%[4]d,"permission":[]}]}`,
		marshal(s.modelName("")), s.started.Unix(), Owner, s.o.MaxModelLen))
	return nil
}

func health(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	c.send(keepAlive, http.StatusOK, "application/json", nil)
	return nil
}

func version(c *conn, _ *http.Request, _ []byte, keepAlive bool) *apiError {
	body := append(append([]byte(`{"version":`), marshal(c.srv.o.Version)...), '}')
	c.send(keepAlive, http.StatusOK, "application/json", body)
	return nil
}

func hex16(v uint64) string {
	s := strconv.FormatUint(v, 16)
	return "0000000000000000"[len(s):] + s
}
