//go:build ignore

// make-sharegpt writes a ShareGPT file of a given size to stdout, to measure
// the converter. Its chats have the form and mix of real collections (parts of
// a conversation that are separate and out of order, code, other scripts, items
// without turns) and text from a book. The same size gives the same bytes.
//
//	go run scripts/make-sharegpt.go -mb 1000 examples/opticks.txt > big.json
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
)

func main() {
	megabytes := flag.Int("mb", 1000, "size in megabytes (10^6 bytes)")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: make-sharegpt [-mb N] TEXT")
		os.Exit(2)
	}
	book, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	words := strings.SplitAfter(string(book), " ")
	out := &counter{w: bufio.NewWriterSize(os.Stdout, 1<<20)}
	random := rand.New(rand.NewPCG(1, 2))
	text := func(median float64) string {
		n := int(median*math.Exp(random.NormFloat64())) + 1
		from := random.IntN(len(words))
		s := strings.Join(words[from:min(from+n, len(words))], "")
		switch random.IntN(20) {
		case 0:
			return "```go\nfunc main() {\n\tfmt.Println(\"hello\\n\")\n}\n```\n" + s
		case 1:
			return strings.Repeat("光的反射和折射。", n/4+1)
		case 2:
			return strings.Repeat("Отражение и преломление света. ",
				n/4+1)
		}
		return s
	}
	separator := "[\n"
	for id := 0; out.n < int64(*megabytes)*1e6; id++ {
		parts := 1 + random.IntN(3)
		for _, part := range random.Perm(parts) {
			type turn struct {
				From  string `json:"from"`
				Value string `json:"value"`
			}
			item := struct {
				ID            string `json:"id"`
				Conversations []turn `json:"conversations"`
			}{fmt.Sprintf("c%07d_%d", id, part), []turn{}}
			if random.IntN(100) > 0 {
				for range 1 + random.IntN(4) {
					item.Conversations = append(item.Conversations, turn{"human", text(20)},
						turn{"gpt", text(150)})
				}
			}
			var b strings.Builder
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			e.SetIndent("  ", "  ")
			if err := e.Encode(item); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			out.write(separator + "  " + strings.TrimSuffix(b.String(), "\n"))
			separator = ",\n"
		}
	}
	out.write("\n]\n")
	if err := out.w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type counter struct {
	w *bufio.Writer
	n int64
}

func (c *counter) write(s string) {
	n, _ := c.w.WriteString(s)
	c.n += int64(n)
}
