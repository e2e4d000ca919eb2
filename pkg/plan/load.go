package plan

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/pyrand"
	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
)

// DefaultAnswerTokens is the length taken for answers of which nothing tells it: that of `mtbench sim`.
const DefaultAnswerTokens = 128

// DefaultBlockSize is vLLM's on GPUs, in tokens.
const DefaultBlockSize = 16

// Load is how conversations would be sent: the options of package bench that decide which request comes when, and what
// stands in for the server. The zero value is one client that sends one conversation after the other.
type Load struct {
	BlockSize int                // tokens; 0 = DefaultBlockSize
	Template  *template.Template // nil = template.Plain

	Clients     int // requests in flight at most; 0 = 1
	Active      int // conversations in progress at most; 0 = Clients
	MaxRequests int // 0 = no limit; warm-up is not counted
	MaxTurns    int // messages of each conversation that are played; 0 = all
	Random      bool
	Seed        uint32
	Rate        float64 // each client rests Exp(1/Rate) seconds after a request; 0 = it does not
	Warmup      bool    // every conversation's first turn comes before the run

	// LimitMin and LimitMax bound the length of answers in tokens; 0 or less = no bound but the dataset's own length.
	LimitMin, LimitMax int
	// AnswerTokens is the length of answers that the dataset does not have; 0 = DefaultAnswerTokens.
	AnswerTokens int
	// DatasetHistory asks the next turn with the dataset's answers, so that what the server generates is thrown away.
	// Otherwise the server is taken to say what the dataset has, cut or filled up to the length asked for.
	DatasetHistory bool

	Speed Speed

	// Progress, if not nil, is called with 1 for every conversation that has been tokenized, from several goroutines.
	Progress func(int)
}

// Speed is how long a request takes. The zero value is mere order: all requests take the same time, which is nothing
// beside think times.
type Speed struct {
	Base     time.Duration // of an empty prompt to the first token
	PerToken time.Duration // more for each prompt token that does not repeat the turn before
	Interval time.Duration // between two tokens of the answer
}

func (s Speed) time(computed, output int) time.Duration {
	if s == (Speed{}) {
		return 1
	}
	return s.Base + time.Duration(computed)*s.PerToken + time.Duration(max(0, output-1))*s.Interval
}

func (l Load) withDefaults() Load {
	l.Clients = max(l.Clients, 1)
	if l.Active == 0 {
		l.Active = l.Clients
	}
	if l.AnswerTokens == 0 {
		l.AnswerTokens = DefaultAnswerTokens
	}
	if l.BlockSize == 0 {
		l.BlockSize = DefaultBlockSize
	}
	l.Template = cmp.Or(l.Template, template.Plain)
	return l
}

// Validate returns all that is wrong with the load, in terms of the command's flags.
func (l Load) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if l.Active != 0 && l.Active < max(l.Clients, 1) {
		bad("--max-active-conversations is %d, less than --num-clients %d: no more requests than conversations can be in flight", l.Active, max(l.Clients, 1))
	}
	if l.LimitMin > 0 && l.LimitMax > 0 && l.LimitMin > l.LimitMax {
		bad("--limit-min-tokens is %d, above --limit-max-tokens %d", l.LimitMin, l.LimitMax)
	}
	if min(l.BlockSize, l.Clients, l.Active, l.MaxRequests, l.MaxTurns, l.AnswerTokens) < 0 || l.Rate < 0 || min(l.Speed.Base, l.Speed.PerToken, l.Speed.Interval) < 0 {
		bad("the block size, the load, lengths and times must not be negative")
	}
	return errors.Join(errs...)
}

// Simulate deals conversations as package bench would, and returns the requests. Texts are tokenized in parallel.
//
// With one client and no think times the order is the bench's own, to the request. With more it depends on how long
// requests take, for which Speed stands in.
func Simulate(ctx context.Context, conversations []chat.Conversation, tok template.Tokenizer, l Load) (*Workload, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	l = l.withDefaults()
	scripts := make([]script, len(conversations))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range conversations {
		g.Go(func() error {
			if ctx.Err() == nil {
				scripts[i] = l.write(i, &conversations[i], tok)
			}
			if l.Progress != nil {
				l.Progress(1)
			}
			return nil
		})
	}
	_ = g.Wait() // none returns an error
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	w := &Workload{BlockSize: l.BlockSize, How: l.String()}
	assumed, more := 0, 0
	for i := range scripts {
		assumed += scripts[i].assumed
		more += scripts[i].more
		w.Timed = w.Timed || slices.ContainsFunc(scripts[i].delays, func(d time.Duration) bool { return d > 0 })
	}
	w.Timed = w.Timed || l.Speed != (Speed{}) || l.Rate > 0
	if assumed > 0 {
		w.Notes = append(w.Notes, fmt.Sprintf("%d turns have no answer in the dataset: %d tokens are taken for each", assumed, l.AnswerTokens))
	}
	if more > 0 {
		w.Notes = append(w.Notes, fmt.Sprintf("%d messages hold more than a role and a text (tool calls, images, names): only their text is counted", more))
	}
	w.Requests = l.deal(slices.DeleteFunc(scripts, func(s script) bool { return len(s.requests) == 0 }))
	if len(w.Requests) == 0 {
		return nil, errors.New("no conversation has a turn to play: there is no user message")
	}
	return w, nil
}

// String says how the requests are dealt.
func (l Load) String() string {
	l = l.withDefaults()
	order := "round robin"
	if l.Random {
		order = "random"
	}
	s := fmt.Sprintf("simulated: %d in flight, %d conversations in progress, %s", l.Clients, l.Active, order)
	if l.Speed == (Speed{}) {
		return s + ", order only"
	}
	return s + fmt.Sprintf(", first token after %v + %v a token, then %v a token", l.Speed.Base, l.Speed.PerToken, l.Speed.Interval)
}

// dealer is the state of package bench's run, on a clock of its own.
type dealer struct {
	*Load
	scripts []script
	next    []int // by script: the turn to send
	ready   []int // scripts whose next turn may be sent, in the order in which they became ready
	dealt   int
	active  int
	issued  int
	now     time.Duration
	events  agenda
	serial  int
	free    []int // clients, the one that has waited longest first
	rests   []*pyrand.Numpy
	choose  *rand.Rand
	out     []Request
}

// event is something that will happen: a request ends, a think time does, or a client's rest.
type event struct {
	at     time.Duration
	serial int
	kind   eventKind
	script int
	client int
}

type eventKind int

const (
	requestEnds eventKind = iota
	thinkEnds
	restEnds
)

func (l *Load) deal(scripts []script) []Request {
	d := &dealer{Load: l, scripts: scripts, next: make([]int, len(scripts))}
	for i := range min(l.Clients, len(scripts)) {
		d.rests = append(d.rests, pyrand.NewNumpy(l.Seed+uint32(i)+1))
	}
	if l.Warmup {
		d.phase(true)
	}
	d.phase(false)
	return d.out
}

// phase plays all conversations: their first turn only when warming up.
func (d *dealer) phase(warming bool) {
	stream := uint64(1)
	if warming {
		stream = 2
	}
	d.choose = rand.New(rand.NewPCG(uint64(d.Seed), stream)) // as package bench
	d.dealt, d.active, d.ready, d.events, d.free = 0, 0, nil, nil, nil
	for i := range d.rests {
		d.free = append(d.free, i)
	}
	for {
		for len(d.free) > 0 && d.send(warming) {
		}
		if len(d.events) == 0 {
			return
		}
		e := heap.Pop(&d.events).(event)
		d.now = e.at
		switch e.kind {
		case thinkEnds:
			d.ready = append(d.ready, e.script)
		case restEnds:
			d.free = append(d.free, e.client)
		case requestEnds:
			if d.playable(e.script, warming) {
				d.enqueue(e.script, warming)
			} else {
				d.active--
			}
			if d.Rate > 0 && !warming {
				pause := time.Duration(d.rests[e.client].Exponential(1/d.Rate) * float64(time.Second))
				d.later(event{at: d.now + pause, kind: restEnds, client: e.client})
			} else {
				d.free = append(d.free, e.client)
			}
		}
	}
}

// agenda is a heap of events, the next one first.
type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(a[i].at, a[j].at), a[i].serial-a[j].serial) < 0
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	*a = (*a)[:last]
	return e
}

func (d *dealer) later(e event) {
	d.serial++
	e.serial = d.serial
	heap.Push(&d.events, e)
}

func (d *dealer) playable(script int, warming bool) bool {
	return d.next[script] < len(d.scripts[script].requests) && (!warming || d.next[script] == 0)
}

func (d *dealer) enqueue(script int, warming bool) {
	if delay := d.scripts[script].delays[d.next[script]]; delay > 0 && !warming {
		d.later(event{at: d.now + delay, kind: thinkEnds, script: script})
		return
	}
	d.ready = append(d.ready, script)
}

// send lets a free client send a ready turn; it says whether there was one.
func (d *dealer) send(warming bool) bool {
	if !warming && d.MaxRequests > 0 && d.issued >= d.MaxRequests {
		return false
	}
	for d.active < d.Active && d.dealt < len(d.scripts) {
		i := d.dealt
		d.dealt++
		if d.playable(i, warming) {
			d.active++
			d.enqueue(i, warming)
		}
	}
	if len(d.ready) == 0 {
		return false
	}
	pick := 0
	if d.Random {
		pick = d.choose.IntN(len(d.ready))
	}
	script := d.ready[pick]
	d.ready = slices.Delete(d.ready, pick, pick+1)
	client := d.free[0]
	d.free = d.free[1:]
	if !warming {
		d.issued++
	}

	s := &d.scripts[script]
	turn := d.next[script]
	d.next[script]++
	r := s.requests[turn]
	computed := r.Prompt
	if turn > 0 {
		store := kvcache.PromptAndOutput
		if d.DatasetHistory {
			store = kvcache.PromptOnly
		}
		computed -= kvcache.Bound(s.requests[turn-1].Turn, r.Prompt, d.BlockSize, store)
	}
	r.Warmup = warming
	r.Start = d.now
	r.End = d.now + d.Speed.time(computed, r.Output)
	d.out = append(d.out, r)
	d.later(event{at: r.End, kind: requestEnds, script: script, client: client})
	return true
}
