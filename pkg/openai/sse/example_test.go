package sse_test

import (
	"fmt"

	"multiturn/pkg/openai/sse"
)

func Example() {
	var p sse.Parser
	take := func() {
		for p.Next() {
			fmt.Printf("%s\n", p.Event().Data)
		}
	}
	// A read may hold half an event, or several.
	for _, read := range []string{"data: {\"a\"", ":1}\n\ndata: {\"b\":2}\n\n: ping\n\n", "data: [DONE]"} {
		p.Feed([]byte(read))
		take()
	}
	p.Close()
	take()
	fmt.Println(p.Err())
	// Output:
	// {"a":1}
	// {"b":2}
	// [DONE]
	// <nil>
}
