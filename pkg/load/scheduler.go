package load

import (
	"math/rand/v2"
	"slices"
	"time"

	"multiturn/internal/pyrand"
	"multiturn/pkg/chat"
)

// The streams of random numbers that are seeded with Options.Seed, by their
// second seed. Runs can be repeated as long as these stay as they are.
const (
	streamRun    = 1
	streamWarmup = 2
	streamArms   = 3
	streamArrive = 4
)

// Scheduler is the state of a run. Its methods must not be called concurrently.
// Times count from the start of the run and must not go back.
type Scheduler struct {
	opt     Options
	plays   []Play
	went    []progress // by play
	stopped string     // why the run was stopped; "" = it was not
	rests   []*pyrand.Numpy
	balance *balancer

	// Of the phase.
	warming bool
	begun   time.Duration
	choose  *rand.Rand
	arrive  Arrive
	dealt   int       // plays[:dealt] have begun or have nothing to play
	started int       // conversations that have begun
	active  int       // conversations in progress
	half    int       // Play.half of those in progress
	opening bool      // of that batch no turn was sent yet
	issued  int       // turns sent
	ready   []waiting // turns that may be sent, in the order in which they became ready
	idle    []resting // clients; the last one goes first
	agenda  agenda[event]
	booked  bool // the next conversation's arrival is in the agenda
}

// progress is how far a play has come.
type progress struct {
	next   int // turns[:next] have ended well
	failed bool
	begun  bool // a turn of it was sent in this phase, and it is not over
}

// turn is a turn of a play.
type turn struct{ play, index int }

// waiting is a turn that could be sent since some time.
type waiting struct {
	turn
	since time.Duration
}

// resting is a client that could send since some time.
type resting struct {
	client int
	since  time.Duration
}

// event is something that will happen without anybody's doing.
type event struct {
	kind   eventKind
	turn   turn // that the think time is before
	client int  // that rests
}

type eventKind int

const (
	thinkEnds eventKind = iota
	restEnds
	conversationArrives
)

// Dispatch is a turn to be sent now, and the client that sends it.
type Dispatch struct {
	Client     int
	Play, Turn int // indices of Plays, and of its Turns
	Warmup     bool
	Replica    int // that it is sent to, from 0
	// Scheduled is the time since when both the turn and the client were ready.
	Scheduled time.Duration
	// Empty is set if the server's cache has to be emptied first.
	Empty bool
}

// New returns the scheduler of a run of the conversations.
func New(o Options, conversations []chat.Conversation) (*Scheduler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Scheduler{opt: o, plays: o.deal(conversations)}
	if len(s.plays) == 0 {
		return nil, errNothing
	}
	s.went = make([]progress, len(s.plays))
	s.balance = newBalancer(&o, len(conversations))
	if o.Rate > 0 {
		for i := range s.Clients() {
			// The reference's stream of client i.
			s.rests = append(s.rests, pyrand.NewNumpy(o.Seed+uint32(i)+1))
		}
	}
	return s, nil
}

// Plays returns the plays, in the order in which they begin. They must not be
// changed.
func (s *Scheduler) Plays() []Play { return s.plays }

// Clients returns the number of clients, which is not above that of plays.
func (s *Scheduler) Clients() int { return min(s.opt.Clients, len(s.plays)) }

// AtOnce returns how many plays begin at once, at least.
func (s *Scheduler) AtOnce() int { return min(s.opt.Active, len(s.plays)) }

// Begin begins the warm-up or the measured turns. No turn may be in flight.
func (s *Scheduler) Begin(now time.Duration, warmup bool) {
	stream, arrivals := uint64(streamRun), s.opt.Arrivals
	if warmup {
		stream, arrivals = streamWarmup, closed(s.opt.Active)
	}
	s.choose = rand.New(rand.NewPCG(uint64(s.opt.Seed), stream))
	s.arrive = arrivals.Begin(rand.New(rand.NewPCG(uint64(s.opt.Seed), streamArrive)))
	s.warming, s.begun = warmup, now
	s.dealt, s.started, s.active, s.issued = 0, 0, 0, 0
	s.ready, s.idle, s.agenda, s.booked = nil, nil, agenda[event]{}, false
	for i := range s.Clients() {
		s.idle = append(s.idle, resting{i, now})
	}
	slices.Reverse(s.idle) // client 0 goes first
}

// Next returns a turn to be sent now, and false if there is none: all clients
// are busy or no turn is ready.
func (s *Scheduler) Next(now time.Duration) (Dispatch, bool) {
	s.advance(now)
	if len(s.idle) == 0 || s.Over() {
		return Dispatch{}, false
	}
	s.admit(now)
	if len(s.ready) == 0 {
		return Dispatch{}, false
	}
	pick := 0
	if s.opt.Order == Random {
		pick = s.choose.IntN(len(s.ready))
	}
	w := s.ready[pick]
	s.ready = slices.Delete(s.ready, pick, pick+1)
	last := len(s.idle) - 1
	client := s.idle[last]
	s.idle = s.idle[:last]
	return s.dispatch(w, client), true
}

func (s *Scheduler) dispatch(w waiting, c resting) Dispatch {
	s.issued++
	cold := s.opt.Control == Cold
	d := Dispatch{
		Client: c.client, Play: w.play, Turn: w.index, Warmup: s.warming,
		Scheduled: max(w.since, c.since),
		Empty:     cold && (s.opening || s.plays[w.play].Arm.Cold),
	}
	s.opening = false
	begun := &s.went[w.play].begun
	d.Replica = s.balance.send(s.plays[w.play].Conversation, !*begun)
	*begun = true
	return d
}

// Ended reports that a dispatched turn ended at end, and that its client was
// done with it at now. Unless ok, its conversation ends with it. What the end
// makes possible is scheduled for end: that the client was done late is its own
// lateness.
func (s *Scheduler) Ended(d Dispatch, end, now time.Duration, ok bool) {
	s.advance(now)
	p := &s.went[d.Play]
	if ok {
		p.next++
	} else {
		p.failed = true
	}
	goesOn := s.playable(d.Play)
	p.begun = goesOn
	s.balance.ended(d.Replica, !goesOn)
	if goesOn {
		s.release(turn{d.Play, p.next}, end)
	} else {
		s.active--
		if !s.Over() {
			s.admit(end)
		}
	}
	if s.opt.Rate > 0 && !s.warming {
		pause := s.rests[d.Client].Exponential(1/s.opt.Rate) * float64(time.Second)
		s.agenda.add(end+time.Duration(pause), event{kind: restEnds, client: d.Client})
		return
	}
	// It goes next: its connection is warm.
	s.idle = append(s.idle, resting{d.Client, end})
}

// Due returns when Next has to be called again if no turn ends before, and
// false if it need not be.
func (s *Scheduler) Due() (time.Duration, bool) {
	if s.Over() {
		return 0, false
	}
	return s.agenda.next()
}

// Over reports whether no more turn is sent in this phase. Some may still be in
// flight.
func (s *Scheduler) Over() bool {
	return s.stopped != "" || s.limited() || s.active == 0 && !s.more()
}

// Stop sends no more turns, in this phase and later ones, for one of package
// record's reasons. The first reason stays.
func (s *Scheduler) Stop(why string) {
	if s.stopped == "" {
		s.stopped = why
	}
}

// Stopped reports whether Stop was called.
func (s *Scheduler) Stopped() bool { return s.stopped != "" }

// limited reports whether the limit of requests is reached.
func (s *Scheduler) limited() bool {
	return !s.warming && s.opt.MaxRequests > 0 && s.issued >= s.opt.MaxRequests
}
