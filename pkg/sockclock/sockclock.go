// Package sockclock measures when bytes passed a socket. It uses the kernel's
// receive time stamps where they exist, so that a client that is late itself
// does not charge its lateness to the server.
//
// # Sources of time
//
// On Linux the kernel stamps each segment that it receives (SO_TIMESTAMPING,
// software) and returns the stamp with the bytes (recvmsg). If several segments
// wait in the socket, the kernel joins them and keeps the newest stamp: a read
// has the stamp of its last byte, which is an upper bound for the others. Only a
// read of one segment, which the kernel's counts show, has its own time. With
// the right to capture packets, a [Capture] is more exact: it records each
// segment with its stamp in a ring shared with the kernel, so that every part
// of a read keeps its own time, however late the read. On other systems, and
// for connections that are not TCP, the time is taken right after Read returns.
//
// # One clock
//
// Stamps are wall clock time. A [Clock] converts them to the monotonic clock,
// whose distance to the wall clock is constant except for steps (someone sets
// the clock, or a leap second); both are disciplined together. The distance is
// measured closely once, checked with each reading of the time, and measured
// again if it has moved. A stamp that would then be later than its reading, or
// earlier than the reading before, is rejected in favour of the time of the
// reading.
//
// # Sending
//
// A request that leaves in one burst is stamped too, when it leaves for the
// network, without any right. The stamp of a larger one would be that of its last
// byte, so the time just before its first write stands for the first. A capture
// knows the first segment of every request.
//
// # What came together
//
// If a read returns several parts of an answer under one stamp, they came
// together or waited for a late process. A Clock that is watched knows which: see
// [Clock.Early].
package sockclock

import (
	"net"
	"sync/atomic"
	"time"

	"multiturn/pkg/record"
)

// Clock measures time from a fixed instant. It is safe for concurrent use.
type Clock struct {
	start  time.Time
	offset atomic.Int64 // wall clock at monotonic 0, in nanoseconds since 1970
	steps  atomic.Int64 // how often the wall clock was set
	pulse  pulse
}

// stepLimit is how far the wall clock may move from the offset before that
// counts as a step. It is more than the usual cost of being descheduled between
// the two clock readings inside time.Now, and less than any latency that
// matters.
const stepLimit = 50 * time.Microsecond

// New returns a clock that counts from start, which must have a monotonic
// reading, as time.Now returns it.
func New(start time.Time) *Clock {
	c := &Clock{start: start}
	c.offset.Store(c.measure())
	return c
}

// Start returns the instant from which the clock counts.
func (c *Clock) Start() time.Time { return c.start }

// Now returns the time since the start.
func (c *Clock) Now() time.Duration { return time.Since(c.start) }

// measure returns the distance of the wall clock from this one. time.Now reads
// the wall clock first, so a delay between its two readings makes the distance
// too small: the largest of several is the best.
func (c *Clock) measure() int64 {
	var best int64
	for range 16 {
		now := time.Now()
		best = max(best, now.UnixNano()-int64(now.Sub(c.start)))
	}
	return best
}

// Reading is a reading of both clocks, taken right after bytes were read.
type Reading struct {
	at  time.Duration // monotonic
	old int64         // offset before a step seen by this reading
	off int64         // offset now
}

// At returns the time of the reading.
func (r Reading) At() time.Duration { return r.at }

// Read takes a reading. One reading serves for all reads of a batch before it.
func (c *Clock) Read() Reading {
	now := time.Now()
	r := Reading{at: now.Sub(c.start), old: c.offset.Load()}
	r.off = r.old
	if d := now.UnixNano() - int64(r.at) - r.old; d > int64(stepLimit) || d < -int64(stepLimit) {
		r.off = c.measure()
		if d := r.off - r.old; d > int64(stepLimit) || d < -int64(stepLimit) {
			c.steps.Add(1)
			c.offset.Store(r.off)
		}
	}
	return r
}

// Arrival converts a stamp: wall is the kernel's stamp in nanoseconds since
// 1970, or 0 if there is none; after is a time before which the bytes cannot
// have arrived, such as that of the read before. If the stamp is missing or
// impossible, Arrival returns the time of the reading.
func (r Reading) Arrival(wall int64, after time.Duration) time.Duration {
	if wall != 0 {
		for _, off := range [2]int64{r.off, r.old} {
			// The stamp is older than the reading, but the offset is known only to some ten
			// nanoseconds: a microsecond is well above that.
			if t := time.Duration(wall - off); t >= after && t <= r.at+time.Microsecond {
				return min(t, r.at)
			}
			if r.off == r.old {
				break
			}
		}
	}
	return r.at
}

// Departure converts the stamp of bytes whose write began at before. If the stamp
// is missing or impossible, Departure returns the time of the reading, and false.
func (r Reading) Departure(wall int64, before time.Duration) (at time.Duration, exact bool) {
	if wall != 0 {
		// As for arrivals, the offset is known only to some ten nanoseconds.
		if t := time.Duration(wall - r.off); t >= before-time.Microsecond && t <= r.at {
			return max(t, before), true
		}
	}
	return r.at, false
}

// Conn is a connection with timed reads and writes. As with any net.Conn, reads
// and writes may be concurrent with each other, but there must be only one
// reader.
type Conn struct {
	net.Conn
	clock  *Clock
	stamps stamper
	source record.ClockSource

	arrived, seen atomic.Int64 // of the last Read that returned bytes
	exact         atomic.Bool  // all of its bytes arrived then
	sending       atomic.Pointer[Sending]
}

// Wrap returns a timed connection. It uses kernel stamps if the connection and
// the system support them; Stamped reports whether it does.
func (c *Clock) Wrap(conn net.Conn) *Conn {
	s := &Conn{Conn: conn, clock: c, source: record.ClockUser}
	s.Mark()
	if s.stamps.enable(conn) {
		s.source = record.ClockKernel
	}
	return s
}

// Source returns where the times of arrival come from: the kernel if it stamps
// reads, and otherwise the client.
func (c *Conn) Source() record.ClockSource { return c.source }

// Stamped reports whether the times of arrival are the kernel's.
func (c *Conn) Stamped() bool { return c.source == record.ClockKernel }

// Read reads, and records when the bytes arrived.
func (c *Conn) Read(p []byte) (int, error) {
	if !c.Stamped() {
		n, err := c.Conn.Read(p)
		if n > 0 {
			now := int64(c.clock.Now())
			c.seen.Store(now)
			c.arrived.Store(now)
		}
		return n, err
	}
	n, wall, err := c.stamps.read(p)
	if n > 0 {
		r := c.clock.Read()
		c.arrived.Store(int64(r.Arrival(wall, time.Duration(c.arrived.Load()))))
		c.seen.Store(int64(r.at))
		c.exact.Store(wall != 0 && c.stamps.one)
	}
	return n, err
}

// Write writes, and records when the bytes left: those of a request's first write
// by the kernel's stamp if it gives one at once, else the times before and after.
func (c *Conn) Write(p []byte) (int, error) {
	s := c.sending.Load()
	before := max(1, c.clock.Now())
	first := s.sent.CompareAndSwap(0, int64(before))
	var n int
	var wall int64
	if first && c.Stamped() {
		n, wall = c.stamps.write(p)
	}
	var err error
	if n < len(p) {
		var rest int
		rest, err = c.Conn.Write(p[n:])
		n, wall = n+rest, 0
	}
	left, exact := c.clock.Read().Departure(wall, before)
	if first && exact {
		s.sent.Store(int64(left))
	}
	s.written.Store(int64(left))
	if first {
		close(s.wrote)
	}
	return n, err
}

// Mark begins a request: the next Write is its first. The result has its times.
func (c *Conn) Mark() *Sending {
	s := &Sending{wrote: make(chan struct{})}
	c.sending.Store(s)
	return s
}

// Sending is the times when a request was sent. They may still change until Wrote
// is closed.
type Sending struct {
	sent, written atomic.Int64
	wrote         chan struct{}
}

// Wrote is closed when the first Write has returned.
func (s *Sending) Wrote() <-chan struct{} { return s.wrote }

// Sent returns when the bytes of the first Write left, if the kernel stamped
// them, else when that Write began; 0 if there was none.
func (s *Sending) Sent() time.Duration { return time.Duration(s.sent.Load()) }

// Written returns when the bytes of the last Write left, if the kernel stamped
// them, else when that Write ended; 0 if there was none.
func (s *Sending) Written() time.Duration { return time.Duration(s.written.Load()) }

// Arrived returns when the last byte of the last Read that delivered bytes
// arrived.
func (c *Conn) Arrived() time.Duration { return time.Duration(c.arrived.Load()) }

// Exact reports whether all bytes of the last Read that delivered some are known to
// have arrived at once, when Arrived says.
func (c *Conn) Exact() bool { return c.exact.Load() }

// Seen returns when the last Read that delivered bytes returned.
func (c *Conn) Seen() time.Duration { return time.Duration(c.seen.Load()) }
