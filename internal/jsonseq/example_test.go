package jsonseq_test

import (
	"fmt"
	"strings"

	"multiturn/internal/jsonseq"
)

func ExampleScanner() {
	s := jsonseq.NewScanner(strings.NewReader(
		"[{\"a\": 1},\n {\"a\": 2}]\n{\"a\": \"lost quote}\n{\"a\": 3}"))
	for s.Scan() {
		it := s.Item()
		if it.Err != nil {
			fmt.Printf("line %d: %v\n", it.Line, it.Err)
			continue
		}
		fmt.Printf("line %d: %s\n", it.Line, it.Data)
	}
	if err := s.Err(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// line 1: {"a": 1}
	// line 2: {"a": 2}
	// line 3: a string holds a line break or another control character as such (is its closing quote missing?) (line 3)
	// line 4: {"a": 3}
}
