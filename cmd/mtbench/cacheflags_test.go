package main

import (
	"slices"
	"testing"
	"time"

	"multiturn/pkg/kvcache"
)

// A header has no tier of which nothing is stated.
func TestStatedTiers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		change func(*cacheFlags)
		want   []string
	}{
		{func(*cacheFlags) {}, []string{"gpu"}},
		{func(f *cacheFlags) { f.state.Tiers[kvcache.CPU].Blocks = 9 }, []string{"gpu", "cpu"}},
		{func(f *cacheFlags) { f.state.Tiers[kvcache.Disk].GiB = 9 }, []string{"gpu", "disk"}},
		{func(f *cacheFlags) { f.store[kvcache.CPU] = kvcache.PromptAndOutput }, []string{"gpu", "cpu"}},
	} {
		f := newCacheFlags()
		tc.change(&f)
		s, err := f.stated(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tier := range s.Tiers {
			got = append(got, tier.Tier)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("tiers %q, want %q", got, tc.want)
		}
	}
}

func TestThreeDigits(t *testing.T) {
	t.Parallel()
	for in, want := range map[time.Duration]string{
		0: "0s", 160 * time.Microsecond: "160µs", 22528 * time.Microsecond: "22.5ms",
		69229231: "69.2ms", 1234567890: "1.23s",
	} {
		if got := threeDigits(in).String(); got != want {
			t.Errorf("%d ns: %s, want %s", in, got, want)
		}
	}
}
