package load

import (
	"cmp"
	"container/heap"
	"time"
)

// agenda is what is to come, by time. Items of one time stay in the order in
// which they were added.
type agenda[T any] struct {
	items items[T]
	added int
}

func (a *agenda[T]) add(at time.Duration, what T) {
	a.added++
	heap.Push(&a.items, item[T]{at, a.added, what})
}

// next returns the time of the next item, and whether there is one.
func (a *agenda[T]) next() (time.Duration, bool) {
	if len(a.items) == 0 {
		return 0, false
	}
	return a.items[0].at, true
}

func (a *agenda[T]) pop() T { return heap.Pop(&a.items).(item[T]).what }

type item[T any] struct {
	at     time.Duration
	serial int
	what   T
}

// items is a heap with the next item first.
type items[T any] []item[T]

func (s items[T]) Len() int      { return len(s) }
func (s items[T]) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s items[T]) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(s[i].at, s[j].at), s[i].serial-s[j].serial) < 0
}

func (s *items[T]) Push(x any) { *s = append(*s, x.(item[T])) }

func (s *items[T]) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	*s = (*s)[:last]
	return x
}
