// Package sockclock tells when bytes passed a socket, by the kernel's receive time stamps where there are some, so that a
// client that is itself late does not take its own lateness for the server's.
//
// # Where the times come from
//
// On Linux the kernel notes when it received each segment (SO_TIMESTAMPING, software) and hands the note out with the
// bytes (recvmsg). When several segments wait in the socket, it joins them and keeps the newest stamp: the stamp of a
// read is that of its last byte, an upper bound for the others. Where the right to capture packets can be had, a [Capture]
// does better: it notes each segment with its stamp in a ring shared with the kernel, so that every part of a read keeps
// its own time, however late the read. On other systems, and for connections that are not TCP, the time is taken right
// after Read returned. Times of sending are taken just before and after Write everywhere.
//
// # One clock
//
// Stamps are wall clock time. A [Clock] carries them over to the monotonic clock, whose distance to the wall clock is
// constant but for steps (someone sets the clock, a leap second): the two are disciplined together. The distance is
// measured closely once, watched with each reading of the time, and measured again when it moved; a stamp that would then
// lie after its reading or before the reading that went before is not believed, and the time of the reading is taken.
package sockclock

import (
	"net"
	"sync/atomic"
	"time"
)

// Source says where the times of arrival come from.
type Source string

// Sources.
const (
	Packets Source = "packets" // the kernel's receive time stamps, of every segment (Capture)
	Kernel  Source = "kernel"  // the kernel's receive time stamps, of every read
	User    Source = "user"    // time.Now right after Read
)

// Clock counts from a fixed instant. It is safe for concurrent use.
type Clock struct {
	start  time.Time
	offset atomic.Int64 // wall clock at monotonic 0, in nanoseconds since 1970
	steps  atomic.Int64
}

// stepLimit is how far the wall clock may stray from the offset before it is taken for a step: above what a descheduling
// between the readings of the two clocks inside time.Now usually costs, below what matters.
const stepLimit = 50 * time.Microsecond

// New makes a clock that counts from start, which must have a monotonic reading, as time.Now gives it.
func New(start time.Time) *Clock {
	c := &Clock{start: start}
	c.offset.Store(c.measure())
	return c
}

// Start is the instant from which the clock counts.
func (c *Clock) Start() time.Time { return c.start }

// Now is the time since the start.
func (c *Clock) Now() time.Duration { return time.Since(c.start) }

// Steps counts how often the wall clock was set while the clock was in use.
func (c *Clock) Steps() int { return int(c.steps.Load()) }

// measure is the distance of the wall clock from this one. time.Now reads the wall clock first, so being held up between
// the two readings makes the distance too small: the largest of several is the best.
func (c *Clock) measure() int64 {
	var best int64
	for range 16 {
		now := time.Now()
		best = max(best, now.UnixNano()-int64(now.Sub(c.start)))
	}
	return best
}

// Reading is one look at both clocks, taken right after bytes were read.
type Reading struct {
	at  time.Duration // monotonic
	old int64         // offset before a step seen by this reading
	off int64         // offset now
}

// At is when the reading was taken.
func (r Reading) At() time.Duration { return r.at }

// Read takes a reading. One serves for all reads of a batch that came before it.
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

// Arrival carries a stamp over: wall is the kernel's stamp in nanoseconds since 1970, 0 if there is none; after is a time
// at which the bytes had not arrived yet, as of the read before. Without a stamp, or with one that cannot be, it is the
// time of the reading.
func (r Reading) Arrival(wall int64, after time.Duration) time.Duration {
	if wall != 0 {
		for _, off := range [2]int64{r.off, r.old} {
			// The stamp was taken before the reading, but the offset is only known to some ten nanoseconds.
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

// Conn is a connection whose reads and writes are timed. Reads and writes may go on at the same time, as on any net.Conn,
// but not several reads.
type Conn struct {
	net.Conn
	clock  *Clock
	stamps stamper
	source Source

	arrived, seen atomic.Int64 // of the last Read that delivered bytes
	reads         atomic.Int64
	wrote         atomic.Int64 // before the first Write since Mark; 0 = none yet
	written       atomic.Int64 // after the last
}

// Wrap times c. Kernel stamps are used where c and the system have them; Source says so.
func (c *Clock) Wrap(conn net.Conn) *Conn {
	s := &Conn{Conn: conn, clock: c, source: User}
	if s.stamps.enable(conn) {
		s.source = Kernel
	}
	return s
}

// Source says where the times of arrival come from.
func (c *Conn) Source() Source { return c.source }

// Read reads and notes when the bytes arrived.
func (c *Conn) Read(p []byte) (int, error) {
	if c.source == User {
		n, err := c.Conn.Read(p)
		if n > 0 {
			now := int64(c.clock.Now())
			c.seen.Store(now)
			c.arrived.Store(now)
			c.reads.Add(1)
		}
		return n, err
	}
	n, wall, err := c.stamps.read(p)
	if n > 0 {
		r := c.clock.Read()
		c.arrived.Store(int64(r.Arrival(wall, time.Duration(c.arrived.Load()))))
		c.seen.Store(int64(r.at))
		c.reads.Add(1)
	}
	return n, err
}

// Write notes the time and writes.
func (c *Conn) Write(p []byte) (int, error) {
	c.wrote.CompareAndSwap(0, max(1, int64(c.clock.Now())))
	n, err := c.Conn.Write(p)
	c.written.Store(int64(c.clock.Now()))
	return n, err
}

// Mark begins a request: the next Write is its first.
func (c *Conn) Mark() {
	c.wrote.Store(0)
	c.written.Store(0)
}

// Sent is when the first Write since Mark began, and Written when the last one ended; 0 when there was none.
func (c *Conn) Sent() time.Duration    { return time.Duration(c.wrote.Load()) }
func (c *Conn) Written() time.Duration { return time.Duration(c.written.Load()) }

// Arrived is when the last byte of the last Read arrived, and Seen when Read had it.
func (c *Conn) Arrived() time.Duration { return time.Duration(c.arrived.Load()) }
func (c *Conn) Seen() time.Duration    { return time.Duration(c.seen.Load()) }

// Reads counts the Reads that delivered bytes.
func (c *Conn) Reads() int64 { return c.reads.Load() }
