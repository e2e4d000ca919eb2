package chat_test

import (
	"fmt"
	"os"
	"strings"

	"multiturn/pkg/chat"
)

func ExampleReader() {
	in := `[{"id": "a", "messages": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]}]
{"id": "b", "messages": []}`
	r := chat.NewReader(strings.NewReader(in), "data.json")
	for r.Scan() {
		c := r.Conversation()
		fmt.Println(c.ID, len(c.Messages), len(c.Cut(0)))
	}
	fmt.Println(r.Err())
	// Output:
	// a 2 1
	// data.json: line 2: item 2: messages is empty: a conversation needs at least one
}

func ExampleWriter() {
	w := chat.NewWriter(os.Stdout, chat.Converted)
	w.Write(&chat.Conversation{ID: "a",
		Messages: []chat.Message{{Role: chat.User, Text: "Grüße"}}})
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// [
	//   {
	//     "id": "a",
	//     "messages": [
	//       {
	//         "role": "user",
	//         "content": "Grüße"
	//       }
	//     ]
	//   }
	// ]
}
