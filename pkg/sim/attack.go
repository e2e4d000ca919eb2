package sim

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"multiturn/internal/limits"
	"multiturn/pkg/sim/hostile"
	"multiturn/pkg/sim/internal/splitmix"
)

// hostileFault is the name of the fault whose words are attacks, or groups of
// them. It is the connection's, not the stream's: an attack is no answer.
const hostileFault = "hostile"

// hostileWords are the attacks and their groups.
func hostileWords() []string {
	var words []string
	for _, g := range hostile.Groups {
		words = append(words, g.Name)
	}
	return append(words, hostile.Names()...)
}

// generating are the endpoints that generate text.
var generating = map[string]api{
	"/v1/chat/completions": chatAPI, "/v1/completions": completionsAPI, "/v1/responses": responsesAPI,
}

// attack decides which attack a request meets, if any: its own faults come before
// the server's.
func (s *Server) attack(hr *http.Request) *hostile.Attack {
	own, _ := ParseFaults(hr.Header.Get(FaultHeader)) // generate reports its error
	if !s.hostile && !slices.ContainsFunc(own, Fault.hostile) {
		return nil
	}
	path := hr.URL.Path
	if _, ok := generating[path]; ok {
		path = ""
	}
	rng := splitmix.Rand(uint64(s.o.Seed)*splitmix.Step ^ s.attacks.Add(1)<<24)
	for _, f := range slices.Concat(own, s.o.Faults) {
		if !f.hostile() {
			continue
		}
		list := slices.Concat(hostile.Of(f.Word, path, hostile.Head),
			hostile.Of(f.Word, path, hostile.Request))
		if a := hostile.Find(f.Word); a != nil && a.Path == path && a.Phase != hostile.Accept {
			list = append(list, a)
		}
		if len(list) > 0 && rng.Chance(f.Share) {
			return list[rng.Below(len(list))]
		}
	}
	return nil
}

// attackAtOnce decides which attack a connection meets before it is read.
func (s *Server) attackAtOnce() *hostile.Attack {
	if !s.hostile {
		return nil
	}
	rng := splitmix.Rand(uint64(s.o.Seed)*splitmix.Step ^ s.attacks.Add(1)<<24)
	for _, f := range s.o.Faults {
		if a := f.attack(); a != nil && a.Phase == hostile.Accept && rng.Chance(f.Share) {
			return a
		}
	}
	return nil
}

// hostile reports whether the fault is an attack.
func (f Fault) hostile() bool { return f.Name == hostileFault }

// whole reports whether the fault is the server's, not a request's.
func (f Fault) whole() bool {
	a := f.attack()
	return grammar[f.Name].whole || a != nil && a.Phase == hostile.Accept
}

// attack returns the attack that the fault names; nil if it names a group or is
// another fault.
func (f Fault) attack() *hostile.Attack {
	if !f.hostile() {
		return nil
	}
	return hostile.Find(f.Word)
}

// play attacks the client. It returns true if the connection stays open.
func (c *conn) play(a *hostile.Attack, hr *http.Request) (keep bool) {
	gone, ended := make(chan struct{}), make(chan bool, 1)
	t := hostile.Target{
		Conn: c.sink.conn, Request: hr, Gone: gone, Stop: c.srv.closed, Patience: limits.Unread,
	}
	if a.Phase == hostile.Head {
		t.Gone = nil // what would show that the client has gone is behind the body
		return a.Play(&t)
	}
	c.srv.wg.Go(func() {
		keep := a.Play(&t)
		if !keep {
			_ = t.Conn.Close() // and the reads below end
		}
		ended <- keep
	})
	_, err := c.br.Peek(1)
	if err == nil && !a.Keeps() {
		_, err = io.Copy(io.Discard, c.br)
	}
	if err != nil || !a.Keeps() {
		close(gone)
	}
	return <-ended && err == nil
}

// attacked records a request that got an attack for an answer.
func (c *conn) attacked(a *hostile.Attack, hr *http.Request) {
	api, ok := generating[hr.URL.Path]
	if !ok {
		return
	}
	st := c.newStream(hr, api, false)
	st.q = newQuirks()
	st.q.names = []string{hostileFault + "=" + a.Name}
	st.truth.setOutcome(hostileFault)
	c.srv.ledger.add(st.record())
}

// FaultGroup is faults that change the same part of an answer.
type FaultGroup struct {
	Name, About string
	Faults      []FaultAbout
}

// FaultAbout is how a fault is written, and what it does.
type FaultAbout struct{ Form, About string }

// FaultGroups returns all faults for a list: the groups of ordinary ones, then
// those of attacks.
func FaultGroups() []FaultGroup {
	var groups []FaultGroup
	for _, g := range faultGroups {
		about := FaultGroup{Name: g.name, About: g.about}
		for name := range g.faults {
			about.Faults = append(about.Faults, FaultAbout{FaultForm(name), FaultUsage(name)})
		}
		slices.SortFunc(about.Faults, func(a, b FaultAbout) int {
			return strings.Compare(a.Form, b.Form)
		})
		groups = append(groups, about)
	}
	for _, g := range hostile.Groups {
		about := FaultGroup{Name: hostileFault + "=" + g.Name, About: g.About}
		for _, a := range g.Attacks {
			what := a.About
			if a.Path != "" {
				what += " (" + a.Path + ")"
			}
			about.Faults = append(about.Faults, FaultAbout{hostileFault + "=" + a.Name, what})
		}
		groups = append(groups, about)
	}
	return groups
}
