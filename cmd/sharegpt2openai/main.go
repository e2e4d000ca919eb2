// Command sharegpt2openai turns collections of shared chats (ShareGPT) into
// conversations: the converter of vLLM's benchmarks/multi_turn. Package sharegpt
// documents what it reads, what it keeps and how it differs from the reference.
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
		Description: "IN is a JSON array or JSONL. OUT is what its name says: an array (.json), " +
			"lines (.jsonl), compressed (.gz, .zst). Either may be - for stdin or stdout. IN is read " +
			"twice, in constant memory; what cannot be read twice is copied to a temporary " +
			"file.\n\n" +
			"Items with ids NAME_0, NAME_1, ... are parts of one conversation and are joined, if " +
			"their turns have the shape of ShareGPT (from, value). Items of role and content are " +
			"whole conversations. Also read are lists of texts (UltraChat), LMSYS-Chat-1M, " +
			"WildChat, Alpaca, tool calls of LLaMA-Factory and Hermes, and images by URL. " +
			"A bad item is skipped and counted. A question at the end of a " +
			"conversation is dropped. The table at the end shows what became of all items " +
			"and what was changed.\n\n" +
			"Exit code 3: IN is cut off; what came before is in OUT.",
		Args:    "IN OUT",
		Groups:  f.groups(),
		Options: []any{&f.options},
		Examples: []cli.Example{
			{About: "the reference's command line",
				Line: "sharegpt2openai ShareGPT_V3_unfiltered_cleaned_split.json data.json " +
					"--seed=99 --max-items=128"},
			{About: "long chats in English, straight into a run",
				Line: "sharegpt2openai sharegpt.json - --min-turns 10 --language ascii | " +
					"mtbench -i - -m MODEL"},
			{About: "conversations in Chinese or English of a collection that names languages",
				Line: "sharegpt2openai wildchat.jsonl.zst data.jsonl --language zh,en --dedup"},
			{About: "what was left out, and why",
				Line: "sharegpt2openai sharegpt.jsonl.gz data.jsonl --rejects rejects.jsonl"},
		},
		Run: f.run,
	}
}
