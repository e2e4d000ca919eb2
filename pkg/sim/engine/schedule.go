package engine

import "time"

// due is an entry of a schedule.
type due struct {
	at    time.Duration
	order uint64 // breaks ties: first come, first served
	s     *Sequence
}

// schedule is a binary heap of sequences by time. It does not use
// container/heap, whose interface calls would cost more than the rest of a
// token.
type schedule []due

func (h schedule) less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h schedule) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].s.index, h[j].s.index = i, j
}

func (h *schedule) push(d due) {
	d.s.index = len(*h)
	*h = append(*h, d)
	h.up(d.s.index)
}

// move changes the time of a sequence in the schedule.
func (h schedule) move(s *Sequence, at time.Duration, order uint64) {
	h[s.index].at, h[s.index].order = at, order
	if !h.down(s.index) {
		h.up(s.index)
	}
}

// remove removes a sequence, if it is in the schedule.
func (h *schedule) remove(s *Sequence) {
	i, last := s.index, len(*h)-1
	if i < 0 || i > last || (*h)[i].s != s {
		return
	}
	h.swap(i, last)
	(*h)[last] = due{}
	*h = (*h)[:last]
	s.index = -1
	if i < last && !h.down(i) {
		h.up(i)
	}
}

func (h schedule) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(i, parent) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h schedule) down(i int) (moved bool) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return moved
		}
		if r := child + 1; r < len(h) && h.less(r, child) {
			child = r
		}
		if !h.less(child, i) {
			return moved
		}
		h.swap(i, child)
		i, moved = child, true
	}
}
