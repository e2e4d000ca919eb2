package sockclock

import (
	"fmt"
	"testing"
)

func TestFlow(t *testing.T) {
	t.Parallel()
	type step struct {
		from, n int   // a segment, relative to the first byte
		wall    int64 // 0: this is a take of n bytes
		want    string
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"one by one",
			[]step{{0, 10, 1, ""}, {0, 10, 0, "[{10 1}]"}, {10, 5, 2, ""}, {0, 5, 0, "[{5 2}]"}}},
		{"joined in the socket",
			[]step{{0, 10, 1, ""}, {10, 5, 2, ""}, {15, 1, 3, ""},
				{0, 16, 0, "[{10 1} {5 2} {1 3}]"}}},
		{"taken in pieces",
			[]step{{0, 10, 1, ""}, {10, 5, 2, ""}, {0, 4, 0, "[{4 1}]"}, {0, 8, 0, "[{6 1} {2 2}]"},
				{0, 3, 0, "[{3 2}]"}}},
		{"sent again",
			[]step{{0, 10, 1, ""}, {0, 10, 2, ""}, {5, 5, 3, ""}, {0, 10, 0, "[{10 1}]"}}},
		{"sent again with more",
			[]step{{0, 10, 1, ""}, {5, 10, 2, ""}, {0, 15, 0, "[{10 1} {5 2}]"}}},
		{"out of order",
			[]step{{10, 5, 1, ""}, {0, 10, 2, ""}, {15, 5, 3, ""}, {0, 20, 0, "[{15 2} {5 3}]"}}},
		{"out of order, several",
			[]step{{30, 10, 1, ""}, {10, 10, 2, ""}, {0, 10, 3, ""}, {20, 10, 4, ""},
				{0, 40, 0, "[{20 3} {20 4}]"}}},
		{"missed",
			[]step{{0, 10, 1, ""}, {0, 30, 0, "[{10 1} {20 0}]"}, {30, 5, 2, ""},
				{0, 5, 0, "[{5 2}]"}}},
		{"missed in the middle",
			[]step{{0, 10, 1, ""}, {20, 10, 2, ""}, {0, 30, 0, "[{10 1} {20 0}]"}, {30, 5, 3, ""},
				{0, 5, 0, "[{5 3}]"}}},
		{"noted after it was taken",
			[]step{{0, 10, 0, "[{10 0}]"}, {0, 10, 1, ""}, {10, 5, 2, ""}, {0, 5, 0, "[{5 2}]"}}},
		{"empty segments", []step{{0, 0, 1, ""}, {0, 10, 2, ""}, {0, 10, 0, "[{10 2}]"}}},
	} {
		for _, base := range []uint32{1000, 0xffffffff - 12} { // the second wraps around
			f := newFlow(base)
			for i, s := range c.steps {
				if s.wall != 0 {
					f.arrive(base+uint32(s.from), s.n, s.wall)
				} else if got := fmt.Sprint(f.take(s.n, nil)); got != s.want {
					t.Errorf("%s, from %d, step %d: %s, want %s", c.name, base, i, got, s.want)
				}
			}
		}
	}
}

// For any segments, parts add up, times do not go back, and no byte is reported
// to have arrived before its segment.
func FuzzFlow(f *testing.F) {
	f.Add([]byte{1, 0, 10, 1, 10, 10, 0, 0, 20}, uint32(7))
	f.Add([]byte{1, 10, 10, 1, 0, 10, 0, 0, 5, 0, 0, 30}, uint32(0xfffffffa))
	f.Fuzz(func(t *testing.T, steps []byte, base uint32) {
		flow := newFlow(base)
		var came [1 << 16]int64 // when each byte first came
		taken, wall, last := 0, int64(0), int64(0)
		for ; len(steps) >= 3; steps = steps[3:] {
			from, n := max(0, taken+int(steps[1])-64), int(steps[2])
			if from+n > len(came) || taken+n > len(came) {
				return
			}
			if steps[0]%2 == 1 {
				wall++
				flow.arrive(base+uint32(from), n, wall)
				for i := from; i < from+n; i++ {
					if came[i] == 0 {
						came[i] = wall
					}
				}
				continue
			}
			covered := flow.covers(n)
			sum := 0
			for _, p := range flow.take(n, nil) {
				if p.Len <= 0 || covered && p.Wall == 0 {
					t.Fatalf("part %+v, covered %v", p, covered)
				}
				if p.Wall != 0 {
					if p.Wall < last {
						t.Fatalf("a part of %d after one of %d", p.Wall, last)
					}
					last = p.Wall
					for i := taken + sum; i < taken+sum+p.Len; i++ {
						if came[i] == 0 || came[i] > p.Wall {
							t.Fatalf("byte %d came at %d, is said to have come at %d", i,
								came[i], p.Wall)
						}
					}
				}
				sum += p.Len
			}
			if sum != n {
				t.Fatalf("parts of %d bytes add up to %d", n, sum)
			}
			taken += n
		}
	})
}

func BenchmarkFlow(b *testing.B) {
	f := newFlow(1)
	var parts []Part
	b.ReportAllocs()
	for i := uint32(0); b.Loop(); i++ {
		f.arrive(1+i*200, 200, int64(i))
		if f.covers(200) {
			parts = f.take(200, parts[:0])
		}
	}
}
