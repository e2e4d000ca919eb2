package load_test

import (
	"fmt"
	"time"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
)

// Two clients, two conversations in progress, and turns that take a second.
func ExampleScheduler_Simulate() {
	question := chat.Message{Role: chat.User, Text: "Why?"}
	answer := chat.Message{Role: chat.Assistant, Text: "Because."}
	later := question
	later.Delay = 500 * time.Millisecond
	conversations := []chat.Conversation{
		{ID: "a", Messages: []chat.Message{question, answer, later}},
		{ID: "b", Messages: []chat.Message{question}},
		{ID: "c", Messages: []chat.Message{question}},
	}
	s, err := load.New(load.Options{Clients: 2}, conversations)
	if err != nil {
		fmt.Println(err)
		return
	}
	end := s.Simulate(func(d load.Dispatch, now time.Duration) (time.Duration, bool) {
		id := conversations[s.Plays()[d.Play].Conversation].ID
		fmt.Printf("%4v client %d sends turn %d of %s\n", now, d.Client, d.Turn, id)
		return time.Second, true
	})
	fmt.Println("over after", end)
	// Output:
	//   0s client 0 sends turn 0 of a
	//   0s client 1 sends turn 0 of b
	//   1s client 1 sends turn 0 of c
	// 1.5s client 0 sends turn 1 of a
	// over after 2.5s
}
