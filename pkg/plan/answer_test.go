package plan

import (
	"fmt"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
	"multiturn/pkg/render"
)

// The sentence on top has the hits of the stated cache, and what they are without
// its lower tiers: those of a cache of the same GPU tier.
func TestAnswer(t *testing.T) {
	t.Parallel()
	var conversations []chat.Conversation
	for i := range 12 {
		conversations = append(conversations, talk(fmt.Sprint(i), 40+i, 60, 4))
	}
	w := simulate(t, conversations, Simulation{Options: load.Options{Clients: 2, Active: 6}, AnswerTokens: 5})
	alone := Summarise(analyse(t, w, gpu(16, 60)), View{})
	if p := alone.Prediction; p.GPUAlone != nil {
		t.Errorf("a cache without lower tiers has %d hits without them", *p.GPUAlone)
	}
	tiers := gpu(16, 60)
	tiers.Tiers[kvcache.CPU] = kvcache.TierConfig{Blocks: 1800, Store: kvcache.PromptOnly}
	both := Summarise(analyse(t, w, tiers), View{})
	if both.Prediction.GPUAlone == nil || *both.Prediction.GPUAlone != alone.All.Predicted() ||
		both.All.Predicted() <= alone.All.Predicted() {
		t.Fatalf("%v hits of the GPU alone, want %d; with a CPU tier %d", both.Prediction.GPUAlone,
			alone.All.Predicted(), both.All.Predicted())
	}
	rate := func(s *Summary) string {
		return render.Percent(float64(s.All.Predicted()) / float64(s.All.Prompt))
	}
	possible := render.Percent(float64(both.All.Possible) / float64(both.All.Prompt))
	for _, tc := range []struct {
		s    *Summary
		want string
	}{
		{both, "60 blocks on the GPU + 1,800 blocks below: " + rate(both) + " of prompt tokens hit, of " +
			possible + " possible; without the lower tier " + rate(alone) + "."},
		{alone, "60 blocks on the GPU: " + rate(alone) + " of prompt tokens hit, of " + possible + " possible."},
		{Summarise(analyse(t, w, nil), View{}), "An unlimited cache hits " + possible +
			" of the prompt tokens. For 90 % of that an LRU cache needs "},
	} {
		if got := strings.Join(tc.s.answer(), " "); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s\nwant %s", got, tc.want)
		}
	}
}
