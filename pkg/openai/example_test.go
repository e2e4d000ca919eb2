package openai_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"multiturn/pkg/openai"
)

func ExampleClient_Do() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, event := range []string{
			`{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`,
			`{"choices":[{"index":0,"delta":{"content":"Hello"}}]}`,
			`{"choices":[{"index":0,"delta":{"content":", world"},"finish_reason":"stop"}]}`,
			`{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,` +
				`"prompt_tokens_details":{"cached_tokens":8}}}`,
			`[DONE]`,
		} {
			io.WriteString(w, "data: "+event+"\n\n")
		}
	}))
	defer server.Close()
	client, err := openai.New(openai.Options{URL: server.URL, Model: "tiny"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	r := client.Do(context.Background(), &openai.Request{
		Messages:  [][]byte{[]byte(`{"role":"user","content":"Hi"}`)},
		MaxTokens: 16,
	})
	fmt.Println(r.Outcome, r.Text)
	fmt.Println(r.Finish, r.Chunks, r.Usage.Prompt, r.Usage.Completion, *r.Usage.Cached)
	fmt.Println(r.Sent < r.FirstToken && r.FirstToken <= r.LastToken && r.LastToken <= r.End)
	// Output:
	// ok Hello, world
	// stop 2 9 4 8
	// true
}
