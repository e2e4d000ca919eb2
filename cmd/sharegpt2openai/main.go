// Command sharegpt2openai turns collections of shared chats (ShareGPT) into conversations: the converter of vLLM's
// benchmarks/multi_turn. Package sharegpt says what it reads, what it keeps and how it differs from the reference.
package main

import (
	"os"

	"multiturn/pkg/cli"
)

func main() { os.Exit(cli.Main(command(), cli.OS())) }

func command() *cli.Command {
	var f flags
	return &cli.Command{
		Name:  "sharegpt2openai",
		Usage: "turn shared chats (ShareGPT) into conversations that mtbench replays",
		Description: "IN is a JSON array or JSONL, OUT what its name says: an array (.json), lines (.jsonl), packed (.gz); either may be - " +
			"for stdin or stdout. IN is read twice, in constant memory; what cannot be read twice goes by way of a temporary file.\n\n" +
			"Items with ids NAME_0, NAME_1, ... are parts of one conversation and joined, if their turns are of ShareGPT's shape (from, " +
			"value); items of role and content are conversations already. A bad item is skipped and counted. Conversations that end " +
			"with a question lose it. The table at the end says what became of everything.\n\n" +
			"Exit code 3: IN is cut off; what came before is in OUT.",
		Args:   "IN OUT",
		Groups: f.groups(),
		Examples: []cli.Example{
			{About: "the reference's command line", Line: "sharegpt2openai ShareGPT_V3_unfiltered_cleaned_split.json data.json --seed=99 --max-items=128"},
			{About: "long chats in English, straight into a run", Line: "sharegpt2openai sharegpt.json - --min-turns 10 --language ascii | mtbench -i - -m MODEL"},
			{About: "what was left out, and why", Line: "sharegpt2openai sharegpt.jsonl.gz data.jsonl --rejects rejects.jsonl"},
		},
		Run: f.run,
	}
}
