package plan

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/field"
	"multiturn/internal/human"
	"multiturn/pkg/chat"
	"multiturn/pkg/chat/template"
	"multiturn/pkg/load"
	"multiturn/pkg/server"
)

// DefaultAnswerTokens is the length of answers whose length is unknown: that of
// `mtbench sim`.
const DefaultAnswerTokens = 128

// Simulation is how conversations would be sent: the load, and what stands in
// for the server. The zero value is one client that sends one conversation
// after the other.
type Simulation struct {
	load.Options

	BlockSize int                // tokens; 0 = server.AssumedBlock
	Template  *template.Template // nil = template.ChatML

	// LimitMin and LimitMax bound the length of answers in tokens; 0 or less = the
	// dataset's own length.
	LimitMin, LimitMax int
	// AnswerTokens is the length of answers that the dataset does not have; 0 =
	// DefaultAnswerTokens.
	AnswerTokens int
	// DatasetHistory asks the next turn with the dataset's answers, so that what
	// the server generates is thrown away. Otherwise the server is taken to say
	// what the dataset has, cut or filled up to the length asked for, and the
	// dataset's answers stay only where tool messages follow.
	DatasetHistory bool

	Speed Speed

	// Progress, if not nil, is called with 1 for every conversation that has been
	// tokenized, from several goroutines; with control arms, once for each arm.
	Progress func(int)
}

// Speed is how long a request takes. The zero value is order only: all requests
// take the same time, which is nothing beside think times.
type Speed struct {
	Base time.Duration // of an empty prompt to the first token
	// PerToken is added for each prompt token that the turn before did not have.
	PerToken time.Duration
	Interval time.Duration // between two tokens of the answer
}

// time returns the times from a request to the first and to the last token of its
// answer.
func (s Speed) time(computed, output int) (first, last time.Duration) {
	if s == (Speed{}) {
		return 0, 1
	}
	first = s.Base + time.Duration(computed)*s.PerToken
	return first, first + time.Duration(max(0, output-1))*s.Interval
}

func (s Simulation) withDefaults() Simulation {
	s.AnswerTokens = cmp.Or(s.AnswerTokens, DefaultAnswerTokens)
	s.BlockSize = cmp.Or(s.BlockSize, server.AssumedBlock)
	s.Template = cmp.Or(s.Template, template.ChatML)
	return s
}

// Validate returns everything that is wrong with the simulation.
func (s Simulation) Validate() error {
	var errs field.Errors
	if err := s.Options.Validate(); err != nil {
		errs = append(errs, err)
	}
	if s.LimitMin > 0 && s.LimitMax > 0 && s.LimitMin > s.LimitMax {
		errs.Addf("LimitMin", "is %d, above LimitMax %d", s.LimitMin, s.LimitMax)
	}
	if s.BlockSize < 0 {
		errs.Addf("BlockSize", "is %d; it must be at least 1", s.BlockSize)
	}
	if s.AnswerTokens < 0 {
		errs.Addf("AnswerTokens", "is %d; it must be at least 1", s.AnswerTokens)
	}
	for _, t := range []struct {
		name string
		time time.Duration
	}{{"Base", s.Speed.Base}, {"PerToken", s.Speed.PerToken}, {"Interval", s.Speed.Interval}} {
		if t.time < 0 {
			errs.Addf(t.name, "is %v; it must not be negative", t.time)
		}
	}
	return errs.Err()
}

// Simulate returns the requests that package bench would send of the
// conversations. Texts are tokenized in parallel.
//
// With one client and no think times the order is that of a run, to the
// request. With more it depends on how long requests take, for which Speed
// stands in. If the dataset asks for more tokens than can be followed, blocks are
// larger, as in FromTurns.
func Simulate(ctx context.Context, conversations []chat.Conversation, tok template.Tokenizer,
	s Simulation) (*Workload, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	s = s.withDefaults()
	scheduler, err := load.New(s.Options, conversations)
	if err != nil {
		return nil, err
	}
	var f followed
	for i := range scheduler.Plays() {
		p := &scheduler.Plays()[i]
		f.claim(&s, p, &conversations[p.Conversation])
	}
	size := s.BlockSize
	step := f.stride(size)
	s.BlockSize *= step
	scripts, err := s.scripts(ctx, scheduler.Plays(), conversations, tok)
	if err != nil {
		return nil, err
	}
	w := &Workload{BlockSize: s.BlockSize, How: s.String(), Step: step}
	w.Timed = s.Speed != (Speed{}) || s.Rate > 0 || s.Arrivals != nil ||
		slices.ContainsFunc(scheduler.Plays(), thinks)
	w.Notes = s.notes(scripts)
	if step > 1 {
		w.Notes = append(w.Notes, coarseNote(step, size))
	}
	w.Requests = s.play(scheduler, scripts, nil)
	return w, nil
}

// thinks reports whether a play has think times.
func thinks(p load.Play) bool {
	return slices.ContainsFunc(p.Turns, func(t chat.Turn) bool { return t.Think > 0 })
}

// scripts returns the script of each play.
func (s *Simulation) scripts(ctx context.Context, plays []load.Play,
	conversations []chat.Conversation, tok template.Tokenizer) ([]script, error) {
	scripts := make([]script, len(plays))
	salt := load.NewSalts([32]byte{}, counter{tok}).Next() // all are equally long
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range plays {
		g.Go(func() error {
			if ctx.Err() == nil {
				p := &plays[i]
				scripts[i] = s.script(p, &conversations[p.Conversation], tok, salt)
			}
			if s.Progress != nil {
				s.Progress(1)
			}
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
	return scripts, context.Cause(ctx)
}

// counter counts what a tokenizer makes of a text.
type counter struct{ template.Tokenizer }

func (c counter) Count(text string) int { return len(c.Append(nil, text)) }

// notes returns what the scripts had to assume.
func (s *Simulation) notes(scripts []script) []string {
	assumed, more, tools := 0, 0, 0
	for i := range scripts {
		assumed += scripts[i].assumed
		more += scripts[i].more
		tools += scripts[i].tools
	}
	var notes []string
	if assumed > 0 {
		notes = append(notes, fmt.Sprintf("%s without an answer in the dataset: %s assumed for each",
			human.Count(assumed, "turn"), human.Count(s.AnswerTokens, "token")))
	}
	if more > 0 {
		notes = append(notes, fmt.Sprintf("%s with more than a role and a text "+
			"(names, ids, images): only texts and tool calls are counted",
			human.Count(more, "message")))
	}
	if tools > 0 {
		notes = append(notes, fmt.Sprintf("%s with tools: their JSON is counted as a system message "+
			"before all others", human.Count(tools, "conversation")))
	}
	return append(notes, replicasNote(s.Replicas)...)
}

// play returns the requests of the scripts in the order in which they are sent.
// If vary is not nil, it changes how long a turn takes, and reports whether its
// conversation goes on.
func (s *Simulation) play(scheduler *load.Scheduler, scripts []script,
	vary func(load.Dispatch, time.Duration) (time.Duration, bool)) []Request {
	var out []Request
	scheduler.Simulate(func(d load.Dispatch, now time.Duration) (time.Duration, bool) {
		script := &scripts[d.Play]
		r := script.requests[d.Turn]
		first, took := s.Speed.time(script.computed[d.Turn], r.Output)
		ok := true
		if vary != nil {
			took, ok = vary(d, took)
		}
		if s.Replicas > 1 {
			r.Replica = int32(d.Replica + 1)
		}
		r.Warmup, r.Start, r.First, r.End = d.Warmup, now, now+first, now+took
		out = append(out, r)
		return took, ok
	})
	return out
}

// String describes the load in a few words.
func (s Simulation) String() string {
	order := "round robin"
	if s.Order == load.Random {
		order = "random"
	}
	clients := max(s.Clients, 1)
	text := fmt.Sprintf("simulated: %d in flight, %d conversations in progress, %s",
		clients, cmp.Or(s.Active, clients), order)
	if s.Control.Arms() > 1 {
		text += fmt.Sprintf(", control %s", s.Control)
	}
	if s.Replicas > 1 {
		text += fmt.Sprintf(", %d replicas (%s)", s.Replicas, cmp.Or(s.Balance, load.BalanceSticky))
	}
	if s.Speed == (Speed{}) {
		return text + ", order only"
	}
	return text + fmt.Sprintf(", first token after %v + %v a token, then %v a token",
		s.Speed.Base, s.Speed.PerToken, s.Speed.Interval)
}
