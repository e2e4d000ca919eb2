package sharegpt_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"multiturn/pkg/chat"
	"multiturn/pkg/sharegpt"
)

func ExampleConvert() {
	in := `{"id": "x_1", "conversations": [{"from": "human", "value": "And 2+2?"}, {"from": "gpt", "value": "4"}]}
{"id": "x_0", "conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]}
{"id": "y_0", "conversations": [{"from": "human", "value": "Hello?"}]}`
	src, err := sharegpt.NewSource(strings.NewReader(in), "in.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	res, err := sharegpt.Convert(context.Background(), src, os.Stdout, chat.Converted,
		sharegpt.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println()
	os.Stdout.Write(res.AppendSummary(nil))
	// Output:
	// [
	//   {
	//     "id": "x",
	//     "messages": [
	//       {
	//         "role": "user",
	//         "content": "1+1?"
	//       },
	//       {
	//         "role": "assistant",
	//         "content": "2"
	//       },
	//       {
	//         "role": "user",
	//         "content": "And 2+2?"
	//       },
	//       {
	//         "role": "assistant",
	//         "content": "4"
	//       }
	//     ]
	//   }
	// ]
	// items read                                     3
	// conversations                                  2
	//   dropped: too few turns                       1  (first: line 3: 0 of 1)
	// conversations kept                             1  (4 messages)
	//   changed: joined from several items           1  (2 items)
	//   changed: roles renamed to user or assistant  1  (4 messages)
}
