package tokenizer_test

import (
	"fmt"

	"multiturn/pkg/tokenizer"
)

func ExampleO200kBase() {
	t := tokenizer.O200kBase()
	ids := t.Encode("Hello, world!")
	fmt.Println(ids, t.Count("Hello, world!"))
	fmt.Println(t.Decode(ids[:2], true))
	// Output:
	// [13225 11 2375 0] 4
	// Hello,
}

func ExampleCleanUpSpaces() {
	fmt.Println(tokenizer.CleanUpSpaces("Is n't it , after all ?"))
	// Output: Isn't it, after all?
}
