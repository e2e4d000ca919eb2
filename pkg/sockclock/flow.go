package sockclock

// Part is a part of the bytes of one read that arrived together.
type Part struct {
	Len  int
	Wall int64 // when it arrived, in nanoseconds since 1970; 0 = unknown
}

// flow is the receiving direction of one TCP connection, by its segments.
// Sequence numbers wrap around, so they are compared by the sign of their
// difference.
type flow struct {
	start uint32 // sequence number of the connection's first byte
	next  uint32 // sequence number of the first byte that has not arrived in order
	taken uint32 // sequence number of the first byte that was not taken
	marks []mark // arrivals of the bytes between the two, in order
	first int    // index of the first mark that is not taken
	early []segment
}

// mark means that the bytes from the end of the mark before up to end could be
// read from the time wall on.
type mark struct {
	end  uint32
	wall int64
}

// segment is a segment that arrived before one that precedes it.
type segment struct{ from, end uint32 }

// maxEarly is how many segments may wait for a lost one. Further ones are
// dropped with their times; 1,024 are more than a receive window of a megabyte
// holds.
const maxEarly = 1024

func newFlow(first uint32) *flow { return &flow{start: first, next: first, taken: first} }

// arrive records the arrival of a segment of n bytes.
func (f *flow) arrive(from uint32, n int, wall int64) {
	end := from + uint32(n)
	switch {
	case n <= 0 || int32(end-f.next) <= 0: // a retransmission
		return
	case int32(from-f.next) > 0:
		if len(f.early) < maxEarly {
			f.early = append(f.early, segment{from, end})
		}
		return
	}
	f.next = end
	for again := true; again; { // early segments may be in order now
		again = false
		for i, s := range f.early {
			if int32(s.from-f.next) > 0 {
				continue
			}
			if int32(s.end-f.next) > 0 {
				f.next = s.end
			}
			f.early = append(f.early[:i], f.early[i+1:]...)
			again = true
			break
		}
	}
	if f.first == len(f.marks) {
		f.marks, f.first = f.marks[:0], 0
	}
	f.marks = append(f.marks, mark{f.next, wall})
}

// covers reports whether the arrival of the next n bytes is known.
func (f *flow) covers(n int) bool { return int32(f.taken+uint32(n)-f.next) <= 0 }

// take appends the parts in which the next n bytes arrived. Their lengths add
// up to n.
func (f *flow) take(n int, parts []Part) []Part {
	to := f.taken + uint32(n)
	for f.first < len(f.marks) && f.taken != to {
		m := f.marks[f.first]
		end := m.end
		if int32(end-to) > 0 {
			end = to
		} else {
			f.first++
		}
		if size := int32(end - f.taken); size > 0 {
			parts = append(parts, Part{int(size), m.wall})
			f.taken = end
		}
	}
	if f.taken != to { // from segments that were not captured
		parts = append(parts, Part{int(to - f.taken), 0})
		f.taken = to
		if int32(to-f.next) > 0 {
			f.next = to
			f.early = f.early[:0]
		}
	}
	return parts
}
