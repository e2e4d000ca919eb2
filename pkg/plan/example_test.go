package plan_test

import (
	"context"
	"fmt"
	"strings"

	"multiturn/pkg/chat"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/load"
	"multiturn/pkg/plan"
	"multiturn/pkg/record"
	"multiturn/pkg/tokenizer"
)

// Two conversations in turn: how large must a cache be?
func ExampleSimulate() {
	var conversations []chat.Conversation
	for _, id := range []string{"a", "b"} {
		conversations = append(conversations, chat.Conversation{ID: id, Messages: []chat.Message{
			{Role: chat.User, Text: id + strings.Repeat(" why", 100)},
			{Role: chat.Assistant, Text: strings.Repeat(" because", 60)},
			{Role: chat.User, Text: "And then?"},
		}})
	}
	w, err := plan.Simulate(context.Background(), conversations, tokenizer.O200kBase(),
		plan.Simulation{Options: load.Options{Clients: 1, Active: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	a, err := plan.Analyse(w, nil, kvcache.PromptAndOutput)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, blocks := range []int{10, 20, 30} {
		fmt.Printf("%d blocks hit %.0f %% of the prompt tokens\n", blocks,
			100*a.Curve.Rate(a.Curve.At(blocks)))
	}
	// Output:
	// 10 blocks hit 0 % of the prompt tokens
	// 20 blocks hit 30 % of the prompt tokens
	// 30 blocks hit 55 % of the prompt tokens
}

// A run's turns beside what caches would have hit.
func ExampleCompare() {
	turn := func(number, sentMS, prompt, answer int) *record.Turn {
		return &record.Turn{
			Conversation: "a", Turn: number,
			Exchange: record.Exchange{Outcome: record.OK, Sent: record.Clock(sentMS * 1e6),
				End:   record.Clock((sentMS + 500) * 1e6),
				Usage: &record.Usage{Prompt: prompt, Completion: answer}},
		}
	}
	config := kvcache.Config{BlockSize: 16,
		Tiers: [kvcache.NumTiers]kvcache.TierConfig{kvcache.GPU: {Blocks: 40}}}
	turns, _, err := plan.Compare([]*record.Turn{turn(0, 1, 300, 40), turn(1, 1000, 400, 40)},
		&config, plan.Executed{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range turns {
		fmt.Println("prompt", t.Prompt, "new", t.New, "possible", t.Possible, "predicted", t.Predicted())
	}
	// Output:
	// prompt 300 new 300 possible 0 predicted 0
	// prompt 400 new 60 possible 336 predicted 336
}
