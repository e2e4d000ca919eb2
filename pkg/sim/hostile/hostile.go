// Package hostile has what a server can do to its clients, as data: answers
// without end, brackets without bottom, numbers without sense, bytes too late or
// too early, heads that are none, and connections that are reset at every place.
// The simulator plays them, and tests hold the client to an end with a plain
// error, in bounded memory and time.
package hostile

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Phase is how much of a request an attack waits for.
type Phase int

// The phases, the latest first: it is that of most attacks.
const (
	Request Phase = iota // the whole request
	Head                 // its head, not its body
	Accept               // the connection
)

// Attack is one thing that a server does to a client.
type Attack struct {
	// Name is the group's name, a hyphen, and a word for what happens.
	Name string
	// About is what the server does, in a line.
	About string
	// Phase is what the attack waits for.
	Phase Phase
	// Path is the endpoint whose requests are attacked; empty: those for answers.
	Path string
	// Quick reports that the server ends the attack, soon and after few bytes.
	// Otherwise it ends when the client has gone.
	Quick bool

	steps []step
}

// Group is attacks of one kind.
type Group struct {
	Name, About string
	Attacks     []Attack
}

// Find returns the attack with that name, or nil.
func Find(name string) *Attack {
	for _, g := range Groups {
		for i := range g.Attacks {
			if g.Attacks[i].Name == name {
				return &g.Attacks[i]
			}
		}
	}
	return nil
}

// Names returns the names of all attacks, in the order of the groups.
func Names() []string {
	var names []string
	for _, g := range Groups {
		for _, a := range g.Attacks {
			names = append(names, a.Name)
		}
	}
	return names
}

// Of returns the attacks of a group on requests of an endpoint, in a phase. If
// the endpoint generates text, its path is empty.
func Of(group, path string, phase Phase) []*Attack {
	var list []*Attack
	for _, g := range Groups {
		for i := range g.Attacks {
			if a := &g.Attacks[i]; g.Name == group && a.Path == path && a.Phase == phase {
				list = append(list, a)
			}
		}
	}
	return list
}

// Target is the client under attack.
type Target struct {
	Conn net.Conn
	// Request is what the client asked for; nil in the phase Accept.
	Request *http.Request
	// Gone is closed when the client has closed the connection, and Stop when the
	// server ends.
	Gone, Stop <-chan struct{}
	// Patience limits a write that the client does not take.
	Patience time.Duration
}

// Play attacks the target. It returns true if the answer was complete and the
// connection can be used again; otherwise the caller closes it.
func (a *Attack) Play(t *Target) (keep bool) {
	p := &player{Target: t}
	for _, s := range a.steps {
		if !s(p) {
			break
		}
	}
	return p.keep
}

// Keeps reports whether the connection is meant to be used again.
func (a *Attack) Keeps() bool { return a.Quick && a.Phase == Request }

// player is an attack in progress.
type player struct {
	*Target
	keep bool
}

// step is a part of an attack. It returns false if nothing may follow it.
type step func(*player) bool

// write writes bytes. It returns false if the client does not take them.
func (p *player) write(b []byte) bool {
	_ = p.Conn.SetWriteDeadline(time.Now().Add(p.Patience))
	defer p.Conn.SetWriteDeadline(time.Time{})
	_, err := p.Conn.Write(b)
	return err == nil
}

// wait returns false if the server has ended. If the client goes it returns true
// before d has passed.
func (p *player) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.Gone:
	case <-p.Stop:
		return false
	}
	return true
}

// raw writes bytes as they are.
func raw(texts ...string) step {
	text := strings.Join(texts, "")
	return func(p *player) bool { return p.write([]byte(text)) }
}

// send writes each text as a chunk of the transfer coding.
func send(texts ...string) step { return raw(chunked(texts...)) }

// repeat writes a unit n times.
func repeat(unit string, n int) step {
	return func(p *player) bool { return p.write([]byte(strings.Repeat(unit, n))) }
}

// endlessly writes a unit again and again, until the client has gone.
func endlessly(unit string) step {
	return func(p *player) bool {
		block := []byte(strings.Repeat(unit, max(1, blockSize/len(unit))))
		for p.write(block) {
		}
		return false
	}
}

// blockSize is about how many bytes are written at once.
const blockSize = 64 << 10

// endless is endlessly within the transfer coding.
func endless(unit string) step {
	return func(p *player) bool {
		return endlessly(chunked(strings.Repeat(unit, max(1, blockSize/len(unit)))))(p)
	}
}

// fill sends a unit n times in the transfer coding.
func fill(unit string, n int) step {
	return func(p *player) bool {
		n, most := n, max(1, blockSize/len(unit))
		block := strings.Repeat(unit, min(n, most))
		whole := []byte(chunked(block))
		for ; n >= most; n -= most {
			if !p.write(whole) {
				return false
			}
		}
		return n == 0 || p.write([]byte(chunked(block[:n*len(unit)])))
	}
}

// counted sends n units in the transfer coding; if n is negative, without end.
func counted(n int, unit func(b []byte, i int) []byte) step {
	return func(p *player) bool {
		b := make([]byte, 0, blockSize+1024)
		for i := 0; i != n; {
			for b = b[:0]; len(b) < blockSize && i != n; i++ {
				b = unit(b, i)
			}
			if !p.write([]byte(chunked(string(b)))) {
				return false
			}
		}
		return true
	}
}

// made is a step that is made when it is due, since it is large.
func made(make func() step) step { return func(p *player) bool { return make()(p) } }

// drip writes a text byte by byte.
func drip(pause time.Duration, text string) step {
	return func(p *player) bool {
		for i := range len(text) {
			if !p.wait(pause) || !p.write([]byte{text[i]}) {
				return false
			}
		}
		return true
	}
}

// every writes a text again and again, with pauses, until the client has gone.
func every(pause time.Duration, text string) step {
	return func(p *player) bool {
		for p.wait(pause) && p.write([]byte(text)) {
		}
		return false
	}
}

// pause waits until d has passed or the client has gone.
func pause(d time.Duration) step { return func(p *player) bool { return p.wait(d) } }

// silence waits until the client has gone. A client that the server does not
// read cannot be seen to go: it has a minute.
func silence(p *player) bool {
	if p.Request != nil && p.Gone == nil {
		return p.wait(time.Minute)
	}
	select {
	case <-p.Gone:
		return true
	case <-p.Stop:
		return false
	}
}

// drain reads the rest of the request.
func drain(p *player) bool {
	_, err := io.Copy(io.Discard, p.Request.Body)
	return err == nil
}

// reset closes the connection with a RST.
func reset(p *player) bool {
	if t, ok := p.Conn.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = p.Conn.Close()
	return false
}

// settle gives the client time to read, since a reset discards what it has not
// read yet.
func settle(p *player) bool { return p.wait(20 * time.Millisecond) }

// keep ends an attack whose connection can be used again.
func keep(p *player) bool {
	p.keep = true
	return false
}
