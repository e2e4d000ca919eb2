package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"multiturn/internal/httpclient"
	"multiturn/internal/limits"
	"multiturn/pkg/bench"
	"multiturn/pkg/chat"
	"multiturn/pkg/load"
	"multiturn/pkg/record"
	"multiturn/pkg/server/scrape"
	"multiturn/pkg/sim"
	"multiturn/pkg/sim/hostile"
)

// wanted is how a turn ends that meets an attack: an outcome, or one of several
// where it depends on what the client had read when the connection was reset. A
// group's name stands for those of its attacks that are not here.
var wanted = map[string]string{
	"endless": "too_large", "endless-error": "http_status",
	// A complete answer is one, whatever follows.
	"endless-after-done": "ok", "endless-trailers": "ok",

	"deep": "bad_event", "deep-error-event": "error_in_stream", "deep-status": "http_status",
	"deep-closed": "bad_event",

	// What cannot be true of usage is unknown, and the answer is one.
	"huge-usage": "ok", "huge-usage-least": "ok", "huge-usage-1e9": "ok", "huge-usage-4e8": "ok",
	"huge-usage-1e308": "ok", "huge-usage-1e999": "ok", "huge-usage-negative": "ok",
	"huge-usage-nan": "bad_event", "huge-usage-text": "ok", "huge-usage-cached": "ok",
	"huge-timings": "ok", "huge-index": "ok", "huge-event": "too_large", "huge-line": "too_large",
	"huge-escapes": "too_large", "huge-lines": "too_large", "huge-calls": "too_large",
	"huge-choices": "too_large", "huge-keys": "too_large", "huge-id": "ok", "huge-finish": "ok",
	"huge-error": "too_large", "huge-field": "ok", "huge-head": "ok",
	// net/http takes the size for true, and waits.
	"huge-chunk": "truncated|timeout", "huge-chunk-overflow": "truncated",
	"huge-chunk-negative": "truncated", "huge-length": "timeout",
	"huge-length-overflow": "connect", "huge-retry-after": "http_status",

	"late": "timeout", "late-end": "ok", "late-close": "ok",

	"early-answer": "ok", "early-refusal": "http_status|connect", "early-body": "connect",
	"early-two": "ok", "early-rest": "ok", "early-done": "truncated", "early-finish": "ok",
	"early-usage": "ok", "early-101": "http_status",

	"odd-status-000": "bad_event", "odd-status-099": "bad_event", "odd-status-600": "http_status",
	"odd-status-99999": "connect", "odd-status-negative": "connect", "odd-status-text": "connect",
	"odd-status-none": "connect", "odd-204": "http_status", "odd-304": "http_status",
	"odd-http09": "connect", "odd-http2": "connect", "odd-http2-preface": "connect",
	"odd-http9": "ok", "odd-tls": "connect", "odd-colon": "connect", "odd-fold": "ok",
	"odd-name": "connect", "odd-redirect": "http_status", "odd-redirect-loop": "http_status",
	"odd-redirect-text": "connect", "odd-gzip": "bad_event", "odd-gzip-bomb": "bad_event",
	"odd-length-short": "truncated", "odd-length-long": "truncated", "odd-length-two": "connect",
	"odd-length-chunked": "ok", "odd-length-negative": "connect", "odd-utf8": "ok",
	"odd-surrogate": "ok", "odd-control": "ok", "odd-control-bytes": "bad_event",
	"odd-control-error": "error_in_stream", "odd-control-status": "http_status",
	"odd-control-page": "http_status", "odd-control-id": "ok", "odd-control-call": "ok",
	"odd-nul": "truncated", "odd-types": "bad_event", "odd-twice": "ok",
	"odd-echo": "http_status", "odd-echo-event": "error_in_stream",

	"reset": "connect|truncated", "reset-before-done": "ok_no_done|truncated|connect",
	"reset-after-done": "ok|ok_no_done|truncated|connect",
	"reset-after-end":  "ok|ok_no_done|truncated|connect",
}

// wants returns the outcomes of an attack's turn.
func wants(name string) []string {
	if list, ok := wanted[name]; ok {
		return strings.Split(list, "|")
	}
	group, _, _ := strings.Cut(name, "-")
	return strings.Split(wanted[group], "|")
}

// hostileKey is what no record and no error may have.
const hostileKey = "sk-hostile-secret"

// arena is a simulator and how many connections it has.
type arena struct {
	url  string
	open atomic.Int64
}

// watched counts the connections of a listener.
type watched struct {
	net.Listener
	open *atomic.Int64
}

type watchedConn struct {
	*net.TCPConn
	closed func()
}

func (w watched) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w.open.Add(1)
	return &watchedConn{c.(*net.TCPConn), sync.OnceFunc(func() { w.open.Add(-1) })}, nil
}

func (c *watchedConn) Close() error {
	defer c.closed()
	return c.TCPConn.Close()
}

func newArena(t *testing.T, faults string) *arena {
	t.Helper()
	list, err := sim.ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.New(sim.Options{Faults: list})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback here: ", err)
	}
	a := &arena{url: "http://" + l.Addr().String()}
	served := make(chan error, 1)
	go func() { served <- server.Serve(watched{l, &a.open}) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	})
	return a
}

// under returns the options of a client whose requests have a fault.
func (a *arena) under(fault string, transport Transport) Options {
	o := Options{
		URL: a.url, Model: "sim", Transport: transport,
		Config: httpclient.Config{
			APIKey: hostileKey, Header: http.Header{"X-Sim-Fault": {fault}},
		},
	}
	if transport == Reactor {
		o.Clocks = record.ClockKernel
	}
	return o
}

// sending is a client as a run has it.
type sending struct{ client *Client }

func (s sending) Send(ctx context.Context, r *bench.Request) *bench.Reply {
	if r.Conversation == harmless {
		r.Timeout = time.Minute // no turn may need it, however slow the machine is
	}
	res := s.client.Do(ctx, &Request{
		Messages: r.Messages, Session: r.Conversation, MaxTokens: r.MaxTokens, Timeout: r.Timeout,
	})
	return &bench.Reply{Exchange: res.Exchange, Text: res.Text, First: res.FirstText}
}

// harmless is the fault of a conversation that meets no attack.
const harmless = "role=first"

// playAgainst plays conversations of two turns one after the other, and returns
// the turns. The name of a conversation is its fault.
func playAgainst(t *testing.T, c *Client, timeout time.Duration, faults ...string) []*record.Turn {
	t.Helper()
	var list []chat.Conversation
	for _, fault := range faults {
		list = append(list, chat.Conversation{ID: fault, Messages: []chat.Message{
			{Role: "user", Text: "one"}, {Role: "assistant", Text: "two"},
			{Role: "user", Text: "three"}, {Role: "assistant", Text: "four"},
		}})
	}
	var turns []*record.Turn
	o := bench.Options{
		Options: load.Options{Clients: 1, Active: 1}, Encoder: c.Encoder(),
		LimitMin: 1, LimitMax: 1, Timeout: timeout,
		OnFinished: func(e *bench.Finished) error {
			turns = append(turns, e.Turn)
			return nil
		},
	}
	end, err := bench.Run(t.Context(), o, sending{c}, list, nil)
	if err != nil {
		t.Errorf("%s: %v", faults, err)
	}
	if n := end.Turns; n.Planned != 2*len(faults) || n.Planned != n.Finished+n.Failed+n.Abandoned {
		t.Errorf("%s: %+v turns", faults, n)
	}
	return turns
}

// TestAttacks meets every attack of the simulator over both transports: each
// ends as wanted, with an error of one line, in bounded memory; its time-out
// holds, the turns after it are played, and nothing of it stays. With -v it
// prints the table of attacks and outcomes.
func TestAttacks(t *testing.T) {
	defer log.SetOutput(log.Writer())
	log.SetOutput(io.Discard) // net/http reports answers that nobody asked for
	before := runtime.NumGoroutine()
	peak := heapPeak()
	t.Run("transports", func(t *testing.T) {
		for _, transport := range []Transport{Reactor, NetHTTP} {
			t.Run(string(transport), func(t *testing.T) {
				t.Parallel()
				meetAttacks(t, transport)
			})
		}
		t.Run("questions", meetQuestions)
	})
	if n := peak(); n > 1<<30 {
		t.Errorf("the heap had %d MiB", n>>20)
	}
	eventually(t, "goroutines", func() int { return runtime.NumGoroutine() - before })
}

func meetAttacks(t *testing.T, transport Transport) {
	a, unread := newArena(t, ""), newArena(t, "")
	var wg sync.WaitGroup
	names := make(chan string)
	for range 4 { // so that time-outs are waited for together
		wg.Go(func() {
			for name := range names {
				if name == "late-read" { // its connection stays with the server
					meet(t, unread, transport, name)
				} else {
					meet(t, a, transport, name)
				}
			}
		})
	}
	for _, name := range hostile.Names() {
		if h := hostile.Find(name); h.Path == "" && h.Phase != hostile.Accept {
			names <- name
		}
	}
	close(names)
	wg.Wait()
	eventually(t, "connections", func() int { return int(a.open.Load()) })
}

// meet plays a conversation that meets an attack, and another one after it.
func meet(t *testing.T, a *arena, transport Transport, name string) {
	o := a.under("{session}", transport)
	switch o.MaxAnswerBytes = 2 << 20; {
	case name == "endless-chunks": // of a byte each
		o.MaxAnswerBytes = 1 << 17
	case strings.HasPrefix(name, "deep"):
		o.MaxAnswerBytes = 32 << 20
	}
	c, err := New(o)
	if err != nil {
		t.Error(err)
		return
	}
	want, timeout := wants(name), time.Minute
	if slices.Contains(want, "timeout") {
		timeout = 200 * time.Millisecond
	}
	begin := time.Now()
	attacked := playAgainst(t, c, timeout, "hostile="+name)
	took := time.Since(begin)
	next := playAgainst(t, c, time.Minute, harmless)
	if err := c.Close(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if len(attacked) == 0 || len(next) != 2 {
		t.Errorf("%s: only %d turns, and %d after them", name, len(attacked), len(next))
		return
	}
	for _, turn := range attacked {
		t.Logf("%-8s %-22s %5.2f s %s %s", transport, name, took.Seconds(), turn.Outcome, turn.Error)
		if !slices.Contains(want, string(turn.Outcome)) {
			t.Errorf("%s: %s (%s), want %s", name, turn.Outcome, turn.Error, want)
		}
		checkAttacked(t, name, turn)
		if d, _ := turn.End.Since(turn.Issued); turn.Outcome == record.Timeout &&
			d < timeout-time.Millisecond || d > timeout+5*time.Second {
			t.Errorf("%s: it ended after %v, with a time-out of %v", name, d, timeout)
		}
	}
	for _, turn := range next {
		if turn.Outcome != record.OK {
			t.Errorf("%s: a turn after it: %s (%s)", name, turn.Outcome, turn.Error)
		}
	}
}

// checkAttacked checks what no attack may bring about.
func checkAttacked(t *testing.T, name string, turn *record.Turn) {
	line, err := json.Marshal(turn)
	if err != nil || bytes.Contains(line, []byte(hostileKey)) || len(line) > 1<<16 {
		t.Errorf("%s: a record of %d bytes, with the key or not (%v): %.3000s", name, len(line), err, line)
	}
	if (turn.Error == "") != turn.Outcome.OK() || len(turn.Error) > 1000 ||
		strings.ContainsFunc(turn.Error, unicode.IsControl) {
		t.Errorf("%s: %s with the error %q", name, turn.Outcome, turn.Error)
	}
	if u := turn.Usage; u != nil && (u.Prompt < 0 || u.Prompt > limits.Tokens || u.Completion < 0 ||
		u.Completion > limits.Tokens || u.Cached != nil &&
		(*u.Cached < 0 || *u.Cached > limits.Tokens)) {
		t.Errorf("%s: usage %+v", name, u)
	}
}

// Attacks before the request was read are the server's: some connections meet
// them. Each turn fails or is answered.
func TestAttacksAtOnce(t *testing.T) {
	t.Parallel()
	for _, name := range hostile.Names() {
		if hostile.Find(name).Phase != hostile.Accept {
			continue
		}
		for _, transport := range []Transport{Reactor, NetHTTP} {
			a := newArena(t, "hostile="+name+"@0.5")
			ok, failed := 0, 0
			for range 20 {
				c := newClient(t, a.under(harmless, transport))
				// An answer that comes before the request may be taken for its own.
				if r := c.Do(t.Context(), &Request{Messages: hello().Messages, MaxTokens: 1,
					Timeout: time.Minute}); r.Outcome == record.Connect {
					failed++
				} else if r.Outcome.OK() {
					ok++
				} else {
					t.Errorf("%s: %s (%s)", name, r.Outcome, r.Error)
				}
				c.Close()
			}
			t.Logf("%s %s: %d ok, %d failed", transport, name, ok, failed)
			if ok == 0 || failed == 0 && name == "reset-accept" {
				t.Errorf("%s: %d of 20 turns ok, %d failed", name, ok, failed)
			}
		}
	}
}

// answeredAnyway are the attacks on questions that are answers nevertheless: a
// server without a list of models may be one, numbers are checked where they are
// used, a page of metrics is read by the line, and an emptied cache needs no JSON.
var answeredAnyway = map[string]bool{
	"endless-models": true, "deep-models": true, "huge-models": true, "huge-model-length": true,
	"odd-control-models": true, "huge-metrics-numbers": true, "huge-count": true,
	"deep-reset": true, "odd-control-metrics": true,
}

// meetQuestions meets the attacks on what is asked beside the turns.
func meetQuestions(t *testing.T) {
	t.Parallel()
	a := newArena(t, "")
	for _, name := range hostile.Names() {
		h := hostile.Find(name)
		if h.Path == "" {
			continue
		}
		limit := time.Minute
		if strings.HasPrefix(name, "late") {
			limit = 200 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		o := a.under("hostile="+name, NetHTTP)
		c := newClient(t, o)
		begin := time.Now()
		var err error
		var said any
		switch h.Path {
		case "/v1/models":
			said, err = c.Identify(ctx)
		case "/tokenize":
			said, err = c.TokenizeText(ctx, "some text")
		case "/reset_prefix_cache":
			said, err = c.ResetCache(ctx)
		case "/metrics":
			said = scrape.New([]string{a.url + h.Path}, o.Config, time.Now()).Scrape(ctx, record.Before)
		default:
			t.Errorf("%s: nothing asks %s", name, h.Path)
		}
		took := time.Since(begin)
		ended := ctx.Err() != nil
		cancel()
		text, _ := json.Marshal(said)
		if err != nil {
			text = append(text, err.Error()...)
		}
		t.Logf("question %-22s %5.2f s %.150s", name, took.Seconds(), text)
		if ended && !strings.HasPrefix(name, "late") {
			t.Errorf("%s: a minute was not enough", name)
		}
		if len(text) > 10_000 || bytes.Contains(text, []byte(hostileKey)) ||
			err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%s: %d bytes: %.300q", name, len(text), text)
		}
		if failed := err != nil || bytes.Contains(text, []byte(`"error":`)); failed == answeredAnyway[name] {
			t.Errorf("%s: failed is %v: %.300s", name, failed, text)
		}
		c.Close()
	}
}

// In virtual time, time-outs hold to the nanosecond, whatever comes slowly.
func TestLateAttacks(t *testing.T) {
	t.Parallel()
	for _, name := range hostile.Names() {
		h := hostile.Find(name)
		if !strings.HasPrefix(name, "late") || h.Path != "" {
			continue
		}
		synctest.Test(t, func(t *testing.T) {
			server, err := sim.New(sim.Options{})
			if err != nil {
				t.Fatal(err)
			}
			const timeout = 5 * time.Second
			var o Options
			o.Header = http.Header{"X-Sim-Fault": {"hostile=" + name}}
			c := bubble(t, o, func(net.Conn, *bufio.Reader) {})
			c.questions.net = server.Dial
			time.Sleep(time.Second) // a clock of 0 is unknown
			begin := time.Now()
			r := c.Do(t.Context(), &Request{Messages: hello().Messages, Timeout: timeout})
			took := time.Since(begin)
			switch {
			case wants(name)[0] == "ok":
				if d, _ := r.End.Since(r.LastToken); !r.Outcome.OK() || d != 0 {
					t.Errorf("%s: %s, %v after the last token", name, r.Outcome, d)
				}
			case r.Outcome != record.Timeout:
				t.Errorf("%s: %s (%s)", name, r.Outcome, r.Error)
			default:
				if took != timeout {
					t.Errorf("%s: timed out after %v", name, took)
				}
			}
			c.Close()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// eventually waits until a count is 0.
func eventually(t *testing.T, what string, count func() int) {
	t.Helper()
	n := 0
	for range 1000 {
		if n = count(); n <= 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d %s are left", n, what)
}

// heapPeak samples the heap until it is called, and returns the most bytes that
// its objects had.
func heapPeak() func() uint64 {
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(s)
			most = max(most, s[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-stop:
				peak <- most
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-peak
	}
}
